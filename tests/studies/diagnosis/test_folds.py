import numpy as np
import pytest

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.studies.diagnosis.cells import Cell
from echojax.studies.diagnosis.folds import balance, check_fold, make_folds
from echojax.vocabulary import QUALITIES

CAMUS_COUNTS = {"2CH": (217, 214, 69), "4CH": (288, 165, 47)}


def frames_of(counts, seed=0):
    """Blank frames, both phases, of as many patients as `counts` has qualities for each view."""
    rng = np.random.default_rng(seed)
    rows = []
    for view, numbers in enumerate(counts.values()):
        qualities = rng.permutation(np.repeat(np.arange(3), numbers))
        rows += [(p, view, phase, q) for p, q in enumerate(qualities) for phase in range(2)]
    rows.sort()
    patient, view, phase, quality = np.array(rows).T
    n = len(rows)
    return Frames(
        images=tuple(np.zeros((4, 4), np.uint8) for _ in range(n)),
        masks=(None,) * n,
        patient=np.array([f"patient{p:04d}" for p in patient]),
        view=view,
        phase=phase,
        quality=quality,
        spacing=np.ones((n, 2), np.float32),
    )


@pytest.fixture(scope="module")
def frames():
    return frames_of(CAMUS_COUNTS)


def folds(frames, protocol, seed=0):
    return make_folds(frames, protocol=protocol, sr_quality=("good",), parts=5, folds=5, seed=seed)


def test_strata_are_cut_to_the_poor_one_per_view_and_phase(frames):
    for stratum, indices in balance(frames, seed=0).items():
        assert set(frames.quality[indices]) == {QUALITIES.index(stratum)}
        cells = zip(frames.view[indices], frames.phase[indices], strict=True)
        assert sorted(np.unique(list(cells), axis=0, return_counts=True)[1]) == [47, 47, 69, 69]


def test_every_stratum_has_as_many_recordings_with_both_phases(frames):
    for indices in balance(frames, seed=0).values():
        recordings = list(zip(frames.patient[indices], frames.view[indices], strict=True))
        assert len(set(recordings)) == 69 + 47
        assert all(recordings.count(r) == 2 for r in set(recordings))


def test_a_recording_with_one_phase_is_in_no_stratum(frames):
    lonely = frames.take(np.arange(1, len(frames)))
    assert lonely.view[0] == frames.view[0]
    for seed in range(20):
        assert 0 not in np.concatenate([*balance(lonely, seed).values()])


def test_paper_splits_185_to_47_frames_and_tests_other_strata_whole(frames):
    fold = folds(frames, "paper")[0]
    for stratum in QUALITIES:
        assert len(fold.train[stratum]) == 185
        assert len(fold.test(stratum, stratum)) == 47
        assert not set(fold.train[stratum]) & set(fold.test(stratum, stratum))
    assert len(fold.test("good", "poor")) == 232
    assert len(fold.sr_train) == 1010
    assert not set(fold.sr_train) & set(fold.sr_held_out)


def test_paper_may_draw_frames_one_by_one(frames):
    """Then both phases of a good recording are drawn less often: 69 of 217, twice."""
    drawn = balance(frames, seed=0, draw="frames")
    for stratum, indices in drawn.items():
        cells = zip(frames.view[indices], frames.phase[indices], strict=True)
        assert sorted(np.unique(list(cells), axis=0, return_counts=True)[1]) == [47, 47, 69, 69]
        assert set(frames.quality[indices]) == {QUALITIES.index(stratum)}
    recordings = zip(frames.patient[drawn["good"]], frames.view[drawn["good"]], strict=True)
    _, times = np.unique(list(recordings), axis=0, return_counts=True)
    assert np.mean(times == 2) < 0.35
    np.testing.assert_array_equal(drawn["poor"], balance(frames, seed=0)["poor"])


def test_paper_lets_phases_of_one_recording_fall_on_both_sides(frames):
    fold = folds(frames, "paper")[0]
    assert set(frames.patient[fold.train["poor"]]) & set(frames.patient[fold.held_out["poor"]])


@pytest.mark.parametrize("protocol", ["paper", "patient"])
def test_over_all_folds_every_frame_of_a_stratum_is_held_out_once(frames, protocol):
    made = folds(frames, protocol)
    for stratum in QUALITIES:
        held_out = np.concatenate([fold.held_out[stratum] for fold in made])
        assert len(set(held_out)) == len(held_out) == 232
        for fold in made:
            seen = np.concatenate([fold.train[stratum], fold.held_out[stratum]])
            assert set(seen) == set(held_out)


def assert_nobody_crosses(fold, group):
    for trained in QUALITIES:
        of_training = set(group[fold.train[trained]]) | set(group[fold.sr_train])
        assert not of_training & set(group[fold.tested])
        for tested in QUALITIES:
            assert set(fold.test(trained, tested)) <= set(fold.tested)
    assert not set(group[fold.sr_train]) & set(group[fold.sr_held_out])


def test_no_patient_crosses_the_patient_protocol(frames):
    for fold in folds(frames, "patient"):
        assert_nobody_crosses(fold, frames.patient)
        for stratum in QUALITIES:
            assert 0.15 < len(fold.held_out[stratum]) / 232 < 0.25


def test_every_frame_is_among_the_tested_of_one_patient_level_fold(frames):
    """Whatever its quality, and whether a stratum has it or not."""
    tested = np.concatenate([fold.tested for fold in folds(frames, "patient")])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(frames)))


def test_protocol_paper_tests_the_strata_and_has_one_generator(frames):
    for fold in folds(frames, "paper"):
        assert set(fold.tested) == set(np.concatenate([*fold.others.values()]))
        assert fold.generator == 0


def test_ids_of_one_person_stay_together(frames):
    # Every patient has a twin; only the groups know.
    names = np.unique(frames.patient)
    twin = {name: names[k // 2] for k, name in enumerate(names)}
    group = np.array([twin[patient] for patient in frames.patient])
    images, table = frames.images, {**frames.table, "group": group}
    for fold in folds(Frames(images, frames.masks, **table), "patient"):
        assert_nobody_crosses(fold, group)
    # Without the groups twins would be torn apart, so the test above could fail.
    apart = folds(frames, "patient")
    assert all(set(group[fold.sr_train]) & set(group[fold.sr_held_out]) for fold in apart)


def test_the_duplicate_pair_of_real_camus_does_not_cross(camus_224):
    real = camus_224.take(camus_224.where(views=["2CH"]))
    pair = np.isin(real.patient, ["patient0033", "patient0068"])
    assert len(set(real.group[pair])) == 1
    for seed in range(5):
        for fold in folds(real, "patient", seed=seed):
            assert_nobody_crosses(fold, real.group)
            of_pair = np.isin(np.flatnonzero(pair), fold.tested)
            assert of_pair.all() or not of_pair.any()


def test_the_seed_decides_the_split(frames):
    one, same, other = (folds(frames, "patient", seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.train["poor"], same.train["poor"])
    assert not np.array_equal(one.train["poor"], other.train["poor"])


def cell(task, train, test):
    return Cell("patient", task, train, test, "none", "none", "none")


def test_a_stratum_too_small_to_split_is_named_with_its_counts():
    few = frames_of({"2CH": (20, 20, 3), "4CH": (20, 22, 1)})
    fold = folds(few, "patient")[0]
    message = r"stratum (good|poor), task view.*4CH frames; too few.*as small as the smallest, poor"
    with pytest.raises(InputError, match=message):
        check_fold(few, fold, cell("view", "good", "poor"), parts=5)


def test_a_task_whose_classes_are_not_all_there_is_told_so(frames):
    one_view = frames.take(frames.where(views=["2CH"]))
    fold = folds(one_view, "patient")[0]
    check_fold(one_view, fold, cell("phase", "good", "poor"), parts=5)
    with pytest.raises(InputError, match=r"there are no 4CH frames.*data\.views"):
        check_fold(one_view, fold, cell("view", "good", "poor"), parts=5)


def test_a_stratum_that_is_not_there_is_named(frames):
    better = frames.take(frames.where(qualities=["good", "medium"]))
    fold = folds(better, "patient")[0]
    with pytest.raises(InputError, match="there are no poor frames"):
        check_fold(better, fold, cell("view", "good", "poor"), parts=5)
