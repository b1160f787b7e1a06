import jax
import numpy as np
import pytest
from flax import nnx

from echojax.errors import InputError
from echojax.models.msrresnet import MSRResNetSettings
from echojax.models.resnet import ResNetSettings
from echojax.models.srresnet import SRResNetSettings
from echojax.models.vgg import VGG19Settings
from echojax.weights import networks, safetensors_file

SMALL = {
    "srresnet": SRResNetSettings(
        scale=2,
        blocks=1,
        channels=4,
        in_channels=3,
        out_channels=3,
        gray=True,
        first_kernel=3,
        last_kernel=5,
        bias=True,
        trunk_end="prelu",
        normalise=True,
        activation="tanh",
    ),
    "msrresnet": MSRResNetSettings(
        scale=3, blocks=1, channels=4, in_channels=3, out_channels=3, leaky_stages=False
    ),
    "resnet18": ResNetSettings(classes=3, width=2),
    "vgg19": VGG19Settings(width=2),
}


@pytest.fixture
def network(random_network):
    def make(name, settings=None, seed=0):
        settings = settings or SMALL[name]
        return random_network(
            lambda: networks.KINDS[name].network(settings, rngs=nnx.Rngs(0)), seed
        )

    return make


def same(one, other):
    return jax.tree.all(jax.tree.map(np.array_equal, nnx.state(one), nnx.state(other)))


@pytest.mark.parametrize("name", SMALL)
def test_every_setting_of_these_tests_differs_from_its_default(name):
    """So that what is lost on the way is seen."""
    settings = SMALL[name]
    assert all(value != getattr(type(settings)(), key) for key, value in vars(settings).items())


@pytest.mark.parametrize("name", SMALL)
def test_a_network_comes_back_from_its_file_with_its_settings(tmp_path, network, name):
    model = network(name)
    networks.save(model, tmp_path / "weights.safetensors")
    loaded = networks.load(tmp_path / "weights.safetensors")
    assert type(loaded) is type(model)
    assert loaded.settings == model.settings
    assert {type(v) for v in vars(loaded.settings).values()} <= {int, bool, str}
    assert same(loaded, model)


def test_false_comes_back_as_false(tmp_path, network):
    """As text it would be true."""
    model = network("srresnet", SRResNetSettings(blocks=1, channels=4))
    networks.save(model, tmp_path / "weights.safetensors")
    assert safetensors_file.metadata(tmp_path / "weights.safetensors")["gray"] == "False"
    settings = networks.load(tmp_path / "weights.safetensors").settings
    assert [settings.gray, settings.bias, settings.normalise] == [False] * 3


def test_a_file_may_say_more_and_says_it_to_others(tmp_path, network):
    networks.save(network("vgg19"), tmp_path / "weights.safetensors", {"licence": "BSD-3-Clause"})
    assert safetensors_file.metadata(tmp_path / "weights.safetensors") == {
        "model": "vgg19",
        "width": "2",
        "licence": "BSD-3-Clause",
    }
    networks.load(tmp_path / "weights.safetensors")


def test_what_an_older_file_does_not_say_takes_the_defaults(tmp_path, network):
    model = network("srresnet", SRResNetSettings(blocks=1, channels=4))
    metadata = {"model": "srresnet", "blocks": "1", "channels": "4"}
    safetensors_file.save(model, tmp_path / "old.safetensors", metadata)
    loaded = networks.load(tmp_path / "old.safetensors")
    assert loaded.settings == model.settings
    assert same(loaded, model)


@pytest.mark.parametrize("metadata", [{}, {"scale": "4"}, {"model": "unet"}, {"model": ""}])
def test_a_file_of_an_unknown_network_must_be_converted_first(tmp_path, network, metadata):
    path = tmp_path / "theirs.safetensors"
    safetensors_file.save(network("vgg19"), path, metadata)
    with pytest.raises(InputError) as error:
        networks.load(path)
    assert f"echojax weights convert {path}" in str(error.value)


@pytest.mark.parametrize(
    "metadata",
    [
        {"model": "srresnet", "blocks": "many"},
        {"model": "srresnet", "gray": "maybe"},
        {"model": "srresnet", "scale": "3"},
        {"model": "srresnet", "trunk_end": "relu"},
        {"model": "srresnet", "activation": "sigmoid"},
        {"model": "msrresnet", "scale": "8"},
        {"model": "resnet18", "classes": "2.5"},
        {"model": "vgg19", "width": ""},
        {"model": "srresnet", "channels": "0"},
        {"model": "srresnet", "blocks": "-1"},
        {"model": "srresnet", "blocks": "100000"},
        {"model": "srresnet", "first_kernel": "4"},
        {"model": "srresnet", "normalise": "True"},
        {"model": "resnet18", "width": "-1"},
    ],
)
def test_metadata_that_makes_no_sense_is_an_input_error(tmp_path, metadata):
    with pytest.raises(InputError, match=r"bad\.safetensors: what it says .* makes no sense"):
        networks.build(metadata, tmp_path / "bad.safetensors")


def test_tensors_that_do_not_fit_what_the_file_says_are_named(tmp_path, network):
    path = tmp_path / "torn.safetensors"
    model = network("resnet18")
    safetensors_file.save(model, path, networks.describe(model) | {"classes": "5"})
    with pytest.raises(InputError, match=r"torn\.safetensors: .*fc\.kernel is \(16, 3\), expected"):
        networks.load(path)


def test_a_network_is_summed_up_by_what_is_not_default_and_its_size(network):
    assert networks.summary(network("resnet18")) == (
        f"ResNet18, classes 3, width 2; {parameters(network('resnet18')):,} parameters"
    )
    full = networks.empty("vgg19", VGG19Settings())
    assert networks.summary(full) == "VGG19; 20,024,384 parameters"


def parameters(model):
    return sum(np.asarray(leaf).size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
