from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from echojax.errors import InputError
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.weights import by_name

SOURCE = Path("given.safetensors")


@pytest.fixture
def generator(random_network):
    def make(seed=0):
        settings = SRResNetSettings(blocks=1, channels=4)
        return random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)), seed)

    return make


def numbers(model):
    return {name: np.array(array) for name, array in by_name.arrays(model).items()}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


def test_names_are_the_paths_in_the_network(generator):
    names = by_name.arrays(generator()).keys()
    assert {"conv1.kernel", "blocks.0.bn1.mean", "upsample.1.prelu.negative_slope"} <= names


def test_a_filled_network_is_the_other(generator):
    original, filled = generator(seed=0), generator(seed=1)
    assert not same(numbers(original), numbers(filled))
    by_name.fill(filled, numbers(original), SOURCE)
    assert same(numbers(original), numbers(filled))
    x = np.random.default_rng(1).uniform(0, 1, (1, 32, 32, 1)).astype(np.float32)
    run = nnx.jit(lambda model, x: model(x))
    np.testing.assert_array_equal(run(original, x), run(filled, x))


def test_every_mismatch_is_named_and_the_network_is_untouched(generator):
    given = numbers(generator(seed=1))
    del given["conv1.bias"], given["bn2.var"]
    given["conv9.kernel"] = np.zeros(3, np.float32)
    given["conv3.kernel"] = np.zeros((3, 3, 4, 1), np.float32)
    model = generator()
    before = numbers(model)
    with pytest.raises(InputError) as error:
        by_name.fill(model, given, SOURCE)
    message = str(error.value)
    assert message.startswith("given.safetensors: does not fit the network")
    for part in (
        "conv1.bias is missing",
        "bn2.var is missing",
        "conv9.kernel is left over",
        "conv3.kernel is (3, 3, 4, 1), expected (9, 9, 4, 1)",
    ):
        assert part in message
    assert same(before, numbers(model))
