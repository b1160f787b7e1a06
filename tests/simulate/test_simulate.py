import json
import subprocess
import sys
from collections import Counter
from itertools import chain

import nibabel as nib
import numpy as np
import pytest

from echojax.errors import InputError
from echojax.simulate import anatomy
from echojax.simulate.dataset import simulate
from echojax.simulate.quality import CAMUS_COUNTS, QUALITIES, assign_qualities

PATIENTS, SEED, SIZE = 10, 3, 128
VIEWS, PHASES = ("2CH", "4CH"), ("ED", "ES")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "camus"
    simulate(folder, patients=PATIENTS, seed=SEED, size=SIZE)
    return folder


def upright(folder, number, view, phase, suffix=""):
    name = f"patient{number:04d}"
    path = folder / "database_nifti" / name / f"{name}_{view}_{phase}{suffix}.nii.gz"
    return np.asarray(nib.load(path).dataobj).T


def info(folder, number, view):
    path = folder / "database_nifti" / f"patient{number:04d}" / f"Info_{view}.cfg"
    return dict(line.split(": ") for line in path.read_text().splitlines())


def patients_and_views():
    for number in range(1, PATIENTS + 1):
        for view in VIEWS:
            yield number, view


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_layout_is_that_of_the_camus_nifti_release(dataset):
    expected = {"simulation.json"}
    expected |= {f"database_split/subgroup_{g}.txt" for g in ("training", "validation", "testing")}
    for number, view in patients_and_views():
        name = f"patient{number:04d}"
        expected.add(f"database_nifti/{name}/Info_{view}.cfg")
        for phase in PHASES:
            expected.add(f"database_nifti/{name}/{name}_{view}_{phase}.nii.gz")
            expected.add(f"database_nifti/{name}/{name}_{view}_{phase}_gt.nii.gz")
    assert files(dataset).keys() == expected


def test_marker_records_what_was_simulated(dataset):
    marker = json.loads((dataset / "simulation.json").read_text())
    assert {"seed": SEED, "patients": PATIENTS, "size": SIZE}.items() <= marker.items()
    assert "version" in marker


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
    for number, view in patients_and_views():
        fields = info(dataset, number, view)
        keys = ["ED", "ES", "NbFrame", "Sex", "Age", "ImageQuality", "EF", "FrameRate"]
        assert list(fields) == keys
        assert 1 == int(fields["ED"]) < int(fields["ES"]) <= int(fields["NbFrame"])
        assert fields["Sex"] in ("F", "M")
        assert fields["ImageQuality"] in QUALITIES
        assert 20 <= int(fields["Age"]) <= 90
        assert float(fields["FrameRate"]) > 20
    assert info(dataset, 1, "2CH")["EF"] == info(dataset, 1, "4CH")["EF"]


def test_image_and_mask_lie_on_one_grid_of_square_pixels_16_cm_deep(dataset):
    folder = dataset / "database_nifti" / "patient0001"
    image = nib.load(folder / "patient0001_4CH_ED.nii.gz")
    mask = nib.load(folder / "patient0001_4CH_ED_gt.nii.gz")
    assert image.shape == mask.shape
    assert image.get_data_dtype() == mask.get_data_dtype() == np.uint8
    assert np.array_equal(image.affine, mask.affine)
    lateral, depth = image.header.get_zooms()
    assert lateral == depth
    assert image.shape[1] == SIZE
    assert depth * SIZE == pytest.approx(160)


def test_masks_hold_every_structure_the_ventricle_above_the_atrium(dataset):
    for number, view in patients_and_views():
        for phase in PHASES:
            mask = upright(dataset, number, view, phase, "_gt")
            assert np.unique(mask).tolist() == [0, 1, 2, 3]
            assert np.nonzero(mask == 1)[0].mean() < np.nonzero(mask == 3)[0].mean()


def test_outside_the_sector_is_black_and_unlabelled(dataset):
    spacing = 160 / SIZE
    for number, view in patients_and_views():
        for phase in PHASES:
            image, mask = (upright(dataset, number, view, phase, suffix) for suffix in ("", "_gt"))
            rows, columns = np.indices(image.shape)
            x, z = (columns + 0.5 - image.shape[1] / 2) * spacing, (rows + 0.5) * spacing
            outside = (np.hypot(x, z) > 160) | (np.degrees(np.arctan2(np.abs(x), z)) > 38.01)
            assert not image[outside].any()
            assert not mask[outside].any()
            assert (image[~outside] > 0).mean() > 0.99


def test_ventricle_shrinks_thickens_and_the_atrium_grows_from_ed_to_es(dataset):
    for number, view in patients_and_views():
        diastole, systole = (upright(dataset, number, view, phase, "_gt") for phase in PHASES)
        assert (diastole == 1).sum() > 1.1 * (systole == 1).sum()
        assert (diastole == 3).sum() < 0.95 * (systole == 3).sum()
        assert wall_thickness(diastole) < wall_thickness(systole)


def wall_thickness(mask):
    """Myocardium to the sides of the cavity per row, in the cavity's lower half, in pixels."""
    rows = np.nonzero((mask == 1).any(axis=1))[0]
    return (mask[rows[len(rows) // 2 : -5]] == 2).sum(axis=1).mean()


def test_ejection_fraction_agrees_with_the_masks(dataset):
    errors = []
    for number in range(1, PATIENTS + 1):
        volumes = []
        for phase in PHASES:
            masks = [upright(dataset, number, view, phase, "_gt") == 1 for view in VIEWS]
            areas = [mask.sum() for mask in masks]
            length = min(np.ptp(np.nonzero(mask)[0]) + 1 for mask in masks)
            volumes.append(areas[0] * areas[1] / length)  # biplane area-length
        measured = 100 * (1 - volumes[1] / volumes[0])
        errors.append(measured - float(info(dataset, number, "2CH")["EF"]))
    assert np.abs(errors).max() < 8
    assert np.abs(errors).mean() < 4


def test_only_the_four_chamber_view_shows_a_right_heart():
    rng = np.random.default_rng(0)
    heart = anatomy.draw_heart(rng)
    z, x = np.mgrid[0:160, -100:100]
    shown = {
        view: anatomy.tissues(heart, anatomy.draw_pose(rng, view), "ED", x, z) for view in VIEWS
    }
    right = {view: (shown[view] == anatomy.Tissue.RIGHT_CAVITY).sum() for view in VIEWS}
    assert right["2CH"] == 0
    assert right["4CH"] > 1000


def test_same_seed_gives_the_same_files(tmp_path):
    for name in ("first", "again"):
        simulate(tmp_path / name, patients=2, seed=SEED, size=64)
    assert files(tmp_path / "first") == files(tmp_path / "again")


def test_another_seed_gives_other_frames(dataset, tmp_path):
    simulate(tmp_path / "other", patients=1, seed=SEED + 1, size=SIZE)
    for phase in PHASES:
        first, second = (
            upright(folder, 1, "2CH", phase, "_gt") for folder in (dataset, tmp_path / "other")
        )
        assert not np.array_equal(first, second)


def test_a_patient_does_not_depend_on_how_many_there_are(dataset, tmp_path):
    simulate(tmp_path / "fewer", patients=4, seed=SEED, size=SIZE)
    kept = 0
    for number in range(1, 5):
        for view in VIEWS:
            same = [
                np.array_equal(
                    upright(dataset, number, view, "ES", suffix),
                    upright(tmp_path / "fewer", number, view, "ES", suffix),
                )
                for suffix in ("", "_gt")
            ]
            quality = [info(f, number, view)["ImageQuality"] for f in (dataset, tmp_path / "fewer")]
            assert same == [quality[0] == quality[1], True]
            kept += same[0]
    assert kept > 0


def test_both_phases_share_anatomy_but_not_speckle(dataset):
    diastole, systole = (upright(dataset, 1, "2CH", phase).astype(float) for phase in PHASES)
    outside = (diastole > 0) & (systole > 0)
    for phase in PHASES:
        outside &= upright(dataset, 1, "2CH", phase, "_gt") == 0
    # Around the heart little moves: what differs is the speckle.
    assert (diastole[outside] != systole[outside]).mean() > 0.8
    assert diastole[outside].mean() == pytest.approx(systole[outside].mean(), rel=0.1)


@pytest.mark.parametrize("view", VIEWS)
def test_qualities_follow_camus_by_quota(view):
    rounded = {"2CH": (43, 43, 14), "4CH": (58, 33, 9)}[view]
    orders = []
    for seed in range(3):
        qualities = assign_qualities(np.random.default_rng(seed), view, 100)
        assert tuple(Counter(qualities)[quality] for quality in QUALITIES) == rounded
        orders.append(qualities)
    assert orders[0] != orders[1]
    whole = Counter(assign_qualities(np.random.default_rng(0), view, 500))
    assert tuple(whole[quality] for quality in QUALITIES) == CAMUS_COUNTS[view]


@pytest.mark.parametrize("patients", [3, 4, 5, 10])
def test_every_quality_occurs_from_three_patients_on(patients):
    for view in VIEWS:
        qualities = assign_qualities(np.random.default_rng(0), view, patients)
        assert len(qualities) == patients
        assert set(qualities) == set(QUALITIES)


def test_contrast_of_myocardium_falls_with_quality(tmp_path):
    contrasts = {quality: [] for quality in QUALITIES}
    simulate(tmp_path / "many", patients=16, seed=1, size=64)
    for number in range(1, 17):
        for view in VIEWS:
            quality = info(tmp_path / "many", number, view)["ImageQuality"]
            for phase in PHASES:
                image = upright(tmp_path / "many", number, view, phase)
                mask = upright(tmp_path / "many", number, view, phase, "_gt")
                contrast = np.median(image[mask == 2]) - np.median(image[mask == 1])
                contrasts[quality].append(contrast)
    good, medium, poor = (np.mean(contrasts[quality]) for quality in QUALITIES)
    assert good > medium + 3
    assert medium > poor + 3
    assert poor > 0


def test_existing_folder_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match=r"--overwrite or choose another folder"):
        simulate(tmp_path, patients=1, seed=0, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_an_empty_folder_is_used(tmp_path):
    out = tmp_path / "empty"
    out.mkdir()
    simulate(out, patients=1, seed=0, size=32)
    assert (out / "simulation.json").exists()
    assert list(tmp_path.iterdir()) == [out]


def test_overwrite_replaces_a_simulated_folder_whole(tmp_path):
    out = tmp_path / "out"
    simulate(out, patients=2, seed=0, size=32)
    with pytest.raises(InputError, match="--overwrite"):
        simulate(out, patients=1, seed=1, size=32)
    simulate(out, patients=1, seed=1, size=32, overwrite=True)
    assert [path.name for path in (out / "database_nifti").iterdir()] == ["patient0001"]
    assert json.loads((out / "simulation.json").read_text())["seed"] == 1
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("foreign", ["no marker", "broken marker", "other marker", "added file"])
def test_overwrite_of_anybody_elses_data_is_refused(tmp_path, foreign):
    out = tmp_path / "out"
    simulate(out, patients=1, seed=0, size=32)
    marker = out / "simulation.json"
    if foreign == "no marker":
        marker.unlink()
    elif foreign == "broken marker":
        marker.write_text("[1, 2")
    elif foreign == "other marker":
        marker.write_text('{"generator": "another", "patients": 1}')
    else:
        (out / "database_nifti" / "patient0001" / "tracing.txt").write_text("mine")
    before = files(out)
    with pytest.raises(InputError, match="will not be overwritten"):
        simulate(out, patients=1, seed=1, size=32, overwrite=True)
    assert files(out) == before


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


def test_an_interrupted_run_leaves_nothing_behind(tmp_path):
    with pytest.raises(StopError):
        simulate(tmp_path / "out", patients=2, seed=0, size=32, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_overwrite_keeps_the_old_folder(tmp_path):
    out = tmp_path / "out"
    simulate(out, patients=1, seed=0, size=32)
    before = files(out)
    with pytest.raises(StopError):
        simulate(out, patients=2, seed=1, size=32, overwrite=True, progress=stop)
    assert files(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_progress_counts_patients(tmp_path):
    calls = []
    simulate(tmp_path / "out", patients=3, seed=0, size=32, progress=calls.append)
    assert calls == [1, 1, 1]


@pytest.mark.parametrize("wrong", [{"patients": 0}, {"size": 31}, {"seed": -1}])
def test_impossible_requests_are_refused(tmp_path, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        simulate(tmp_path / "out", **({"patients": 1, "seed": 0, "size": 32} | wrong))
    assert list(tmp_path.iterdir()) == []


def test_simulating_does_not_import_jax():
    code = "import sys, echojax.simulate.dataset; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
