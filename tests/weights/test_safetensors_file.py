import numpy as np
import pytest

from echojax.errors import InputError
from echojax.weights import safetensors_file

TENSORS = {
    "conv1.kernel": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "conv1.bias": np.float32(2.5),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "weights.safetensors"
    safetensors_file.save(TENSORS, path, {"scale": "4"})
    return path


def test_tensors_and_metadata_come_back_whatever_their_order_in_memory(path):
    found = safetensors_file.tensors(path)
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], tensor)
    assert safetensors_file.metadata(path) == {"scale": "4"}


def test_the_same_network_gives_the_same_bytes(tmp_path):
    told = {f"key {number}": "Ölbild, “one”" for number in range(20)}
    written = []
    for number in range(3):
        path = tmp_path / f"{number}.safetensors"
        safetensors_file.save(TENSORS, path, told)
        written.append(path.read_bytes())
    assert written[0] == written[1] == written[2]
    assert safetensors_file.metadata(path) == told
    assert safetensors_file.tensors(path).keys() == TENSORS.keys()


READERS = pytest.mark.parametrize("read", [safetensors_file.tensors, safetensors_file.metadata])


@READERS
def test_what_is_no_file_is_named(tmp_path, read):
    with pytest.raises(InputError, match=r"nothing\.safetensors: no such weights file"):
        read(tmp_path / "nothing.safetensors")
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        read(tmp_path)


@READERS
@pytest.mark.parametrize("keep", [0.0, 0.5, 0.999])
def test_a_truncated_file_is_named(path, read, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match=r"weights\.safetensors: cannot be read as safetensors"):
        read(path)
