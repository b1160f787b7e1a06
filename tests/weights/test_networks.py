import jax
import numpy as np
import pytest
from flax import nnx

from echojax.errors import InputError
from echojax.models.generator import Generator
from echojax.models.mobilenet import MobileNetV2Settings
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.resnet import ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.unet import UNetSettings
from echojax.models.vgg import VGG19Settings
from echojax.weights import by_name, convert, kinds, networks, safetensors_file

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
    "mobilenetv2": MobileNetV2Settings(
        channels=1, outputs=8, width=0.25, dropout=0.1, padding="tensorflow", epsilon=1e-3
    ),
    "unet": UNetSettings(
        channels=2,
        classes=3,
        encoder=(4, 2, 4),
        decoder=(2, 4),
        norm="instance, affine",
        activation="leaky relu",
        down="stride",
        up="transposed",
        input_norm=False,
        supervised=False,
    ),
}


@pytest.fixture
def network(random_network):
    def make(name, settings=None, seed=0):
        settings = settings or SMALL[name]
        return random_network(lambda: kinds.KINDS[name].network(settings, rngs=nnx.Rngs(0)), seed)

    return make


def same(one, other):
    return jax.tree.all(jax.tree.map(np.array_equal, nnx.state(one), nnx.state(other)))


@pytest.mark.parametrize("name", SMALL)
def test_a_network_comes_back_from_its_file_with_its_settings(tmp_path, network, name):
    settings = SMALL[name]
    # So that a setting lost on the way is seen.
    assert all(value != getattr(type(settings)(), key) for key, value in vars(settings).items())
    model = network(name)
    networks.save(model, tmp_path / "weights.safetensors")
    loaded = networks.load(tmp_path / "weights.safetensors")
    assert type(loaded) is type(model)
    assert loaded.settings == model.settings
    assert {type(v) for v in vars(loaded.settings).values()} <= {int, float, bool, str, tuple}
    assert same(loaded, model)


def test_false_comes_back_as_false(tmp_path, network):
    """As text it would be true."""
    model = network("srresnet", SRResNetSettings(blocks=1, channels=4))
    networks.save(model, tmp_path / "weights.safetensors")
    assert safetensors_file.metadata(tmp_path / "weights.safetensors")["gray"] == "False"
    settings = networks.load(tmp_path / "weights.safetensors").settings
    assert [settings.gray, settings.bias, settings.normalise] == [False] * 3


def test_a_file_says_more_than_its_network_to_others_and_as_its_card(tmp_path, network):
    path = tmp_path / "weights.safetensors"
    card = {"data": "photographs", "licence": "BSD-3-Clause"}
    networks.save(network("vgg19"), path, card)
    assert safetensors_file.metadata(path) == {"model": "vgg19", "width": "2", **card}
    assert networks.card(path) == card
    networks.load(path)


def test_a_network_of_the_wanted_kind_is_loaded_and_another_refused(tmp_path, network):
    ours, other = tmp_path / "ours.safetensors", tmp_path / "other.safetensors"
    networks.save(network("msrresnet"), ours)
    for kind in (MSRResNet, Generator):
        assert same(networks.load(ours, kind), network("msrresnet"))
    with pytest.raises(InputError, match=r"holds a MSRResNet; expected a SRResNet"):
        networks.load(ours, SRResNet)
    networks.save(network("resnet18"), other)
    said = r"other\.safetensors: holds a ResNet18; expected a network that enlarges"
    with pytest.raises(InputError, match=said):
        networks.load(other, Generator)


def test_a_page_lies_beside_the_file(tmp_path, network):
    path = tmp_path / "net.safetensors"
    card = {"title": "A net", "data": "one | two\nthree", "empty": ""}
    networks.save(network("vgg19"), path, card)
    page = (tmp_path / "net.md").read_text()
    assert page.startswith("# A net\n")
    assert "| network | VGG19, width 2; " in page
    assert "| data | one / two three |" in page
    assert "empty" not in page
    assert "not a medical device" in page
    assert "enlarged" not in page
    networks.save(network("msrresnet"), path)
    page = (tmp_path / "net.md").read_text()
    assert page.startswith("# net.safetensors\n")
    assert "enlarged frames may show detail that was never there" in page


def test_what_is_for_programs_is_kept_but_shown_to_nobody(tmp_path, network):
    """A hash for each of many frames: 700 kB that no terminal is to be filled with."""
    path = tmp_path / "net.safetensors"
    hashes = "abcd" * 175_000
    networks.save(network("resnet18"), path, {"learned from": hashes, "data": "frames"})
    assert networks.card(path) == {"learned from": hashes, "data": "frames"}
    for shown in ((tmp_path / "net.md").read_text(), convert.inspect(path).as_text()):
        assert "frames" in shown
        assert "abcd" not in shown


def test_what_an_older_file_does_not_say_takes_the_defaults(tmp_path, network):
    model = network("srresnet", SRResNetSettings(blocks=1, channels=4))
    metadata = {"model": "srresnet", "blocks": "1", "channels": "4"}
    safetensors_file.save(by_name.arrays(model), tmp_path / "old.safetensors", metadata)
    loaded = networks.load(tmp_path / "old.safetensors")
    assert loaded.settings == model.settings
    assert same(loaded, model)


@pytest.mark.parametrize("metadata", [{"scale": "4"}, {"model": "transformer"}])
def test_a_file_of_an_unknown_network_is_refused(tmp_path, network, metadata):
    path = tmp_path / "theirs.safetensors"
    safetensors_file.save(by_name.arrays(network("vgg19")), path, metadata)
    for read in (networks.load, networks.card):
        with pytest.raises(InputError, match=r"theirs\.safetensors: .*layout"):
            read(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"model": "srresnet", "blocks": "many"},
        {"model": "srresnet", "gray": "maybe"},
        {"model": "srresnet", "scale": "3"},
        {"model": "srresnet", "trunk_end": "relu"},
        {"model": "srresnet", "activation": "sigmoid"},
        {"model": "msrresnet", "scale": "8"},
        {"model": "srresnet", "channels": "0"},
        {"model": "srresnet", "blocks": "100000"},
        {"model": "srresnet", "first_kernel": "4"},
        {"model": "srresnet", "normalise": "True"},
    ],
)
def test_metadata_that_makes_no_sense_is_an_input_error(tmp_path, metadata):
    with pytest.raises(InputError, match=r"bad\.safetensors: what it says .* makes no sense"):
        kinds.build(metadata, tmp_path / "bad.safetensors")


def test_tensors_that_do_not_fit_what_the_file_says_are_named(tmp_path, network):
    path = tmp_path / "torn.safetensors"
    model = network("resnet18")
    safetensors_file.save(by_name.arrays(model), path, kinds.describe(model) | {"classes": "5"})
    with pytest.raises(InputError, match=r"torn\.safetensors: .*fc\.kernel is \(16, 3\), expected"):
        networks.load(path)


def test_a_network_is_summed_up_by_what_is_not_default_and_its_size(network):
    assert kinds.summary(network("resnet18")) == (
        f"ResNet18, classes 3, width 2; {parameters(network('resnet18')):,} parameters"
    )
    full = kinds.empty("vgg19", VGG19Settings())
    assert kinds.summary(full) == "VGG19; 20,024,384 parameters"


def parameters(model):
    return sum(np.asarray(leaf).size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
