import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax.models import unet
from echojax.models.unet import COHERENCE, NNUNET, UNet, UNetSettings
from tests.models.running import images, run

SMALL = UNetSettings(encoder=(4, 6, 8), decoder=(6, 4))


def abstract(settings):
    return nnx.eval_shape(lambda: UNet(settings, rngs=nnx.Rngs(0)))


def parameters(settings):
    leaves = jax.tree.leaves(nnx.state(abstract(settings), nnx.Param))
    return sum(int(np.prod(leaf.shape)) for leaf in leaves)


@pytest.mark.parametrize(
    ("settings", "supervised", "expected"),
    [
        # Kjelsrud et al.'s network, without and with the heads that only training needs.
        (UNetSettings(), False, 1_976_646),
        (UNetSettings(), True, 1_978_070),
        # nnU-Net's plan for CAMUS's four classes, and for three.
        (NNUNET, False, 33_468_932),
        (dataclasses.replace(NNUNET, classes=3), False, 33_468_899),
    ],
)
def test_number_of_parameters_is_that_of_the_reference(settings, supervised, expected):
    assert parameters(dataclasses.replace(settings, supervised=supervised)) == expected


@pytest.mark.parametrize(("settings", "side"), [(NNUNET, 4), (COHERENCE, 4), (UNetSettings(), 8)])
def test_the_deepest_map_of_256_pixels(settings, side):
    model = abstract(settings)
    assert 256 // model.multiple == side
    shape = jax.ShapeDtypeStruct((1, 256, 256, 1), jnp.float32)
    logits = jax.eval_shape(lambda x: run(UNet(settings, rngs=nnx.Rngs(0)), x), shape)
    assert logits.shape == (1, 256, 256, settings.classes)


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (12, 9)])
def test_any_size_comes_back(random_network, size):
    model = random_network(lambda: UNet(SMALL, rngs=nnx.Rngs(0)))
    assert run(model, images(2, *size, 1)).shape == (2, *size, 4)


def test_what_is_missing_to_a_multiple_continues_the_edge(random_network):
    model = random_network(lambda: UNet(SMALL, rngs=nnx.Rngs(0)))
    frame = images(1, 6, 7, 1)
    continued = np.pad(frame, [(0, 0), (0, 2), (0, 1), (0, 0)], mode="edge")
    np.testing.assert_array_equal(run(model, frame), run(model, continued)[:, :6, :7])


def test_heads_halve_from_the_finest_which_is_what_is_answered(random_network):
    model = random_network(lambda: UNet(SMALL, rngs=nnx.Rngs(0)))
    x = images(2, 8, 12, 1)
    heads = nnx.jit(lambda model, x: model.supervised(x))(model, x)
    assert [head.shape for head in heads] == [(2, 8, 12, 4), (2, 4, 6, 4)]
    np.testing.assert_allclose(heads[0], run(model, x), atol=1e-5)


@pytest.mark.parametrize("settings", [UNetSettings(), NNUNET, COHERENCE])
def test_every_parameter_learns(settings, random_network):
    narrow = dataclasses.replace(settings, encoder=(4, 4), decoder=(4,))
    model = random_network(lambda: UNet(narrow, rngs=nnx.Rngs(0)))
    x = images(2, 4, 4, 1)

    def loss(model):
        return sum(jnp.sum(head**2) for head in model.supervised(x, train=True))

    gradients = nnx.jit(nnx.grad(loss))(model)
    norms = jax.tree.map(lambda leaf: float(jnp.abs(leaf).sum()), gradients)
    # A constant before a normalization goes away with it: biases there have no gradient.
    weights = [x for path, x in jax.tree.leaves_with_path(norms) if "kernel" in str(path)]
    assert len(weights) == 7 + (settings.up == "transposed")
    assert min(weights) > 0


def test_the_largest_of_four_is_that_of_max_pool_and_so_is_its_gradient():
    x = images(2, 6, 8, 3)
    weight = images(2, 3, 4, 3, seed=1)

    def both(pool):
        return jax.value_and_grad(lambda x: jnp.sum(weight * pool(x)))(x)

    expected = both(lambda x: nnx.max_pool(x, (2, 2), strides=(2, 2)))
    for one, other in zip(both(unet._halved), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_mish_is_that_of_its_paper_and_stays_finite():
    x = np.float32([-200, -20, -1.5, 0, 0.3, 4, 19, 21, 200])
    expected = x * np.tanh(np.logaddexp(0, x.astype(np.float64)))
    np.testing.assert_allclose(unet.mish(x), expected, rtol=1e-5, atol=1e-12)
    assert np.isfinite(jax.vmap(jax.grad(unet.mish))(x)).all()


def test_levels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="decoder of one level less"):
        UNet(UNetSettings(decoder=(8, 4)), rngs=nnx.Rngs(0))
