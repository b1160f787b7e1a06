"""What classifiers see of enhanced frames, and what it depends on."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flax import nnx
from scipy import ndimage

from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference import filters
from echojax.inference.classify import Shape, as_input
from echojax.inference.enhance import Interpolation, as_float, enhance
from echojax.inference.sector import rms_change
from echojax.models.srresnet import SRResNet, SRResNetSettings, start_as_interpolation
from echojax.recipes import learned_from
from echojax.studies.diagnosis import restorer
from echojax.studies.diagnosis.folds import make_folds
from echojax.studies.diagnosis.inputs import Inputs
from echojax.vocabulary import ENHANCEMENTS, USES
from echojax.weights import networks

SHAPE = Shape(32)


class Trained:
    """The generators of a run, trained already: interpolation, made brighter by fold and kind."""

    config = SimpleNamespace(scale=4)

    def __init__(self):
        self.made = []

    def network(self, sr, fold):
        self.made.append((sr, fold.protocol, fold.generator))
        model = SRResNet(SRResNetSettings(blocks=1, channels=2), rngs=nnx.Rngs(0))
        start_as_interpolation(model)
        brighter = {"srresnet": 0.02, "srgan": 0.05}[sr] * (1 + fold.generator)
        model.conv3.bias[...] = model.conv3.bias[...] + brighter
        return model

    def hash(self, sr, fold):
        return f"hash of {sr} {fold.generator}"


@pytest.fixture(scope="module")
def frames(make_frames):
    """24 patients of noise, smooth and grainy, with both views and phases, as many of a quality."""
    rng = np.random.default_rng(0)
    grain = rng.normal(scale=8, size=(96, 48, 48))
    noise = ndimage.gaussian_filter(rng.normal(size=(96, 48, 48)), (0, 2, 2))
    each = [(p, view, phase) for p in range(24) for view in range(2) for phase in range(2)]
    patient, view, phase = np.array(each).T
    return make_frames(
        list((128 + 400 * noise + grain).clip(0, 255).astype(np.uint8)),
        [f"patient{p:04d}" for p in patient],
        view=view,
        phase=phase,
        quality=patient % 3,
    )


def folds_of(frames, protocol):
    return make_folds(frames, protocol=protocol, sr_quality=("good",), parts=2, folds=2, seed=0)


@pytest.fixture(scope="module")
def folds(frames):
    return folds_of(frames, "patient")


@pytest.fixture
def inputs(frames):
    return Inputs(frames, Trained(), "", SHAPE)


@pytest.fixture(scope="module")
def restoring(tmp_path_factory, random_network):
    """Writes files of networks; by default of one that a restorer may be."""

    def save(card=None, **settings):
        chosen = SRResNetSettings(**({"scale": 1, "blocks": 1, "channels": 2} | settings))
        file = tmp_path_factory.mktemp("weights") / "restorer.safetensors"
        model = random_network(lambda: SRResNet(chosen, rngs=nnx.Rngs(0)))
        networks.save(model, file, card)
        return str(file)

    return save


def plain(frames, index):
    return as_input(as_float(frames.images[index]), SHAPE)


def test_every_enhancement_gives_inputs_of_its_own_in_every_mode(frames, folds, restoring):
    fold = folds[0]
    tested = fold.held_out["poor"][:2]
    inputs = Inputs(frames, Trained(), restoring(), SHAPE)
    asked = [(sr, mode) for sr in ENHANCEMENTS for mode in USES[sr].modes if mode != "augment"]
    seen = [inputs.of(tested, fold, *each) for each in [("none", "none"), *asked]]
    assert len(seen) == 1 + 5 * 2 + 4
    for k, one in enumerate(seen):
        assert one.shape == (2, SHAPE.size, SHAPE.size)
        assert all(np.abs(one - other).max() > 1e-3 for other in seen[:k])


def test_lanczos_and_filters_are_those_of_inference(frames, folds, inputs):
    frame = as_float(frames.images[7])
    large = enhance(frame, Interpolation("lanczos", 4), mode="restore")
    for sr, mode, expected in (
        ("lanczos", "restore", large),
        ("clahe", "filter", filters.clahe(frame)),
    ):
        (seen,) = inputs.of(np.array([7]), folds[0], sr, mode)
        np.testing.assert_array_equal(seen, as_input(expected, SHAPE))


@pytest.mark.parametrize("mode", ["upscale", "restore"])
def test_blur_moves_training_frames_as_far_as_srresnet_does(mode, folds, inputs):
    """Reference: the change by SRResNet itself, on all training frames of the poor stratum."""
    fold = folds[0]
    learned = fold.train["poor"]
    assert len(learned) <= 32
    before = inputs.of(learned, fold, "none", "none")
    wanted, found = (
        rms_change(before, inputs.of(learned, fold, sr, mode)) for sr in ("srresnet", "blur")
    )
    assert wanted > 1
    assert found == pytest.approx(wanted, rel=0.01)


def test_blur_is_a_gaussian_of_the_classifiers_input(frames, folds, inputs):
    fold = folds[0]
    (index,) = fold.held_out["poor"][:1]
    (seen,) = inputs.of(np.array([index]), fold, "blur", "restore")
    sigma = inputs.sigma(fold, "restore")
    assert sigma > 0.1
    expected = ndimage.gaussian_filter(plain(frames, index), sigma)
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_the_strength_of_the_blur_never_depends_on_what_is_tested(frames, folds):
    fold = folds[0]
    images = list(frames.images)
    for index in fold.tested:
        images[index] = 255 - images[index]
    table = {name: frames.table[name] for name in ("patient", "view", "phase", "quality")}
    changed = type(frames)(images, frames.masks, spacing=frames.spacing, **table)
    first, second = (
        Inputs(each, Trained(), "", SHAPE).sigma(fold, "restore") for each in (frames, changed)
    )
    assert first == second


def test_a_generator_without_effect_asks_for_no_blur(folds, inputs, monkeypatch):
    same = inputs.of(np.array([0, 1]), folds[0], "none", "none")
    monkeypatch.setattr("echojax.studies.diagnosis.inputs.rms_change", lambda *_: 0.0)
    np.testing.assert_array_equal(inputs.of(np.array([0, 1]), folds[0], "blur", "upscale"), same)


def test_blur_asks_for_the_folds_srresnet_and_only_once(folds, inputs):
    for _ in range(2):
        inputs.of(folds[1].held_out["poor"], folds[1], "blur", "restore")
    assert inputs.generators.made == [("srresnet", "patient", 1)]


def test_a_job_records_what_made_its_frames(folds, inputs, frames, restoring):
    file = restoring()
    given = Inputs(frames, inputs.generators, file, SHAPE)
    assert inputs.made_by("blur", folds[1]) == {"enhanced by": "hash of srresnet 1"}
    assert inputs.made_by("srgan", folds[0]) == {"enhanced by": "hash of srgan 0"}
    assert given.made_by("restorer", folds[0]) == {"enhanced by": sha256(Path(file))}
    for sr in ("none", "bicubic", "lanczos", "clahe", "normalize", "nlmeans", "degrade"):
        assert inputs.made_by(sr, folds[0]) == {}


def test_what_belongs_to_a_fold_is_made_anew_in_another_one_and_the_rest_is_kept(folds, inputs):
    first, second = (
        [inputs.of(np.array([3]), fold, sr, "restore") for sr in ("bicubic", "srresnet", "blur")]
        for fold in folds
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert np.abs(first[1] - second[1]).max() > 1e-3
    assert np.abs(first[2] - second[2]).max() > 1e-3


def test_folds_of_paper_share_the_generator_and_not_the_blur(frames, inputs):
    first, second = folds_of(frames, "paper")
    for fold in (first, second):
        inputs.of(fold.held_out["poor"][:2], fold, "blur", "restore")
    assert inputs.generators.made == [("srresnet", "paper", 0)]
    assert inputs.sigma(first, "restore") != inputs.sigma(second, "restore")


class TestRestorer:
    def test_one_that_is_not_named_says_how_to_make_one(self, frames, folds):
        with pytest.raises(InputError, match=r"train-restorer.*--set study\.restorer="):
            restorer.check("", frames, folds)

    def test_a_file_that_is_not_there_is_named(self, frames, folds):
        with pytest.raises(InputError, match=r"nowhere\.safetensors: no such"):
            restorer.check("nowhere.safetensors", frames, folds)

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"scale": 2}, "enlarges 2 times"),
            ({"in_channels": 3, "out_channels": 3}, "images of 3 channels"),
        ],
    )
    def test_a_network_that_is_none_is_refused(self, settings, told, frames, folds, restoring):
        with pytest.raises(InputError, match=told):
            restorer.check(restoring(**settings), frames, folds)

    def test_one_that_learned_from_what_is_tested_is_refused(self, frames, folds, restoring):
        learned = frames.take(folds[0].tested[:5])
        file = restoring({"data": "frames", **learned_from.card_of(learned.hashes, None)})
        with pytest.raises(InputError, match=r"study\.restorer = .*learned from 5 of the 48"):
            restorer.check(file, frames, folds)
        restorer.check(file, frames, folds[1:])
