"""Every heart in each quality: nothing but the causes of quality differs, and one person it is."""

import json
from itertools import chain

import numpy as np
import pytest

from echojax.cli import main
from echojax.data import camus
from echojax.errors import InputError
from echojax.simulate.dataset import simulate
from echojax.studies.diagnosis.folds import make_folds
from echojax.vocabulary import QUALITIES
from tests.simulate.reading import PHASES, SEED, SIZE, VIEWS, drawn, files, info, upright

PATIENTS = 5


def copies(number):
    """Numbers of the three folders of patient `number`; both count from 1."""
    return range(3 * number - 2, 3 * number + 1)


@pytest.fixture(scope="module")
def data_dir(grades, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    camus.prepare(grades, folder)
    return folder


@pytest.fixture(scope="module")
def frames(data_dir):
    return camus.load(data_dir)


def test_masks_and_spacings_are_equal_and_gray_levels_are_not(grades):
    for number in range(1, PATIENTS + 1):
        for view in VIEWS:
            for phase in PHASES:
                masks, images = (
                    [upright(grades, copy, view, phase, suffix) for copy in copies(number)]
                    for suffix in ("_gt", "")
                )
                good, medium, poor = masks
                assert np.array_equal(good, medium)
                assert np.array_equal(good, poor)
                # The same pixels see tissue, and no two show it alike.
                assert len({image.tobytes() for image in images}) == 3
            sectors = [drawn(grades, copy)["views"][view]["sector"] for copy in copies(number)]
            assert sectors[0] == sectors[1] == sectors[2]


def test_hearts_lie_where_they_do_in_good_frames(grades, dataset):
    compared = 0
    for number in range(1, PATIENTS + 1):
        first, *_ = copies(number)
        for view in VIEWS:
            if info(dataset, number, view)["ImageQuality"] == "Good":
                compared += 1
                for suffix in ("", "_gt"):
                    pair = (
                        upright(dataset, number, view, "ES", suffix),
                        upright(grades, first, view, "ES", suffix),
                    )
                    assert np.array_equal(*pair)
    assert compared


def test_cfg_files_name_one_subject_and_three_qualities(grades):
    for number in range(1, PATIENTS + 1):
        for view in VIEWS:
            fields = [info(grades, copy, view) for copy in copies(number)]
            assert [f.pop("ImageQuality") for f in fields] == ["Good", "Medium", "Poor"]
            assert fields[0]["Subject"] == f"patient{copies(number)[0]:04d}"
            assert fields[0] == fields[1] == fields[2]


def test_the_three_are_one_person_in_each_stratum_and_not_called_duplicates(data_dir, frames):
    assert frames.simulated.all()
    assert len(np.unique(frames.patient)) == 3 * PATIENTS
    people = np.unique(frames.group)
    assert len(people) == PATIENTS
    assert camus.duplicates(data_dir) == []
    for quality in QUALITIES:
        there = frames.where(qualities=[quality])
        assert set(frames.group[there]) == set(people)
        assert len(there) == 4 * PATIENTS


def test_a_split_by_patient_keeps_them_on_one_side_with_the_same_hearts_in_each_stratum(frames):
    folds = make_folds(
        frames, protocol="patient", sr_quality=("good",), parts=PATIENTS, folds=PATIENTS, seed=0
    )
    for fold in folds:
        trained = [set(frames.group[fold.train[quality]]) for quality in QUALITIES]
        tested = [set(frames.group[fold.held_out[quality]]) for quality in QUALITIES]
        assert trained[0] == trained[1] == trained[2]
        assert tested[0] == tested[1] == tested[2]
        assert len(trained[0]) == PATIENTS - 1
        assert len(tested[0]) == 1
        assert not trained[0] & set(frames.group[fold.tested])


def test_inspect_counts_people_and_says_that_they_are_simulated(data_dir, capsys):
    assert main(["inspect", "--data-dir", str(data_dir)]) == 0
    said = capsys.readouterr().out
    assert "Patients       5 under 15 ids" in said
    assert "In each grade  5 patients" in said
    assert "Simulated      every frame" in said
    assert "No recording occurs under two ids" in said


def test_camus_grades_are_shown_as_what_they_are(dataset, tmp_path, capsys):
    camus.prepare(dataset, tmp_path)
    assert main(["inspect", "--data-dir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Patients       10\n" in said
    assert "In each grade" not in said


def test_the_three_are_in_one_subgroup(tmp_path):
    simulate(tmp_path / "out", patients=5, seed=0, size=32, grades="each")
    listed = [
        (tmp_path / "out" / "database_split" / f"subgroup_{group}.txt").read_text().split()
        for group in ("training", "validation", "testing")
    ]
    assert [len(names) for names in listed] == [9, 3, 3]
    assert list(chain.from_iterable(listed)) == [f"patient{n:04d}" for n in range(1, 16)]
    assert json.loads((tmp_path / "out" / "simulation.json").read_text())["grades"] == "each"
    # Known as our own, it may be replaced.
    simulate(tmp_path / "out", patients=1, seed=0, size=32, overwrite=True)


def test_two_workers_write_what_one_does(grades, tmp_path):
    out = tmp_path / "two"
    simulate(out, patients=PATIENTS, seed=SEED, size=SIZE, grades="each", workers=2)
    assert files(out) == files(grades)


def test_sequences_share_their_masks_too(tmp_path):
    simulate(tmp_path / "out", patients=1, seed=1, size=32, frames=3, grades="each")
    masks = [upright(tmp_path / "out", n, "4CH", "half_sequence", "_gt") for n in copies(1)]
    assert np.array_equal(masks[0], masks[1])
    assert np.array_equal(masks[0], masks[2])


def test_other_grades_are_refused(tmp_path):
    with pytest.raises(InputError, match="grades: 'both'"):
        simulate(tmp_path / "out", patients=1, seed=0, grades="both")
