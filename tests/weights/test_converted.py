"""Public checkpoints where a file of weights is asked for: converted on the way, and kept."""

import hashlib

import jax
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import save_file

from echojax.errors import InputError
from echojax.models.generator import Generator
from echojax.models.resnet import ResNet18
from echojax.weights import convert, converted, networks
from tests.weights import public_checkpoints as public
from tests.weights.pytorch import save_pth

TENSORS = public.msrresnet(blocks=1, channels=4, scale=2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pth(tmp_path):
    return save_pth(tmp_path / "net.pth", TENSORS)


def same(one, other):
    return jax.tree.all(jax.tree.map(np.array_equal, nnx.state(one), nnx.state(other)))


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "net.pth.tar"])
def test_a_checkpoint_of_pytorch_is_loaded_as_if_it_had_been_converted(tmp_path, name):
    path = save_pth(tmp_path / name, TENSORS)
    model = networks.load(path, Generator)
    assert same(model, convert.convert(path).model)
    card = networks.card(path)
    assert card["source"] == name
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_so_is_a_file_of_safetensors_with_names_of_pytorch(tmp_path):
    path = tmp_path / "theirs.safetensors"
    save_file(TENSORS, path)
    assert same(networks.load(path), convert.convert(path).model)


def test_it_is_converted_once_and_a_line_says_so(pth, cache, monkeypatch, capsys):
    networks.load(pth)
    (line,) = capsys.readouterr().err.splitlines()
    (kept,) = cache.rglob("*.safetensors")
    assert line.startswith(f"{pth}: converted from ")
    assert line.endswith(str(kept))
    monkeypatch.setattr(convert, "convert", None)  # would fail if it were called again
    networks.load(pth)
    networks.card(pth)
    assert capsys.readouterr() == ("", "")
    # A copy is the same file, wherever it lies.
    copy = pth.with_name("copy.pth")
    copy.write_bytes(pth.read_bytes())
    networks.load(copy)


def test_another_file_in_its_place_is_converted_anew(pth):
    first = networks.load(pth)
    save_pth(pth, {name: 2 * tensor for name, tensor in TENSORS.items()})
    assert not same(networks.load(pth), first)


def test_another_version_of_echojax_converts_anew(pth, cache, monkeypatch):
    networks.load(pth)
    monkeypatch.setattr(converted, "__version__", "9.9")
    networks.load(pth)
    assert len(list(cache.rglob("*.safetensors"))) == 2


def test_a_file_of_ours_is_used_as_it_is(pth, tmp_path, cache):
    ours = tmp_path / "ours.safetensors"
    networks.save(networks.load(pth), ours)
    assert converted.ours(ours) == ours
    assert converted.ours(tmp_path / "nowhere.pth") == tmp_path / "nowhere.pth"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK not a checkpoint at all", "net.pth: "),
        (b"<html>an error page</html>", "net.pth: "),
        (b"cos\nsystem\n(S'echo'\ntR.", "os.system"),
    ],
)
def test_what_cannot_be_converted_is_named_and_nothing_is_kept(pth, cache, content, why):
    pth.write_bytes(content)
    with pytest.raises(InputError, match=why) as error:
        networks.load(pth)
    assert str(error.value).startswith(f"{pth}: ")
    assert not cache.exists()


def test_errors_are_about_the_file_that_was_named(pth):
    with pytest.raises(InputError) as error:
        networks.load(pth, ResNet18)
    assert str(error.value) == f"{pth}: holds a MSRResNet; expected a ResNet18"
