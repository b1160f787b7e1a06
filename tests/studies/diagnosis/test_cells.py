import pytest

from echojax.config import load
from echojax.errors import InputError
from echojax.studies.diagnosis.cells import all_cells, cells_of
from echojax.studies.diagnosis.config import Config
from echojax.vocabulary import ENHANCEMENTS, GENERATORS, USES


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


def where(cells):
    return {(c.train, c.test, c.mode, c.sr_on) for c in cells}


@pytest.mark.parametrize(
    ("sr", "modes"),
    [
        ("lanczos", {"upscale", "restore"}),
        ("blur", {"upscale", "restore"}),
        ("clahe", {"filter"}),
        ("normalize", {"filter"}),
        ("nlmeans", {"filter"}),
    ],
)
def test_controls_enhance_what_is_tested_unless_told_otherwise(sr, modes):
    cells = all_cells(study('study.tasks=["view"]', f'study.sr=["{sr}"]'))
    strata = ("good", "medium", "poor")
    assert where(cells) == {(train, "poor", mode, "test") for train in strata for mode in modes}
    more = all_cells(study(f'study.sr=["{sr}"]', 'study.controls_on=["train", "both"]'))
    assert {cell.sr_on for cell in more} == {"train", "both"}


def test_a_restorer_is_a_network_and_follows_sr_on():
    cells = all_cells(study('study.sr=["restorer"]', 'study.sr_on=["both"]'))
    assert where(cells) == {("poor", "poor", "filter", "both")}


def test_every_stratum_is_degraded_at_training_and_nothing_else():
    cells = all_cells(study('study.tasks=["view"]', 'study.sr=["degrade"]', 'study.sr_on=["test"]'))
    strata = ("good", "medium", "poor")
    assert where(cells) == {
        (train, test, "augment", "train") for train in strata for test in strata
    }


def test_modes_choose_among_what_resamples_only():
    cells = all_cells(study('study.sr=["lanczos", "clahe"]', 'study.modes=["restore"]'))
    assert {(cell.sr, cell.mode) for cell in cells} == {("lanczos", "restore"), ("clahe", "filter")}


def test_one_combination_of_a_filter_and_of_degraded_training():
    (clahe,) = cells_of(study(), ["view"], "good", "poor", "clahe", None)
    assert clahe[4:] == ("clahe", "filter", "test")
    (degraded,) = cells_of(study(), ["view"], "good", "medium", "degrade", None)
    assert degraded[4:] == ("degrade", "augment", "train")


@pytest.mark.parametrize("side", ["test", "both"])
def test_what_tests_is_never_degraded(side):
    with pytest.raises(InputError, match=r"degrade is done to what trains .*--sr-on train"):
        cells_of(study(), ["view"], "good", "poor", "degrade", side)


def test_every_enhancement_says_what_can_be_done_with_it():
    assert USES.keys() == set(ENHANCEMENTS)
    assert all(USES[name].generator == name for name in GENERATORS)


def test_nothing_to_enhance_is_an_error_that_says_what_to_do():
    with pytest.raises(InputError, match="--sr-on"):
        cells_of(study(), ["view"], "good", "medium", "srresnet", None)
