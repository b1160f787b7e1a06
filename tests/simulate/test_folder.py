"""The folder as a whole: its files, its cfg, and what stands in its way."""

import json
import shutil
from itertools import chain
from pathlib import Path

import pytest

from echojax.errors import EchojaxError, InputError
from echojax.simulate.dataset import simulate
from echojax.simulate.quality import CAUSES, QUALITIES
from tests.simulate.reading import (
    PATIENTS,
    PHASES,
    SEED,
    SIZE,
    VIEWS,
    drawn,
    files,
    info,
    patients_and_views,
)
from tfds_camus import scan


def expected_files(patients, shown):
    expected = {"simulation.json"}
    expected |= {f"database_split/subgroup_{g}.txt" for g in ("training", "validation", "testing")}
    for number in range(1, patients + 1):
        name = f"patient{number:04d}"
        expected.add(f"database_nifti/{name}/simulation.json")
        for view in VIEWS:
            expected.add(f"database_nifti/{name}/Info_{view}.cfg")
            for what in shown:
                expected.add(f"database_nifti/{name}/{name}_{view}_{what}.nii.gz")
                expected.add(f"database_nifti/{name}/{name}_{view}_{what}_gt.nii.gz")
    return expected


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """One small patient of seed 0, which tests only copy."""
    out = tmp_path_factory.mktemp("small") / "out"
    simulate(out, patients=1, seed=0, size=32)
    return out


@pytest.fixture
def out(simulated, tmp_path):
    """A copy of it to put something else in the place of."""
    return shutil.copytree(simulated, tmp_path / "out")


def test_layout_is_that_of_the_camus_nifti_release_sequences_beside_the_phases(dataset, sequences):
    assert files(dataset).keys() == expected_files(PATIENTS, PHASES)
    assert files(sequences).keys() == expected_files(2, (*PHASES, "half_sequence"))


def test_coherence_lies_beside_frames_of_the_same_hearts(coherent, sequences):
    beside = {
        f"database_nifti/{name}/{name}_{view}_{phase}_cf.nii.gz"
        for name in ("patient0001", "patient0002")
        for view in VIEWS
        for phase in PHASES
    }
    assert files(coherent).keys() == expected_files(2, PHASES) | beside
    marker = json.loads((coherent / "simulation.json").read_text())
    assert (marker["coherence"], marker["coherence version"]) == (True, 1)
    assert "coherence" not in json.loads((sequences / "simulation.json").read_text())
    mask = "database_nifti/patient0001/patient0001_2CH_ED_gt.nii.gz"
    assert files(coherent)[mask] == files(sequences)[mask]


def test_grades_of_regions_are_told_by_cfg_files_and_their_physics_beside(coherent):
    for number in (1, 2):
        told = drawn(coherent, number)
        for view in VIEWS:
            cfg = info(coherent, number, view)
            for phase in PHASES:
                known = told["views"][view]["regions"][phase]
                assert known.keys() == {"snr", "coherence", "lost", "inside", "grades"}
                grades = [float("nan" if g is None else g) for g in known["grades"]]
                found = [float(word) for word in cfg[f"RegionGrades{phase}"].split()]
                assert found == pytest.approx(grades, abs=0.006, nan_ok=True)


def test_a_folder_with_coherence_is_overwritten(coherent, tmp_path):
    out = shutil.copytree(coherent, tmp_path / "out")
    simulate(out, patients=1, seed=0, size=32, overwrite=True)
    assert files(out).keys() == expected_files(1, PHASES)


def test_sequences_do_not_disturb_the_dataset_builder(sequences):
    found = scan(sequences)
    assert len(found.frames) == 8
    assert all(frame.mask is not None and frame.cfg is not None for frame in found.frames)
    assert found.absent == ()


def test_marker_records_what_was_simulated(dataset, sequences):
    marker = json.loads((dataset / "simulation.json").read_text())
    asked = {"seed": SEED, "patients": PATIENTS, "size": SIZE, "frames": None}
    assert asked.items() <= marker.items()
    assert "version" in marker
    assert json.loads((sequences / "simulation.json").read_text())["frames"] == 5


def test_split_puts_every_patient_in_one_group_80_10_10(dataset):
    groups = [
        (dataset / "database_split" / f"subgroup_{group}.txt").read_text().splitlines()
        for group in ("training", "validation", "testing")
    ]
    assert [len(group) for group in groups] == [8, 1, 1]
    assert sorted(chain.from_iterable(groups)) == [
        f"patient{n:04d}" for n in range(1, PATIENTS + 1)
    ]


def test_cfg_has_the_fields_of_the_release(dataset):
    lengths = set()
    for number, view in patients_and_views():
        fields = info(dataset, number, view)
        keys = ["ED", "ES", "NbFrame", "Sex", "Age", "ImageQuality", "EF", "FrameRate"]
        assert list(fields) == keys
        assert int(fields["ED"]) == 1
        assert 14 <= int(fields["ES"]) == int(fields["NbFrame"]) <= 24
        assert fields["Sex"] in ("F", "M")
        assert fields["ImageQuality"] in QUALITIES
        assert 20 <= int(fields["Age"]) <= 90
        assert float(fields["FrameRate"]) > 20
        lengths.add(fields["NbFrame"])
    assert len(lengths) > 1
    assert info(dataset, 1, "2CH")["EF"] == info(dataset, 1, "4CH")["EF"]


def test_cfg_counts_the_frames_of_a_sequence(sequences):
    for view in VIEWS:
        fields = info(sequences, 2, view)
        assert [fields[key] for key in ("ED", "ES", "NbFrame")] == ["1", "5", "5"]


def test_every_patient_tells_its_anatomy_and_the_causes_of_its_quality(dataset):
    causes = []
    for number, view in patients_and_views():
        numbers = drawn(dataset, number)
        of_view = numbers["views"][view]
        assert of_view["quality"] == info(dataset, number, view)["ImageQuality"]
        assert of_view["causes"].keys() == CAUSES.keys()
        assert of_view["scene"].keys() >= {"septum", "lateral", "unevenness"}
        assert 110 <= of_view["sector"]["depth"] <= 200
        assert 30 <= of_view["sector"]["half_angle"] <= 45
        assert 25 < of_view["anatomy"]["ejection_fraction"] < 80
        assert abs(of_view["anatomy"]["tilt"]) < 45
        assert abs(of_view["anatomy"]["lean"]) < 0.5
        assert 60 < numbers["heart"]["lv_length"] < 120
        causes.append(of_view["causes"])
    # Causes differ from view to view, but for rounding: none is a constant in disguise.
    for cause in CAUSES:
        assert len({numbers[cause] for numbers in causes}) > len(causes) / 2


def test_ejection_fraction_is_that_of_both_planes(dataset):
    for number in range(1, PATIENTS + 1):
        planes = [
            drawn(dataset, number)["views"][view]["anatomy"]["ejection_fraction"] for view in VIEWS
        ]
        assert abs(sum(planes) / 2 - float(info(dataset, number, "2CH")["EF"])) <= 0.5


def test_existing_folder_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match=r"--overwrite or choose another folder"):
        simulate(tmp_path, patients=1, seed=0, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_an_empty_folder_is_used_and_progress_counts_patients(tmp_path):
    out, calls = tmp_path / "empty", []
    out.mkdir()
    simulate(out, patients=2, seed=0, size=32, progress=calls.append)
    assert calls == [1, 1]
    assert (out / "simulation.json").exists()
    assert list(tmp_path.iterdir()) == [out]


def test_overwrite_replaces_a_simulated_folder_whole(tmp_path):
    out = tmp_path / "out"
    simulate(out, patients=2, seed=0, size=32, frames=3)
    with pytest.raises(InputError, match="--overwrite"):
        simulate(out, patients=1, seed=1, size=32)
    simulate(out, patients=1, seed=1, size=32, overwrite=True)
    assert files(out).keys() == expected_files(1, PHASES)
    assert json.loads((out / "simulation.json").read_text())["seed"] == 1
    assert list(tmp_path.iterdir()) == [out]


def test_overwrite_replaces_an_earlier_version_and_what_a_file_manager_left(out):
    marker = {"generator": "echojax.simulate", "version": 1, "seed": 0, "patients": 1, "size": 32}
    (out / "simulation.json").write_text(json.dumps(marker))
    (out / "database_nifti" / "patient0001" / "simulation.json").unlink()
    (out / "database_nifti" / ".DS_Store").write_text("icons")
    simulate(out, patients=1, seed=1, size=32, overwrite=True)
    assert json.loads((out / "simulation.json").read_text())["version"] > 1
    assert files(out).keys() == expected_files(1, PHASES)


@pytest.mark.parametrize(
    "foreign", ["no marker", "broken marker", "other marker", "added file", "added sequence"]
)
def test_overwrite_of_anybody_elses_data_is_refused(out, foreign):
    marker, patient = out / "simulation.json", out / "database_nifti" / "patient0001"
    if foreign == "no marker":
        marker.unlink()
    elif foreign == "broken marker":
        marker.write_text("[1, 2")
    elif foreign == "other marker":
        marker.write_text('{"generator": "another", "patients": 1}')
    elif foreign == "added file":
        (patient / "tracing.txt").write_text("mine")
    else:
        (patient / "patient0001_2CH_half_sequence.nii.gz").write_text("mine")
    before = files(out)
    with pytest.raises(InputError, match="will not be overwritten"):
        simulate(out, patients=1, seed=1, size=32, overwrite=True)
    assert files(out) == before


@pytest.mark.parametrize("can_be_put_back", [True, False])
def test_what_cannot_be_replaced_is_never_lost(out, tmp_path, monkeypatch, can_be_put_back):
    before = files(out)
    rename = Path.rename

    def fail(self, target):
        if Path(target) == out and not (can_be_put_back and self.name == "replaced"):
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises((EchojaxError, PermissionError)) as failed:
        simulate(out, patients=1, seed=1, size=32, overwrite=True)
    if can_be_put_back:
        assert list(tmp_path.iterdir()) == [out]
        assert files(out) == before
    else:
        (kept,) = tmp_path.glob("*/replaced")
        assert files(kept) == before
        assert str(kept) in str(failed.value)


def test_a_file_in_the_way_is_refused(tmp_path):
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        simulate(out, patients=1, seed=0, size=32, overwrite=True)
    assert out.read_text() == "mine"


class StopError(Exception):
    pass


def stop(_):
    raise StopError


def test_an_interrupted_run_leaves_nothing_behind_and_keeps_an_old_folder(out, tmp_path):
    before = files(out)
    with pytest.raises(StopError):
        simulate(tmp_path / "new", patients=2, seed=0, size=32, progress=stop)
    with pytest.raises(StopError):
        simulate(out, patients=2, seed=1, size=32, overwrite=True, progress=stop)
    assert files(out) == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    "wrong", [{"patients": 0}, {"size": 31}, {"seed": -1}, {"frames": 1}, {"workers": 0}]
)
def test_impossible_requests_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        simulate(tmp_path / "out", **({"patients": 1, "seed": 0, "size": 32} | wrong))
    assert list(tmp_path.iterdir()) == []
