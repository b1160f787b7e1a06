import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax import devices
from echojax.inference import classify
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings


def test_an_input_is_square_and_keeps_gray_levels():
    seen = classify.as_input(np.full((50, 70), 0.25, np.float32), classify.Shape(32))
    assert seen.shape == (32, 32)
    np.testing.assert_allclose(seen, 0.25, atol=1e-6)


def test_a_padded_input_keeps_its_aspect_and_the_probe_at_the_top():
    wide = classify.as_input(np.ones((30, 60), np.float32), classify.Shape(32, "pad"))
    np.testing.assert_allclose(wide[:16], 1, atol=1e-6)
    assert not wide[16:].any()
    high = classify.as_input(np.ones((60, 30), np.float32), classify.Shape(32, "pad"))
    np.testing.assert_allclose(high[:, 8:24], 1, atol=1e-6)
    assert not high[:, :8].any()
    assert not high[:, 24:].any()


def test_an_input_in_millimetres_has_pixels_of_one_size_however_fine_the_frame_is():
    """40 x 20 mm, in pixels of 1 mm and of a quarter of that; cut off where it is too deep."""
    shape = classify.Shape(32, "millimetres", 1.0)
    coarse = classify.as_input(np.ones((40, 20), np.float32), shape, (1.0, 1.0))
    fine = classify.as_input(np.ones((160, 80), np.float32), shape, (0.25, 0.25))
    np.testing.assert_allclose(coarse, fine, atol=1e-6)
    np.testing.assert_allclose(coarse[:, 6:26], 1, atol=1e-6)
    assert not coarse[:, :6].any()
    assert not coarse[:, 26:].any()


def test_each_head_gives_the_probability_of_its_second_class(random_network):
    """Reference: softmax over the pairs of the network's logits; whatever fills a batch up."""
    settings = ResNetSettings(classes=4, width=2)
    model = random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
    inputs = np.random.default_rng(0).random((33, 32, 32), np.float32)
    answers = classify.probabilities(model, inputs, devices.data_mesh())
    logits = nnx.jit(lambda model, x: model(x))(model, as_imagenet(jnp.asarray(inputs)[..., None]))
    logits = np.asarray(logits, np.float64)
    expected = 1 / (1 + np.exp(logits[:, [0, 2]] - logits[:, [1, 3]]))
    assert np.ptp(expected, axis=1).max() > 1e-3
    np.testing.assert_allclose(answers, expected, rtol=0, atol=1e-5)
