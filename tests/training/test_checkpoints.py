import dataclasses

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from echojax.errors import EchojaxError, InputError
from echojax.models.layers import norm
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recipes.gan import AdversarialState
from echojax.training.checkpoints import Checkpoints, network_of
from echojax.training.state import initial_state, split
from echojax.weights import kinds
from tests.training.line import same

OPTIMIZER = optax.adam(1e-3)


@pytest.fixture(scope="module")
def generator(random_network):
    def make(seed=0, **settings):
        chosen = SRResNetSettings(**({"blocks": 1, "channels": 4} | settings))
        return random_network(lambda: SRResNet(chosen, rngs=nnx.Rngs(0)), seed)

    return make


def started(model, **more):
    return initial_state(model, OPTIMIZER, seed=0, **more)


def keep(state, card, folder, *steps):
    """Keep a state as the training of a job does."""
    with Checkpoints(folder / "checkpoints", card) as checkpoints:
        for step in steps or (1,):
            checkpoints.save(step, state, {})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bias": True, "gray": True, "in_channels": 3, "out_channels": 3, "normalise": True},
    ],
)
def test_a_network_comes_back_with_its_settings_and_its_card(generator, tmp_path, settings):
    model = generator(**settings)
    card = {**kinds.describe(model), "title": "a generator"}
    keep(started(model), card, tmp_path, 1, 2)
    loaded, told = network_of(tmp_path)
    assert isinstance(loaded, SRResNet)
    assert loaded.settings == model.settings
    assert same(loaded, model)
    assert told == {"title": "a generator", "checkpoint": "step 2"}


def test_a_network_without_running_statistics_comes_back(random_network, tmp_path):
    settings = MSRResNetSettings(blocks=1, channels=4)
    model = random_network(lambda: MSRResNet(settings, rngs=nnx.Rngs(0)))
    keep(started(model), kinds.describe(model), tmp_path)
    loaded, _ = network_of(tmp_path)
    assert isinstance(loaded, MSRResNet)
    assert same(loaded, model)


def test_a_network_of_which_a_part_learned_comes_back_whole(generator, tmp_path):
    model = generator()
    learned = nnx.All(nnx.Param, nnx.PathContains("conv1"))
    keep(started(model, learned=learned), kinds.describe(model), tmp_path)
    assert same(network_of(tmp_path)[0], model)


def test_an_average_is_what_comes_back(generator, tmp_path):
    average = generator(1)
    state = dataclasses.replace(started(generator(0)), average=split(average)[1:])
    keep(state, kinds.describe(average), tmp_path)
    assert same(network_of(tmp_path)[0], average)


def test_of_two_players_the_generator_comes_back(generator, random_network, tmp_path):
    average = generator(1)
    player = dataclasses.replace(started(generator(0)), average=split(average)[1:])
    opponent = started(random_network(lambda: norm(2, nnx.Rngs(0))))
    keep(AdversarialState(player, opponent), kinds.describe(average), tmp_path)
    assert same(network_of(tmp_path)[0], average)


def test_a_state_comes_back_as_it_was_saved(generator, tmp_path):
    state = started(generator(0), average=True)
    like = initial_state(generator(1), OPTIMIZER, seed=1, average=True)
    keep(state, {}, tmp_path)
    with Checkpoints(tmp_path / "checkpoints", {}) as checkpoints:
        loaded = checkpoints.newest(like)
    jax.tree.map(np.testing.assert_array_equal, loaded, state)


def test_without_a_checkpoint_the_state_is_the_one_given(generator, tmp_path):
    state = started(generator())
    with Checkpoints(tmp_path / "checkpoints", {}) as checkpoints:
        assert checkpoints.newest(state) is state


def test_only_the_newest_and_the_best_are_kept(generator, tmp_path):
    state = started(generator())
    with Checkpoints(tmp_path, {}, best="psnr") as checkpoints:
        for step, scores in enumerate([{"psnr": 3.0}, {"psnr": 9.0}, {"psnr": 5.0}, {}], 1):
            checkpoints.save(step, state, scores)
        assert checkpoints.best(state)[1] == {"psnr": 9.0}
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.isdigit()) == ["2", "4"]


def test_a_folder_without_checkpoints_is_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}: holds no checkpoints of a training"):
        network_of(tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match="checkpoints: no checkpoint was saved yet"):
        network_of(tmp_path)


def test_a_training_that_does_not_say_of_what_is_refused(generator, tmp_path):
    keep(started(generator()), {}, tmp_path)
    with pytest.raises(InputError, match="does not say which network"):
        network_of(tmp_path)


def test_a_training_of_another_size_than_it_says_is_refused(generator, tmp_path):
    keep(started(generator()), kinds.describe(generator(channels=6)), tmp_path)
    with pytest.raises(InputError, match=r"does not fit the network: .*conv1\.kernel is"):
        network_of(tmp_path)


def test_a_damaged_checkpoint_is_named(generator, tmp_path):
    model = generator()
    keep(started(model), kinds.describe(model), tmp_path)
    # Arrays cut off would be read by Orbax's threads, which go on after the first has failed.
    (structure,) = tmp_path.glob("checkpoints/*/state/_METADATA")
    structure.write_bytes(structure.read_bytes()[:10])
    with pytest.raises(EchojaxError, match=r"checkpoints: not a whole checkpoint.*--resume"):
        network_of(tmp_path)
    with (
        Checkpoints(tmp_path / "checkpoints", {}) as checkpoints,
        pytest.raises(EchojaxError, match="not a whole checkpoint"),
    ):
        checkpoints.newest(started(model))
