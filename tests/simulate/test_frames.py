"""Frames and masks: their grid, what they show, and what a seed fixes."""

import dataclasses

import nibabel as nib
import numpy as np
import pytest

from echojax.errors import InputError
from echojax.simulate.dataset import simulate
from echojax.simulate.quality import QUALITIES
from echojax.simulate.sector import Sector
from echojax.simulate.view import draw_frames, draw_view
from tests.simulate.reading import (
    PATIENTS,
    PHASES,
    SEED,
    SIZE,
    VIEWS,
    drawn,
    info,
    patients_and_views,
    upright,
)


def test_image_and_mask_lie_on_one_grid_of_square_pixels_as_deep_as_the_sector(dataset):
    for number, view in patients_and_views():
        name = f"patient{number:04d}"
        stem = dataset / "database_nifti" / name / f"{name}_{view}_ED"
        image, mask = (nib.load(f"{stem}{suffix}.nii.gz") for suffix in ("", "_gt"))
        assert image.shape == mask.shape
        assert image.get_data_dtype() == mask.get_data_dtype() == np.uint8
        assert np.array_equal(image.affine, mask.affine)
        lateral, depth = image.header.get_zooms()
        assert lateral == depth
        assert image.shape[1] == SIZE
        sector = drawn(dataset, number)["views"][view]["sector"]
        assert depth * SIZE == pytest.approx(sector["depth"])
        width = 2 * sector["depth"] * np.sin(np.radians(sector["half_angle"]))
        assert image.shape[0] * lateral == pytest.approx(width, abs=1.01 * float(lateral))


def test_native_frames_have_the_spacing_of_camus_and_sizes_that_vary():
    shapes = set()
    for number in range(2):
        for name in VIEWS:
            view = draw_view(0, number, name, "Good")
            frames = draw_frames(view)
            assert frames.spacing == 0.308
            assert frames.images.shape == frames.masks.shape
            assert frames.images.shape[1] == round(view.sector.depth / 0.308)
            shapes.add(frames.images.shape[1:])
    assert len(shapes) > 1


def test_a_native_dataset_is_written_at_the_spacing_of_camus(tmp_path):
    simulate(tmp_path / "native", patients=1, seed=0)
    image = nib.load(
        tmp_path / "native" / "database_nifti" / "patient0001" / "patient0001_2CH_ES.nii.gz"
    )
    assert image.header.get_zooms() == pytest.approx((0.308, 0.308))
    assert np.diag(image.affine) == pytest.approx([-0.308, -0.308, 1, 1])


def test_masks_hold_every_structure_the_ventricle_above_the_atrium(dataset):
    for number, view in patients_and_views():
        for phase in PHASES:
            mask = upright(dataset, number, view, phase, "_gt")
            assert np.unique(mask).tolist() == [0, 1, 2, 3]
            assert np.nonzero(mask == 1)[0].mean() < np.nonzero(mask == 3)[0].mean()


def test_outside_the_sector_is_black_and_unlabelled(dataset):
    for number, view in patients_and_views():
        sector = drawn(dataset, number)["views"][view]["sector"]
        depth, half_angle = sector["depth"], sector["half_angle"]
        for phase in PHASES:
            image, mask = (upright(dataset, number, view, phase, suffix) for suffix in ("", "_gt"))
            rows, columns = np.indices(image.shape)
            x, z = (columns + 0.5 - image.shape[1] / 2), rows + 0.5
            radius, angle = np.hypot(x, z) * depth / SIZE, np.degrees(np.arctan2(np.abs(x), z))
            outside = (radius > depth) | (angle > half_angle + 0.01)
            assert not image[outside].any()
            assert not mask[outside].any()
            assert (image[~outside] > 0).mean() > 0.97


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
        spacings = [drawn(dataset, number)["views"][v]["sector"]["depth"] / SIZE for v in VIEWS]
        volumes = []
        for phase in PHASES:
            masks = [upright(dataset, number, view, phase, "_gt") == 1 for view in VIEWS]
            areas = [m.sum() * mm**2 for m, mm in zip(masks, spacings, strict=True)]
            lengths = [
                (np.ptp(np.nonzero(m)[0]) + 1) * mm for m, mm in zip(masks, spacings, strict=True)
            ]
            volumes.append(areas[0] * areas[1] / min(lengths))  # biplane area-length
        measured = 100 * (1 - volumes[1] / volumes[0])
        errors.append(measured - float(info(dataset, number, "2CH")["EF"]))
    assert np.abs(errors).max() < 8
    assert np.abs(errors).mean() < 4


def test_contrast_of_myocardium_falls_with_quality():
    contrasts = {quality: [] for quality in QUALITIES}
    for number in range(4):
        for name in VIEWS:
            for quality in QUALITIES:
                frames = draw_frames(draw_view(1, number, name, quality), 64)
                for image, mask in zip(frames.images, frames.masks, strict=True):
                    contrast = np.median(image[mask == 2]) - np.median(image[mask == 1])
                    contrasts[quality].append(contrast)
    good, medium, poor = (np.mean(contrasts[quality]) for quality in QUALITIES)
    assert good > medium + 3
    assert medium > poor + 3
    assert poor > 0


def drawn_both_ways(number, name):
    return [draw_view(0, number, name, quality) for quality in ("Good", "Poor")]


def test_only_what_follows_from_its_causes_depends_on_the_quality_of_a_view():
    good, poor = drawn_both_ways(1, "4CH")
    assert good.appearance != poor.appearance
    assert good.scene == poor.scene
    assert good.length == poor.length
    assert good.speckle == poor.speckle
    assert good.sector.half_angle == poor.sector.half_angle
    for field in dataclasses.fields(good.section):
        if field.name != "apex":
            first, second = (getattr(view.section, field.name) for view in (good, poor))
            assert np.array_equal(first, second)


@pytest.mark.parametrize("name", VIEWS)
def test_a_chest_wall_pushes_the_heart_down_as_it_is(name):
    shared = 0
    for number in range(3):
        good, poor = drawn_both_ways(number, name)
        walls = [view.appearance.chest_wall for view in (good, poor)]
        lower = poor.section.apex - good.section.apex
        assert lower == pytest.approx([0, walls[1] - walls[0]], abs=1e-4)
        assert poor.sector.depth >= good.sector.depth
        # Seen through one sector, so large that both lie in it, on the same grid of pixels.
        sector = Sector(200.0, np.radians(44.8))
        first, second = (
            draw_frames(dataclasses.replace(view, sector=sector), 200).masks
            for view in (good, poor)
        )
        down = round(float(lower[1]))
        first, second = first[:, : 200 - down], second[:, down:]
        heart = first > 0
        # But for the bending of the image plane, which stays where it is, and parts of a pixel.
        shared += (first == second)[heart].mean() / 3
    assert shared > 0.85


def test_another_seed_gives_other_frames(dataset, tmp_path):
    simulate(tmp_path / "other", patients=1, seed=SEED + 1, size=SIZE)
    for phase in PHASES:
        first, second = (
            upright(folder, 1, "2CH", phase, "_gt") for folder in (dataset, tmp_path / "other")
        )
        assert not np.array_equal(first, second)


def test_a_patient_depends_on_how_many_there_are_only_through_its_quality(dataset, sequences):
    for number in (1, 2):
        for view in VIEWS:
            quality = [info(f, number, view)["ImageQuality"] for f in (dataset, sequences)]
            for phase in PHASES:
                image, mask = (
                    [upright(f, number, view, phase, suffix) for f in (dataset, sequences)]
                    for suffix in ("", "_gt")
                )
                same = quality[0] == quality[1]
                assert np.array_equal(*image) == same
                assert np.array_equal(*mask) == same


@pytest.mark.parametrize("frames", [2, 5])
def test_stills_are_the_ends_of_every_sequence(frames):
    view = draw_view(SEED, 0, "4CH", "Good")
    stills, sequence = draw_frames(view, 64), draw_frames(view, 64, frames)
    assert sequence.images.shape[0] == sequence.masks.shape[0] == frames
    assert np.array_equal(sequence.images[[0, -1]], stills.images)
    assert np.array_equal(sequence.masks[[0, -1]], stills.masks)


def test_a_view_has_no_single_frame():
    with pytest.raises(InputError, match="frames: 1 is too few"):
        draw_frames(draw_view(SEED, 0, "4CH", "Good"), 64, frames=1)


def test_sequences_are_written_in_time_from_ed_to_es(sequences):
    for number in (1, 2):
        for view in VIEWS:
            for suffix in ("", "_gt"):
                sequence = upright(sequences, number, view, "half_sequence", suffix)
                stills = [upright(sequences, number, view, phase, suffix) for phase in PHASES]
                assert sequence.shape == (5, *stills[0].shape)
                assert np.array_equal(sequence[[0, -1]], stills)
            # `sequence` is the masks' now: the ventricle empties all the way.
            assert (np.diff((sequence == 1).sum((1, 2))) < 0).all()
