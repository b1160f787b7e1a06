from pathlib import Path

import pytest
from pydantic import BaseModel

from echojax.errors import InputError
from echojax.report import origin, page
from echojax.report.blocks import Code


class Settings(BaseModel):
    note: str = ""
    seeds: int = 3


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text('[study]\nnote = "<old>"\nunknown = 1\n[gone]\na = 1\n')
    return tmp_path


def test_keys_of_another_version_are_passed_over_and_absent_ones_have_their_default(run):
    found = origin.read(run)
    assert found.settings("study", Settings) == Settings(note="<old>", seeds=3)
    assert found.settings("absent", Settings) == Settings()


@pytest.mark.parametrize("text", ["study =", "study = 3", '[study]\nseeds = "many"'])
def test_a_configuration_that_cannot_be_understood_is_named(run, text):
    (run / "config.toml").write_text(text)
    with pytest.raises(InputError, match=r"config\.toml"):
        origin.read(run).settings("study", Settings)


def test_the_section_has_configuration_environment_and_command(run, monkeypatch):
    (run / "environment.json").write_text('{"jax": "0.10.2"}')
    monkeypatch.chdir(run.parent)
    blocks = origin.section(origin.read(run), (Code("frames.csv"),), "echojax report --run")
    html = page.document("", blocks, run)
    assert "Computed from <code>frames.csv</code>;" in html
    assert f"<code>echojax report --run {run.name}</code>" in html
    assert "<td>jax</td><td>0.10.2</td>" in html
    assert "note = &quot;&lt;old&gt;&quot;" in html
    assert origin.read(run).name == f"{run.parent.name}/{run.name}"


def test_a_run_elsewhere_is_named_without_its_folders(run, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    html = page.document("", origin.section(origin.read(run), "it", "command"), run)
    assert f"<code>command {run.name}</code>" in html
    assert str(run.parent) not in html
    assert "environment.json is not in this run" in html
