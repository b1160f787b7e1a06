import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from echojax import config, devices
from echojax.errors import EchojaxError, InputError
from echojax.models.layers import norm
from echojax.models.msrresnet import MSRResNet, MSRResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recipes import gan as adversarial
from echojax.recipes import super_resolution
from echojax.training import checkpoints, loop
from echojax.weights import networks

OPTIMIZER = optax.adam(1e-3)


@pytest.fixture(scope="module")
def generator(random_network):
    def make(seed=0, **settings):
        chosen = SRResNetSettings(**({"blocks": 1, "channels": 4} | settings))
        return random_network(lambda: SRResNet(chosen, rngs=nnx.Rngs(0)), seed)

    return make


def same(one, other):
    return jax.tree.all(jax.tree.map(lambda a, b: np.array_equal(a, b), one, other))


def keep(state, metadata, folder, steps=2):
    """Keep a state as a training does, without training anything."""

    def step(state, batch):
        return counted(state), {"loss": jnp.zeros(())}

    def counted(state):
        if isinstance(state, adversarial.AdversarialState):
            return dataclasses.replace(state, generator=counted(state.generator))
        return dataclasses.replace(state, step=state.step + 1)

    loop.fit(
        step,
        state,
        lambda first: iter(np.zeros((steps - first, 8))),
        steps,
        mesh=devices.data_mesh(),
        title="test",
        log=lambda step, **metrics: None,
        checkpoints=folder,
        metadata=metadata,
    )


def test_the_generator_of_a_training_is_the_one_it_returned(generator, tmp_path):
    """Of SRGAN, see test_adversarial."""
    networks.save(generator(), tmp_path / "start.safetensors")
    settings = config.load(
        None,
        [f"sr.init={tmp_path / 'start.safetensors'}", "sr.crop=16", "sr.batch=2", "sr.steps=1"],
    ).sr
    trained = super_resolution.train(
        (np.random.default_rng(0).integers(0, 256, (20, 24), np.uint8),),
        (),
        settings,
        mesh=devices.data_mesh(),
        checkpoints=tmp_path / "run",
        title="test",
        log=lambda step, **metrics: None,
    )
    loaded, _ = checkpoints.load_generator(tmp_path / "run")
    assert isinstance(loaded, SRResNet)
    assert loaded.settings == trained.settings == SRResNetSettings(blocks=1, channels=4)
    assert not same(nnx.state(trained), nnx.state(generator()))
    assert same(nnx.state(loaded), nnx.state(trained))


def test_the_generator_of_srgan_is_the_average(generator, random_network, tmp_path):
    average = generator(1)
    opponent = random_network(lambda: norm(2, nnx.Rngs(0)))
    state = adversarial.AdversarialState(
        loop.initial_state(generator(0), OPTIMIZER),
        loop.initial_state(opponent, OPTIMIZER),
        checkpoints.split(average)[1:],
    )
    keep(state, networks.describe(average), tmp_path)
    loaded, _ = checkpoints.load_generator(tmp_path)
    assert same(nnx.state(loaded), nnx.state(average))


def test_settings_that_are_not_the_defaults_come_back(generator, tmp_path):
    model = generator(bias=True, gray=True, in_channels=3, out_channels=3, normalise=True)
    keep(loop.initial_state(model, OPTIMIZER), networks.describe(model), tmp_path)
    loaded, _ = checkpoints.load_generator(tmp_path)
    assert loaded.settings == model.settings
    assert same(nnx.state(loaded), nnx.state(model))


def test_a_network_without_running_statistics_comes_back(random_network, tmp_path):
    settings = MSRResNetSettings(blocks=1, channels=4)
    model = random_network(lambda: MSRResNet(settings, rngs=nnx.Rngs(0)))
    keep(loop.initial_state(model, OPTIMIZER), networks.describe(model), tmp_path)
    loaded, _ = checkpoints.load_generator(tmp_path)
    assert isinstance(loaded, MSRResNet)
    assert same(nnx.state(loaded), nnx.state(model))


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}: no checkpoint of a training"):
        checkpoints.load_generator(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        checkpoints.load_generator(tmp_path / "nowhere")


def test_a_training_that_does_not_say_of_what_is_refused(generator, tmp_path):
    keep(loop.initial_state(generator(), OPTIMIZER), None, tmp_path)
    with pytest.raises(InputError, match="does not say which network"):
        checkpoints.load_generator(tmp_path)


def test_a_training_of_another_size_than_it_says_is_refused(generator, tmp_path):
    model, other = generator(), generator(channels=6)
    keep(loop.initial_state(model, OPTIMIZER), networks.describe(other), tmp_path)
    with pytest.raises(InputError, match=r"does not fit the network: .*conv1\.kernel is"):
        checkpoints.load_generator(tmp_path)


def test_a_damaged_checkpoint_is_named(generator, tmp_path):
    model = generator()
    keep(loop.initial_state(model, OPTIMIZER), networks.describe(model), tmp_path)
    # Arrays cut off would be read by Orbax's threads, which go on after the first has failed.
    (structure,) = tmp_path.glob("*/state/_METADATA")
    structure.write_bytes(structure.read_bytes()[:10])
    with pytest.raises(EchojaxError, match="not a whole checkpoint"):
        checkpoints.load_generator(tmp_path)
