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


def generator(seed=0, blocks=1, channels=4):
    settings = SRResNetSettings(blocks=blocks, channels=channels)
    return SRResNet(settings, rngs=nnx.Rngs(seed))


def classifier(seed=0):
    return ResNet18(ResNetSettings(width=2), rngs=nnx.Rngs(seed))


def tensors(model):
    state = nnx.to_pure_dict(nnx.state(model, (nnx.Param, nnx.BatchStat)))
    return jax.tree_util.tree_map(np.array, state)


def same(one, other):
    return jax.tree_util.tree_all(jax.tree_util.tree_map(np.array_equal, one, other))


def trained(model, *shape):
    """The network with running statistics that are not those of its start."""
    model(np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32), train=True)
    return model


@pytest.mark.parametrize(("make", "channels"), [(generator, 1), (classifier, 3)])
def test_saved_network_comes_back_exactly(tmp_path, make, channels):
    original = trained(make(seed=0), 2, 32, 32, channels)
    save(original, tmp_path / "weights.safetensors")
    other = make(seed=1)
    assert not same(tensors(original), tensors(other))
    load(other, tmp_path / "weights.safetensors")
    assert same(tensors(original), tensors(other))
    x = np.random.default_rng(1).uniform(0, 1, (1, 32, 32, channels)).astype(np.float32)
    np.testing.assert_array_equal(original(x), other(x))


def test_shapes_and_types_survive(tmp_path):
    model = generator()
    save(model, tmp_path / "weights.safetensors")
    before = jax.tree_util.tree_map(lambda leaf: (leaf.shape, leaf.dtype), tensors(model))
    load(model, tmp_path / "weights.safetensors")
    assert before == jax.tree_util.tree_map(lambda leaf: (leaf.shape, leaf.dtype), tensors(model))


def test_names_are_the_paths_in_the_network(tmp_path):
    save(generator(), tmp_path / "weights.safetensors")
    names = load_file(tmp_path / "weights.safetensors").keys()
    assert {"conv1.kernel", "blocks.0.bn1.mean", "upsample.1.prelu.negative_slope"} <= names


def test_metadata_is_kept(tmp_path):
    save(generator(), tmp_path / "weights.safetensors", {"scale": "4"})
    with safetensors.safe_open(tmp_path / "weights.safetensors", "numpy") as file:
        assert file.metadata() == {"scale": "4"}


def test_every_mismatch_is_named_and_the_network_is_untouched(tmp_path):
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


def test_network_of_another_size_does_not_fit(tmp_path):
    save(generator(blocks=2, channels=6), tmp_path / "weights.safetensors")
    with pytest.raises(InputError, match=r"blocks.1.conv1.kernel is left over.*conv1.kernel is"):
        load(generator(), tmp_path / "weights.safetensors")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing.safetensors: no such weights file"):
        load(generator(), tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.999])
def test_truncated_file_is_named_and_the_network_is_untouched(tmp_path, keep):
    path = tmp_path / "weights.safetensors"
    save(generator(seed=1), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    model = generator()
    before = tensors(model)
    with pytest.raises(InputError, match=r"weights.safetensors: cannot be read as safetensors"):
        load(model, path)
    assert same(before, tensors(model))


def test_folder_instead_of_a_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load(generator(), tmp_path)
