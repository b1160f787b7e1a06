import pytest

from echojax.config import load
from echojax.errors import InputError
from echojax.studies.diagnosis.cells import all_cells, cells_of
from echojax.studies.diagnosis.config import Config


def study(*overrides):
    return load(Config, None, overrides).study


def test_the_default_matrix_enhances_poor_frames_only():
    cells = all_cells(study('study.tasks=["view"]', 'study.modes=["upscale"]'))
    plain = [cell for cell in cells if cell.sr == "none"]
    assert len(plain) == 9
    bicubic = {(c.train, c.test, c.sr_on) for c in cells if c.sr == "bicubic"}
    assert bicubic == {
        ("poor", "good", "train"),
        ("poor", "medium", "train"),
        ("poor", "poor", "train"),
        ("good", "poor", "test"),
        ("medium", "poor", "test"),
        ("poor", "poor", "test"),
        ("poor", "poor", "both"),
    }


def test_every_protocol_task_and_mode_has_its_cells():
    cells = all_cells(study('study.protocols=["patient", "paper"]'))
    assert len(cells) == 2 * 2 * (9 + 2 * 2 * 7)
    assert len(set(cells)) == len(cells)


@pytest.mark.parametrize(
    ("train", "test", "side"),
    [("poor", "good", "train"), ("medium", "poor", "test"), ("poor", "poor", "both")],
)
def test_by_default_the_poor_side_is_enhanced(train, test, side):
    cells = cells_of(study(), ["view"], train, test, "srresnet", None)
    assert {cell.sr_on for cell in cells} == {side}
    assert {cell.mode for cell in cells} == {"upscale", "restore"}


def test_a_side_that_is_named_wins():
    (cell,) = cells_of(
        study('study.modes=["restore"]'), ["phase"], "good", "good", "bicubic", "both"
    )
    assert cell == ("patient", "phase", "good", "good", "bicubic", "restore", "both")


def test_nothing_to_enhance_is_an_error_that_says_what_to_do():
    with pytest.raises(InputError, match="--sr-on"):
        cells_of(study(), ["view"], "good", "medium", "srresnet", None)
