import subprocess
import sys

from echojax.report import figures
from echojax.vocabulary import ENHANCEMENTS, QUALITIES


def test_every_quality_and_enhancement_has_its_own_colour_known_or_not():
    names = ["b_new", *reversed(ENHANCEMENTS), "a_new"]
    colours = figures.enhancement_colours(names)
    assert list(colours) == [*ENHANCEMENTS, "a_new", "b_new"]
    assert len(set(colours.values())) == len(names)
    assert set(figures.QUALITY_COLOURS) == set(QUALITIES)


def test_a_canvas_makes_folders_and_leaves_the_style_of_others_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    path = tmp_path / "new" / "panel.png"
    with figures.canvas(path, 1, 1) as figure:
        figures.absent(figure.subplots(), "nothing here")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before


def test_a_report_is_built_without_jax():
    code = (
        "import sys, echojax.studies.diagnosis.report; "
        "from echojax.report import figures, origin, page, statistics, tables; "
        "print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
