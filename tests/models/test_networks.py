"""What holds for every network."""

import jax
import numpy as np
import pytest
from flax import nnx

from echojax.models.discriminator import Discriminator
from echojax.models.generator import Generator
from echojax.models.layers import norm
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.vgg import VGG19, VGG19Settings
from tests import by_hand
from tests.models.running import images, run

COLOUR = {"in_channels": 3, "out_channels": 3}


@pytest.mark.parametrize(
    ("network", "settings", "expected"),
    [
        # The SRGAN paper's generator, counted with PyTorch.
        (SRResNet, SRResNetSettings(**COLOUR), 1_547_350),
        (SRResNet, SRResNetSettings(), 1_526_612),
        (SRResNet, SRResNetSettings(bias=True), 1_526_612 + (2 * 16 + 1) * 64),
        (MSRResNet, MSRResNetSettings(**COLOUR), 1_517_571),  # BasicSR's
        (ResNet18, ResNetSettings(classes=1000), 11_689_512),  # torchvision's
        (ResNet18, ResNetSettings(classes=2), 11_689_512 - 998 * 513),
        (VGG19, VGG19Settings(), 20_024_384),  # torchvision's vgg19().features
    ],
)
def test_number_of_parameters_is_that_of_the_reference(network, settings, expected):
    assert parameters(lambda: network(settings, rngs=nnx.Rngs(0))) == expected


@pytest.mark.parametrize(("channels", "expected"), [(3, 23_563_649), (1, 23_562_497)])
def test_number_of_parameters_of_the_discriminator_is_the_papers(channels, expected):
    """Reference: SRGAN-PyTorch's discriminator for 96x96 RGB; exactly. Gray is 2 x 9 x 64 less."""
    assert parameters(lambda: Discriminator(96, channels, rngs=nnx.Rngs(0))) == expected


def parameters(constructor):
    leaves = jax.tree.leaves(nnx.state(nnx.eval_shape(constructor), nnx.Param))
    return sum(int(np.prod(leaf.shape)) for leaf in leaves)


@pytest.mark.parametrize(
    ("network", "settings", "enlarges"),
    [
        (SRResNet, SRResNetSettings(blocks=1, channels=4), True),
        (MSRResNet, MSRResNetSettings(blocks=1, channels=4), True),
        (ResNet18, ResNetSettings(width=2), False),
        (VGG19, VGG19Settings(width=2), False),
        (Discriminator, 16, False),
    ],
)
def test_a_generator_is_what_enlarges(network, settings, enlarges):
    model = nnx.eval_shape(lambda: network(settings, rngs=nnx.Rngs(0)))
    assert isinstance(model, Generator) == enlarges


@pytest.mark.parametrize(
    ("network", "settings", "told"),
    [
        (SRResNet, SRResNetSettings(blocks=1, channels=4), (4, 1)),
        (SRResNet, SRResNetSettings(2, 2, 4, first_kernel=3, last_kernel=5), (2, 1)),
        (SRResNet, SRResNetSettings(8, 1, 2, first_kernel=5, last_kernel=3, **COLOUR), (8, 3)),
        (MSRResNet, MSRResNetSettings(2, 1, 4), (2, 1)),
        (MSRResNet, MSRResNetSettings(3, 2, 4, **COLOUR), (3, 3)),
        (MSRResNet, MSRResNetSettings(4, 1, 4), (4, 1)),
    ],
)
def test_generators_tell_scale_channels_and_how_far_they_see(
    random_network, network, settings, told
):
    """A pixel changes the enlargements of those within reach, of the furthest too, and no other."""
    model = random_network(lambda: network(settings, rngs=nnx.Rngs(0)))
    assert (model.scale, model.channels) == told
    centre = model.reach + 2
    x = images(1, 2 * centre + 1, 2 * centre + 1, model.channels)
    other = x.copy()
    other[0, centre, centre] += 1
    changed = np.abs(run(model, x) - run(model, other))[0].max(-1) > 1e-6
    assert changed.shape == (len(x[0]) * model.scale,) * 2
    furthest = [np.abs(at // model.scale - centre).max() for at in np.nonzero(changed)]
    assert furthest == [model.reach] * 2


def test_batch_norm_moves_by_a_tenth_in_training():
    """Reference: PyTorch's momentum of 0.1, in NumPy; tolerance 1e-5."""
    layer = norm(3, nnx.Rngs(0))
    x = images(4, 5, 6, 3) * np.array([1, 2, 3], np.float32) + 1
    expected = by_hand.norm(x, layer, batch=True)
    np.testing.assert_allclose(layer(x, use_running_average=False), expected, atol=1e-5)
    np.testing.assert_allclose(layer.mean[...], 0.1 * x.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(layer.var[...], 0.9 + 0.1 * x.var((0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("network", "settings", "channels"),
    [
        (SRResNet, SRResNetSettings(blocks=2, channels=4), 1),
        (MSRResNet, MSRResNetSettings(blocks=1, channels=4), 1),  # has none
        (ResNet18, ResNetSettings(width=2), 3),
        (Discriminator, 16, 1),
    ],
)
def test_running_statistics_move_in_training_only(random_network, network, settings, channels):
    made = {"channels": channels, "width": 2} if network is Discriminator else {}
    model = random_network(lambda: network(settings, **made, rngs=nnx.Rngs(0)))

    def statistics():
        leaves = jax.tree.leaves(nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))
        return [np.array(leaf) for leaf in leaves]

    before, x = statistics(), images(3, 16, 16, channels)
    assert bool(before) == (network is not MSRResNet)
    seen = run(model, x)
    np.testing.assert_array_equal(seen, run(model, x))
    assert all(np.array_equal(a, b) for a, b in zip(before, statistics(), strict=True))
    alone = np.concatenate([run(model, x[k : k + 1]) for k in range(3)])
    np.testing.assert_allclose(seen, alone, rtol=1e-4, atol=1e-5)
    run(model, x, train=True)
    assert not any(np.array_equal(a, b) for a, b in zip(before, statistics(), strict=True))
