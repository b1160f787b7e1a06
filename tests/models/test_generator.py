import pytest
from flax import nnx

from echojax.models.discriminator import Discriminator
from echojax.models.generator import Generator
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.vgg import VGG19, VGG19Settings


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


def test_generators_tell_their_own_scale_and_channels():
    colour = {"in_channels": 3, "out_channels": 3}
    for model, told in (
        (SRResNet(SRResNetSettings(scale=8, blocks=1, channels=4), rngs=nnx.Rngs(0)), (8, 1)),
        (MSRResNet(MSRResNetSettings(scale=3, blocks=1, **colour), rngs=nnx.Rngs(0)), (3, 3)),
    ):
        assert (model.scale, model.channels) == told
