import math

import numpy as np
import pytest

from echojax.errors import InputError
from echojax.studies.diagnosis import manipulation, predictions
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.manipulation import Measured, manipulation_rows

PLAIN = Cell("patient", "view", "good", "poor", "none", "none", "none")
CLAHE = PLAIN._replace(sr="clahe", mode="filter", sr_on="test")


@pytest.fixture
def answered(tmp_path):
    """Writes answers of cells by seed, a 0 or 1 for each frame, and reads them."""

    def write(cells):
        file = tmp_path / "predictions.csv"
        for cell, seeds in cells.items():
            for seed, answers in enumerate(seeds):
                rows = [
                    {
                        "frame": f"p{k}_2CH_ED",
                        "patient": f"p{k}",
                        "view": "2CH",
                        "phase": "ED",
                        "quality": cell.test,
                        **cell._asdict(),
                        "fold": 0,
                        "seed": seed,
                        "probability": 0.9 if answer == "1" else 0.1,
                        "label": 0,
                    }
                    for k, answer in enumerate(answers)
                ]
                predictions.append(file, rows)
        return predictions.read(file)

    return write


def measured(rms=3.0, fold=0, frames=8, **names):
    chosen = {"protocol": "patient", "sr": "clahe", "mode": "filter", "quality": "poor"} | names
    return Measured(fold=fold, frames=frames, rms=rms, **chosen)


def test_answers_moved_by_the_enhancement_stand_beside_those_moved_by_a_seed(answered):
    found = answered({PLAIN: ["00000000", "00000011"], CLAHE: ["00000001", "11100011"]})
    (row,) = manipulation_rows([measured()], found)
    assert row[:4] == ("patient", "clahe", "filter", "poor")
    assert row.changed == pytest.approx(100 * (1 + 3) / 16)
    assert row.seed_changed == pytest.approx(100 * 2 / 8)


def test_every_two_seeds_are_compared(answered):
    found = answered({PLAIN: ["0000", "0001", "0011"], CLAHE: ["0000", "0001", "0011"]})
    (row,) = manipulation_rows([measured()], found)
    assert row.changed == 0
    assert row.seed_changed == pytest.approx(100 * (1 + 2 + 1) / 12)


def test_tasks_and_training_strata_count_alike(answered):
    other = {"task": "phase", "train": "medium"}
    cells = {PLAIN: ["0000"], CLAHE: ["0001"]}
    cells |= {cell._replace(**other): ["0000"] for cell in (PLAIN,)}
    cells |= {cell._replace(**other): ["0111"] for cell in (CLAHE,)}
    (row,) = manipulation_rows([measured()], answered(cells))
    assert row.changed == pytest.approx(100 * 4 / 8)


def test_only_what_is_tested_enhanced_counts(answered):
    """Where training was enhanced, too, another classifier answers."""
    cells = {PLAIN: ["0000"], CLAHE: ["0001"], CLAHE._replace(sr_on="both"): ["1111"]}
    (row,) = manipulation_rows([measured()], answered(cells))
    assert row.changed == 25
    assert math.isnan(row.seed_changed)


def test_without_answers_frames_alone_are_told(answered):
    (row,) = manipulation_rows([measured(rms=2.5)], answered({PLAIN: ["00"]}))
    assert row.rms == pytest.approx(2.5)
    assert math.isnan(row.changed)


def test_folds_count_by_their_frames_and_protocols_stay_apart(answered):
    rows = [measured(3.0, 0, 30), measured(5.0, 1, 10), measured(9.0, protocol="paper")]
    first, second = manipulation_rows(rows, answered({PLAIN: ["0"]}))
    assert (first.protocol, second.protocol) == ("patient", "paper")
    assert first.rms == pytest.approx(np.sqrt((30 * 9 + 10 * 25) / 40))
    assert second.rms == pytest.approx(9)


class Brighter:
    """Inputs that an enhancement makes brighter; remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def of(self, indices, fold, sr, mode):
        level = {"none": 0, "filter": 2, "restore": 5}[mode]
        self.asked.append((sr, mode, len(indices)))
        return np.full((len(indices), 16, 16), (100 + level) / 255, np.float32)


class Fold:
    protocol, number = "patient", 3

    def __init__(self):
        self.others = {"poor": np.arange(4), "good": np.arange(6)}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "manipulation.csv"


def test_what_is_missing_is_measured_and_nothing_again(file):
    inputs, restored = Brighter(), CLAHE._replace(sr="lanczos", mode="restore")
    manipulation.measure(file, inputs, Fold(), [PLAIN, CLAHE])
    first = file.read_text()
    (row,) = manipulation.read(file)
    assert row[:6] == ("patient", 3, "clahe", "filter", "poor", 4)
    assert row.rms == pytest.approx(2, rel=1e-3)
    inputs.asked.clear()
    manipulation.measure(file, inputs, Fold(), [PLAIN, CLAHE])
    assert file.read_text() == first
    assert not inputs.asked
    more = [CLAHE, restored, restored._replace(train="poor"), restored._replace(test="good")]
    manipulation.measure(file, inputs, Fold(), more)
    assert file.read_text().startswith(first)
    assert [(r.sr, r.quality, r.frames) for r in manipulation.read(file)[1:]] == [
        ("lanczos", "good", 6),
        ("lanczos", "poor", 4),
    ]


def test_what_is_enhanced_at_training_only_or_of_another_protocol_is_not_measured(file):
    cells = [PLAIN, CLAHE._replace(sr_on="train"), CLAHE._replace(protocol="paper")]
    manipulation.measure(file, Brighter(), Fold(), cells)
    assert manipulation.read(file) == []


def test_a_damaged_table_is_named(file):
    file.write_text(",".join(Measured._fields) + "\npatient,0,clahe,filter\n")
    with pytest.raises(InputError, match=r"manipulation\.csv, line 2: .*delete the file"):
        manipulation.read(file)
