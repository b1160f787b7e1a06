import hashlib

import jax
import numpy as np
import pytest
from flax import nnx

from echojax import config, devices
from echojax.errors import InputError
from echojax.inference import enhance, fidelity
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recipes import super_resolution
from echojax.runs.job import Job
from echojax.studies.diagnosis.config import Config
from echojax.training.checkpoints import network_of
from echojax.training.loop import fit
from echojax.weights import networks
from tests.recipes.images import Images, speckle
from tests.weights import public_checkpoints
from tests.weights.pytorch import save_pth

SETTINGS = config.load(
    Config,
    None,
    [
        "sr.scale=2",
        "sr.blocks=1",
        "sr.channels=4",
        "sr.first_kernel=5",
        "sr.last_kernel=3",
        "sr.crop=16",
        "sr.batch=4",
        "sr.steps=150",
        "sr.learning_rate=2e-3",
        "sr.schedule=cosine",
        "sr.evaluate_every=100",
    ],
).sr
LEARNED, HELD_OUT = Images(speckle(6, 0)), speckle(2, 1)


def train(folder, settings=SETTINGS, held_out=(), log=lambda step, **metrics: None):
    training = super_resolution.training(settings, LEARNED, held_out, card={"title": "test"})
    job = Job(folder, "sr/fold0", super_resolution.record(settings, LEARNED), log)
    return fit(training, job, devices.data_mesh())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole training: the generator, its run, and what was logged."""
    folder, logged = tmp_path_factory.mktemp("whole"), {}

    def log(step, **metrics):
        logged.setdefault(step, {}).update(metrics)

    return train(folder, held_out=HELD_OUT, log=log), folder, logged


def test_training_beats_bicubic_and_its_own_start_on_held_out_frames(finished):
    _, _, logged = finished
    start = enhance.Network(super_resolution.init_network(SETTINGS))
    untrained = fidelity.quality(HELD_OUT, start, sector=True)
    measured = logged[150]
    assert measured["psnr"] > measured["psnr_bicubic"]
    assert measured["psnr"] > untrained["psnr"]
    methods = ("", "_bicubic", "_lanczos")
    names = {f"{score}{method}" for score in ("psnr", "ssim", "psnr_sector") for method in methods}
    assert names <= measured.keys()
    assert "psnr" in logged[100]


def test_what_it_hands_over_is_the_network_and_how_it_did(finished):
    model, folder, logged = finished
    file = folder / "sr" / "fold0.safetensors"
    for kept in (networks.load(file), network_of(folder / "sr" / "fold0")[0]):
        jax.tree.map(np.testing.assert_array_equal, nnx.state(kept), nnx.state(model))
        assert kept.scale == 2
    card = networks.card(file)
    assert card["title"] == "test"
    assert card["started from"] == "interpolation"
    assert card["steps"].startswith("150 with the mean squared error; batches of 4 crops of 16")
    assert f"{logged[150]['psnr']:.2f} dB" in card["measured on held-out images"]


def test_a_finished_training_is_gone_on_with_from_its_end(finished):
    first, folder, _ = finished
    second = train(folder, log=lambda step, **metrics: pytest.fail("it was trained again"))
    jax.tree.map(np.testing.assert_array_equal, nnx.state(second), nnx.state(first))


def test_other_images_than_echo_frames_have_no_sector():
    training = super_resolution.training(SETTINGS, LEARNED, HELD_OUT, echo=False)
    (evaluator,) = training.evaluators
    scores = evaluator.measure(super_resolution.init_network(SETTINGS))
    assert (scores.keys(), "ssim_bicubic" in evaluator.constant()) == ({"psnr", "ssim"}, True)
    assert not any("sector" in name for name in evaluator.constant())
    assert not super_resolution.training(SETTINGS, LEARNED).evaluators


def test_it_starts_as_the_interpolation():
    model = super_resolution.init_network(SETTINGS)
    low = enhance.degrade(enhance.as_float(HELD_OUT[0])[..., None], 2)
    made = np.asarray(model(low[None], train=False))[0, 8:-8, 8:-8, 0]
    expected = np.concatenate(
        [piece.values for piece in enhance.Interpolation("bicubic", 2).pieces(low)]
    )
    np.testing.assert_allclose(made, expected[8:-8, 8:-8, 0], atol=0.02)


@pytest.fixture
def given(random_network, tmp_path):
    """Writes a generator with random weights; gives it, and settings that begin there."""

    def write(**settings):
        chosen = SRResNetSettings(**({"scale": 2, "blocks": 1, "channels": 4} | settings))
        model = random_network(lambda: SRResNet(chosen, rngs=nnx.Rngs(0)))
        file = tmp_path / "given.safetensors"
        networks.save(model, file)
        return model, SETTINGS.model_copy(update={"init": str(file)})

    return write


def test_it_starts_from_given_weights(given):
    """Also of other settings than its own."""
    model, settings = given(blocks=2, channels=6)
    state = super_resolution.training(settings, LEARNED).start()
    started = super_resolution.training(settings, LEARNED).network(state)
    assert started.settings == model.settings
    jax.tree.map(np.testing.assert_array_equal, nnx.state(started), nnx.state(model))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"scale": 4}, r"given\.safetensors: enlarges 4 times; sr\.scale is 2"),
        ({"in_channels": 3, "out_channels": 3}, r"enlarges colour images; .*--gray"),
    ],
)
def test_a_generator_that_does_not_fit_is_refused_before_the_training(given, settings, told):
    _, chosen = given(**settings)
    with pytest.raises(InputError, match=told):
        super_resolution.check(chosen, LEARNED, devices.data_mesh())


@pytest.fixture
def pth(tmp_path, monkeypatch):
    """Writes a checkpoint of PyTorch; gives it, its tensors, and settings that begin there."""
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))

    def write(**shapes):
        tensors = public_checkpoints.msrresnet(blocks=1, channels=4, scale=2, **shapes)
        path = save_pth(tmp_path / "net.pth", tensors)
        return path, tensors, SETTINGS.model_copy(update={"init": str(path)})

    return write


def test_a_gray_checkpoint_of_pytorch_is_a_start_and_the_record_has_its_hash(pth):
    path, tensors, settings = pth(images=1)
    start = super_resolution.init_network(settings)
    kernel = tensors["conv_last.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(start.conv_last.kernel[...], kernel)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert super_resolution.record(settings, LEARNED).files == {"sr.init": digest}


def test_one_of_colours_is_refused_under_its_own_name_with_what_to_do(pth):
    path, _, settings = pth()
    with pytest.raises(InputError) as error:
        super_resolution.check(settings, LEARNED, devices.data_mesh())
    assert str(error.value).startswith(f"{path}: enlarges colour images; training needs a gray")
    assert "--gray" in str(error.value)


def test_images_smaller_than_a_crop_are_refused():
    settings = SETTINGS.model_copy(update={"crop": 128})
    for refuse in (super_resolution.training, super_resolution.check):
        with pytest.raises(InputError, match=r"lower sr\.crop"):
            refuse(settings, LEARNED, devices.data_mesh())


def test_a_batch_that_the_devices_cannot_share_is_refused():
    class ThreeDevices:
        size = 3

    with pytest.raises(InputError, match=r"sr\.batch = 4 cannot be shared by 3 devices"):
        super_resolution.check(SETTINGS, LEARNED, ThreeDevices())


def test_a_crop_is_a_multiple_of_the_scale():
    with pytest.raises(InputError, match=r"sr\.crop 20 is no multiple of sr\.scale 8"):
        config.load(Config, None, ["sr.scale=8", "sr.crop=20"])
