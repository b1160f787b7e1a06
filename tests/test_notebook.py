"""The notebook runs as it stands, in a kernel of its own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_look.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_no_outputs_are_kept_with_it(notebook):
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_every_cell_runs_and_shows_what_it_says(notebook, tmp_path):
    client = NotebookClient(
        notebook, startup_timeout=600, timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    for drawn in ("read", "enhance"):
        assert any("image/png" in output.get("data", {}) for output in outputs[drawn])
    printed = {
        name: "".join(output.get("text", "") for output in found if output.get("name") == "stdout")
        for name, found in outputs.items()
    }
    assert "48 frames of 4 persons" in printed["read"]
    assert "(128, " in printed["enhance"]
    assert {"bicubic", "lanczos"} <= set(printed["measure"].split())
    assert "view: " in printed["classify"]
