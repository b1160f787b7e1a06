import subprocess
import sys

from echojax.report import figures
from echojax.vocabulary import ENHANCEMENTS, QUALITIES


def test_every_quality_and_enhancement_has_its_own_colour_and_marker_known_or_not():
    names = ["b_new", *reversed(ENHANCEMENTS), "a_new"]
    styles = figures.enhancement_styles(names)
    assert list(styles)[-2:] == ["a_new", "b_new"]
    assert set(styles) == set(names)
    for column in zip(*styles.values(), strict=True):
        assert len(set(column)) == len(names)
    assert set(figures.QUALITY_STYLES) == set(QUALITIES)


def test_a_canvas_makes_folders_and_leaves_the_style_of_others_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    path = tmp_path / "new" / "panel.png"
    with figures.canvas(path, 1, 1) as figure:
        figures.absent(figure.subplots(), "nothing here")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in path.with_suffix(".svg").read_text()
    assert path.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert dict(matplotlib.rcParams) == before


def test_a_report_is_built_without_jax():
    code = (
        "import sys, echojax.studies.diagnosis.report; "
        "from echojax.report import figures, origin, page, statistics, tables; "
        "print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
