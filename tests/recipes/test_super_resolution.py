import jax
import numpy as np
import pytest
from flax import nnx
from scipy.ndimage import gaussian_filter

from echojax import config, devices
from echojax.errors import InputError
from echojax.inference import fidelity
from echojax.inference.enhance import Network
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recipes import super_resolution
from echojax.weights import networks

SETTINGS = config.load(
    None,
    [
        "sr.blocks=1",
        "sr.channels=8",
        "sr.crop=48",
        "sr.batch=4",
        "sr.steps=150",
        "sr.learning_rate=2e-3",
        "sr.schedule=cosine",
        "sr.evaluate_every=150",
    ],
).sr


def speckle(number, seed):
    rng = np.random.default_rng(seed)
    smooth = (gaussian_filter(rng.random((102, 121)), 3) for _ in range(number))
    return tuple((255 * (s - s.min()) / np.ptp(s)).astype(np.uint8) for s in smooth)


def train(folder, settings=SETTINGS, log=lambda step, **metrics: None):
    return super_resolution.train(
        speckle(6, 0),
        speckle(2, 1),
        settings,
        mesh=devices.data_mesh(),
        checkpoints=folder,
        title="test",
        log=log,
    )


def test_training_beats_bicubic_and_its_own_start_on_held_out_frames(tmp_path):
    measured = {}
    train(tmp_path, log=lambda step, **metrics: measured.update(metrics))
    start = super_resolution.train(
        speckle(6, 0),
        (),
        SETTINGS.model_copy(update={"steps": 1, "learning_rate": 1e-12}),
        mesh=devices.data_mesh(),
        checkpoints=tmp_path / "start",
        title="test",
        log=lambda step, **metrics: None,
    )
    untrained = fidelity.quality(speckle(2, 1), Network(start))
    assert measured["psnr"] > measured["psnr_bicubic"]
    assert measured["psnr"] > untrained["psnr"]
    assert {"ssim", "ssim_bicubic", "psnr_lanczos", "ssim_lanczos"} <= measured.keys()


def test_a_trained_generator_is_loaded_instead_of_trained(tmp_path):
    first = train(tmp_path)

    def log(step, **metrics):
        raise AssertionError("it was trained again")

    second = train(tmp_path, log=log)
    assert jax.tree.all(jax.tree.map(np.array_equal, nnx.state(first), nnx.state(second)))


def test_it_starts_from_given_weights(tmp_path):
    given = SRResNet(super_resolution.settings(SETTINGS), rngs=nnx.Rngs(7))
    networks.save(given, tmp_path / "given.safetensors")
    settings = SETTINGS.model_copy(
        update={"init": str(tmp_path / "given.safetensors"), "steps": 1, "learning_rate": 1e-12}
    )
    trained = train(tmp_path / "run", settings)
    np.testing.assert_allclose(
        trained.conv1.kernel[...], given.conv1.kernel[...], rtol=0, atol=1e-6
    )


def test_it_starts_from_no_generator_of_another_scale(tmp_path):
    x2 = SRResNet(SRResNetSettings(scale=2, blocks=1, channels=4), rngs=nnx.Rngs(0))
    networks.save(x2, tmp_path / "x2.safetensors")
    settings = SETTINGS.model_copy(update={"init": str(tmp_path / "x2.safetensors")})
    with pytest.raises(InputError, match=r"x2\.safetensors: enlarges 2 times; expected 4"):
        train(tmp_path / "run", settings)


def test_frames_smaller_than_a_crop_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"lower sr\.crop"):
        train(tmp_path, SETTINGS.model_copy(update={"crop": 128}))
