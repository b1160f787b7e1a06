"""A head on a segmentation network, of which one file gives masks and grades."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax import config, devices
from echojax.errors import InputError
from echojax.inference import pooled
from echojax.inference.regional_quality import Grader
from echojax.inference.regions import MIRRORED, divide
from echojax.inference.scorers import Regional, Seen
from echojax.inference.sector import sector
from echojax.inference.segment import SIZE, Segmenter
from echojax.models.region_head import HEAD, Pooled
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.unet import UNet, UNetSettings
from echojax.recipes import grader_start, grading, pooled_head, regional_quality
from echojax.runs.job import Job
from echojax.training.loop import fit
from echojax.weights import by_name, networks
from tests.inference.test_grade import MASK, SPACING

TINY = UNetSettings(encoder=(4, 6), decoder=(4,))
SIDE = 64


def frame_of(grades, seed):
    """A frame whose regions are the brighter the better they are."""
    levels = np.array([60, 20, 90, 30])[MASK].astype(np.float64)
    sector = np.ones(MASK.shape, bool)
    for region, grade in zip(divide(MASK, SPACING, sector).masks, grades, strict=True):
        levels[region] = 60 + 35 * grade
    noise = np.random.default_rng(seed).normal(0, 4, MASK.shape)
    return (levels + noise).clip(10, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def start(random_network, tmp_path_factory):
    """A file as train-segmenter leaves it."""
    file = tmp_path_factory.mktemp("start") / "segmenter.safetensors"
    networks.save(random_network(lambda: UNet(TINY, rngs=nnx.Rngs(0))), file, {SIZE: str(SIDE)})
    return file


@pytest.fixture(scope="module")
def settings(start):
    words = {"network": "pooled", "init": start, "batch": 16, "steps": 400, "copies": 2}
    words |= {"learning_rate": 1e-2, "evaluate_every": 400, "held_out": 0.2, "inner": 0.25}
    every = [f"regional_quality.{key}={value}" for key, value in words.items()]
    return config.load(grading.Config, None, every).regional_quality


@pytest.fixture(scope="module")
def frames(make_frames):
    """Forty persons' frames; the last one's mask has no heart."""
    grades = np.random.default_rng(0).uniform(1, 5, (40, 8)).astype(np.float32)
    images = [frame_of(own, seed) for seed, own in enumerate(grades)]
    masks = [MASK] * 39 + [np.zeros_like(MASK)]
    persons = [f"person{k:02}" for k in range(40)]
    return make_frames(
        images, persons, masks=masks, spacing=SPACING, grades=grades, simulated=np.ones(40, bool)
    )


@pytest.fixture(scope="module")
def finished(frames, settings, tmp_path_factory):
    """A whole training: the job and its last scores."""
    logged = {}
    parts = grading.split([frames], settings)
    record = regional_quality.record(settings, "frames")
    job = Job(tmp_path_factory.mktemp("p"), "grader", record, lambda _, **new: logged.update(new))
    fit(pooled_head.training(settings, *parts), job, devices.data_mesh())
    return job, logged


def test_grades_of_persons_held_out_follow_what_regions_show(finished):
    _, scores = finished
    assert scores["mae"] < 0.75  # 1 if all were said to be 3
    assert scores["spearman"] > 0.45  # 0 of what does not see them


def test_the_segmentation_network_stays_bit_for_bit(finished, start):
    job, _ = finished
    before = by_name.arrays(networks.load(start))
    after = by_name.arrays(networks.load(job.file))
    assert {name.partition(".")[0] for name in after.keys() - before.keys()} == set(HEAD)
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_one_file_gives_masks_and_grades(finished, frames, start):
    job, _ = finished
    segmenter, grader = Segmenter.load(job.file), Grader.load(job.file)
    (image,) = frames.images[:1]
    np.testing.assert_array_equal(segmenter(image).mask, Segmenter.load(start)(image).mask)
    regions = divide(MASK, SPACING, sector(image))
    found = grader.in_regions(image, regions)
    assert np.abs(found.grades - frames.grades[0]).mean() < 0.75
    assert (found.low <= found.grades).all()
    assert isinstance(grader.scorer, Regional)
    seen = Seen(image, sector(image), MASK, regions, SPACING)
    np.testing.assert_allclose(grader.scorer(seen).grades, found.grades, atol=1e-5)
    assert np.isnan(grader.scorer(seen._replace(regions=None)).grades).all()


def test_a_mask_of_its_own_that_cannot_be_divided_has_no_grades(finished):
    job, _ = finished
    grader = Grader.load(job.file)
    black = np.zeros((40, 50), np.uint8)
    assert np.isnan(grader(black).grades).all()  # a random network finds no heart


def test_frames_without_regions_are_not_learned_from(start, frames):
    model = grader_start.with_head(networks.load(start), 4, 0)
    found = pooled_head.examples(Segmenter(model, SIDE), [frames], 2, 0)
    assert len(found.frames) == 2 * 39
    plain, changed = found.take(np.arange(39)), found.take(np.arange(39, 78))
    np.testing.assert_array_equal(plain.grades, frames.grades[:39])
    swapped = (changed.grades != plain.grades).any(axis=1)
    assert 0 < swapped.sum() < 39
    mirrored = frames.grades[:39][swapped][:, MIRRORED]
    np.testing.assert_array_equal(changed.grades[swapped], mirrored)
    with pytest.raises(InputError, match="of 1 frames none has a mask that can be divided"):
        pooled_head.examples(Segmenter(model, SIDE), [frames.take([39])], 1, 0)


def test_gain_alone_changes_no_grade(start, frames):
    """Frames are standardised before the network sees them; without clipping, tolerance 1e-3."""
    model = grader_start.with_head(networks.load(start), 4, 0)
    bright = np.float32(frames.images[0])[None, :SIDE, :SIDE] / 255
    where = np.ones((1, 8, *bright.shape[1:]), np.float32)
    one, other = (pooled.features_of(model, gain * bright, where) for gain in (1, 0.6))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_features_are_means_over_the_region(random_network):
    """Reference: the levels repeated to the size of the image, and averaged by NumPy."""
    settings = dataclasses.replace(TINY, encoder=(4, 6, 8), decoder=(6, 4))
    model = grader_start.with_head(random_network(lambda: UNet(settings, rngs=nnx.Rngs(0))), 4, 0)
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(2, 8, 12, 1)), jnp.float32)
    masks = rng.random((2, 8, 8, 12)) < 0.3
    masks[1, 3] = False

    @nnx.jit
    def both(model, x, masks):
        return model.pooled(x, masks), model._levels(x, train=False)

    found, levels = both(model, x, jnp.asarray(masks, jnp.float32))
    levels = [np.asarray(level) for level in levels]
    large = np.concatenate([levels[0].repeat(2, 1).repeat(2, 2), levels[1]], axis=-1)
    expected = [[large[n][masks[n, k]].mean(axis=0) for k in range(3)] for n in range(2)]
    np.testing.assert_allclose(found[:, :3], expected, rtol=1e-4, atol=1e-5)
    assert np.isnan(found[1, 3]).all()
    assert np.isfinite(found[0]).all()


def test_persons_that_the_segmenter_knows_are_neither_held_out_nor_kept_back(frames, settings):
    parts = grading.split([frames], settings, frames.hashes[:8])
    measured = {person for part in parts[1:] for own in part for person in own.group}
    assert not measured & set(frames.group[:8])
    assert sum(len(own) for part in parts for own in part) == 40
    with pytest.raises(InputError, match="has not learned"):
        grading.split([frames], settings, frames.hashes)


def test_a_start_that_segments_nothing_is_refused(settings, random_network, tmp_path):
    mesh = devices.data_mesh()
    for init in ("mobilenetv2", "random", str(tmp_path / "none.safetensors")):
        wrong = settings.model_copy(update={"init": init})
        with pytest.raises(InputError, match="train-segmenter"):
            regional_quality.check(wrong, mesh)
    other = SRResNetSettings(channels=2, blocks=1)
    file = tmp_path / "other.safetensors"
    networks.save(random_network(lambda: SRResNet(other, rngs=nnx.Rngs(0))), file)
    with pytest.raises(InputError, match="expected a UNet"):
        regional_quality.check(settings.model_copy(update={"init": str(file)}), mesh)


def test_a_file_that_only_segments_grades_nothing(start):
    with pytest.raises(InputError, match="train-grader"):
        Grader.load(start)
    assert isinstance(grader_start.with_head(networks.load(start), 4, 0), Pooled)
