import jax
import numpy as np
import pytest
import safetensors
from flax import nnx
from safetensors.numpy import load_file, save_file

from echojax.errors import InputError
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.weights.safetensors_file import load, save


@pytest.fixture
def generator(random_network):
    def make(seed=0, blocks=1, channels=4):
        settings = SRResNetSettings(blocks=blocks, channels=channels)
        return random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)), seed)

    return make


@pytest.fixture
def classifier(random_network):
    def make(seed=0):
        settings = ResNetSettings(width=2)
        return random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)), seed)

    return make


def tensors(model):
    state = nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat)))
    return jax.tree_util.tree_map(np.array, state)


def same(one, other):
    return jax.tree_util.tree_all(jax.tree_util.tree_map(np.array_equal, one, other))


@pytest.mark.parametrize("kind", ["generator", "classifier"])
def test_saved_network_comes_back_exactly(tmp_path, request, kind):
    make = request.getfixturevalue(kind)
    original, other = make(seed=0), make(seed=1)
    save(original, tmp_path / "weights.safetensors")
    assert not same(tensors(original), tensors(other))
    load(other, tmp_path / "weights.safetensors")
    assert same(tensors(original), tensors(other))


def test_loaded_network_gives_the_same_output(tmp_path, generator):
    original, other = generator(seed=0), generator(seed=1)
    x = np.random.default_rng(1).uniform(0, 1, (1, 6, 6, 1)).astype(np.float32)
    save(original, tmp_path / "weights.safetensors")
    load(other, tmp_path / "weights.safetensors")
    run = nnx.jit(lambda model, x: model(x))
    np.testing.assert_array_equal(run(original, x), run(other, x))


def test_shapes_and_types_survive(tmp_path, generator):
    model = generator()
    save(model, tmp_path / "weights.safetensors")
    before = jax.tree_util.tree_map(lambda leaf: (leaf.shape, leaf.dtype), tensors(model))
    load(model, tmp_path / "weights.safetensors")
    assert before == jax.tree_util.tree_map(lambda leaf: (leaf.shape, leaf.dtype), tensors(model))


def test_names_are_the_paths_in_the_network(tmp_path, generator):
    save(generator(), tmp_path / "weights.safetensors")
    names = load_file(tmp_path / "weights.safetensors").keys()
    assert {"conv1.kernel", "blocks.0.bn1.mean", "upsample.1.prelu.negative_slope"} <= names


def test_metadata_is_kept(tmp_path, generator):
    save(generator(), tmp_path / "weights.safetensors", {"scale": "4"})
    with safetensors.safe_open(tmp_path / "weights.safetensors", "numpy") as file:
        assert file.metadata() == {"scale": "4"}


def test_every_mismatch_is_named_and_the_network_is_untouched(tmp_path, generator):
    path = tmp_path / "weights.safetensors"
    save(generator(seed=1), path)
    changed = load_file(path)
    del changed["conv1.bias"], changed["bn2.var"]
    changed["conv9.kernel"] = np.zeros(3, np.float32)
    changed["conv3.kernel"] = np.zeros((3, 3, 4, 1), np.float32)
    save_file(changed, path)
    model = generator()
    before = tensors(model)
    with pytest.raises(InputError) as error:
        load(model, path)
    message = str(error.value)
    assert message.startswith(f"{path}: does not fit the network")
    for part in (
        "conv1.bias is missing",
        "bn2.var is missing",
        "conv9.kernel is left over",
        "conv3.kernel is (3, 3, 4, 1), expected (9, 9, 4, 1)",
    ):
        assert part in message
    assert same(before, tensors(model))


def test_network_of_another_size_does_not_fit(tmp_path, generator):
    save(generator(blocks=2, channels=6), tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=r"blocks.1.conv1.kernel is left over.*conv1.kernel is"):
        load(generator(), tmp_path / "weights.safetensors")


def test_missing_file_is_named(tmp_path, generator):
    with pytest.raises(InputError, match=r"nothing.safetensors: no such weights file"):
        load(generator(), tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_truncated_file_is_named_and_the_network_is_untouched(tmp_path, generator, keep):
    path = tmp_path / "weights.safetensors"
    save(generator(seed=1), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    model = generator()
    before = tensors(model)
    with pytest.raises(InputError, match=r"weights.safetensors: cannot be read as safetensors"):
        load(model, path)
    assert same(before, tensors(model))


def test_folder_instead_of_a_file_is_named(tmp_path, generator):
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load(generator(), tmp_path)
