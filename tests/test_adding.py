"""What docs/adding.md promises: a network, a training and a dataset cost a file each."""

import hashlib
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from echojax import devices
from echojax.config import Section, recorded
from echojax.data.crops import crop_batches, stream
from echojax.inference.enhance import Network, degrade, enhance
from echojax.models.generator import Generator
from echojax.runs.job import Record
from echojax.runs.run import Run
from echojax.training.loop import Training, fit, make_step
from echojax.training.state import initial_state, split
from echojax.weights import networks


@dataclass(frozen=True)
class TinySettings:
    scale: int = 2
    channels: int = 1


class Tiny(nnx.Module):
    """A network: enlarged by repetition, then one convolution."""

    def __init__(self, settings, *, rngs):
        self.settings = settings
        self.conv = nnx.Conv(1, 1, (3, 3), rngs=rngs)

    scale = property(lambda self: self.settings.scale)
    reach = property(lambda self: 1)
    channels = property(lambda self: self.settings.channels)

    def __call__(self, x, *, train=False):
        for axis in (1, 2):
            x = jnp.repeat(x, self.scale, axis)
        return self.conv(x)


class Stripes:
    """A dataset: images made when they are asked for."""

    name, smallest_side = "stripes", 16

    def __init__(self, numbers=range(6)):
        self.numbers = np.array(numbers)
        self.table = {"number": self.numbers}

    def __len__(self):
        return len(self.numbers)

    def image(self, index):
        rows, columns = np.indices((16, 20))
        return (((rows + columns) // (2 + self.numbers[index])) % 2 * 255).astype(np.uint8)

    def take(self, indices):
        return Stripes(self.numbers[indices])

    def fingerprint(self):
        return hashlib.sha256(self.numbers.tobytes()).hexdigest()[:16]


class TinyConfig(Section):
    steps: int = 40
    batch: int = 4


def record(config, source):
    return Record(recorded(config, "tiny"), {"images": source.fingerprint()})


def training(config, source):
    """A recipe."""
    model = Tiny(TinySettings(), rngs=nnx.Rngs(0))
    graphdef, _, _ = split(model)
    optimizer = optax.adam(1e-2)
    batches = crop_batches(source, 8, config.batch, 0)

    def loss(model, batch, key):
        high = batch.astype(jnp.float32) / 255
        return jnp.mean((model(degrade(high, 2), train=True) - high) ** 2), {}

    return Training(
        start=lambda: initial_state(model, optimizer, seed=0),
        step=make_step(graphdef, optimizer, loss),
        batches=lambda first: stream(batches, first),
        steps=config.steps,
        network=lambda state: nnx.merge(graphdef, state.params, state.rest),
        save_every=20,
        card={"title": "a throwaway"},
    )


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setitem(networks.KINDS, "tiny", networks.Kind(Tiny, TinySettings))


def test_a_network_a_training_and_a_dataset_work_together(known, tmp_path):
    config, source = TinyConfig(), Stripes()
    job = Run(tmp_path).job("tiny", record(config, source))
    trained = fit(training(config, source), job, devices.data_mesh())
    loaded = networks.load(job.file, Generator)
    frame = source.image(3)
    large = enhance(frame, Network(loaded), mode="upscale", low=0, high=255)
    assert large.shape == (32, 40)
    assert np.array_equal(large, enhance(frame, Network(trained), mode="upscale", low=0, high=255))
    assert networks.card(job.file)["title"] == "a throwaway"
    errors = [
        np.square(enhance(frame, Network(model), mode="restore", low=0, high=255) - 1.0 * frame)
        for model in (Tiny(TinySettings(), rngs=nnx.Rngs(0)), loaded)
    ]
    assert errors[1].mean() < errors[0].mean()
    assert ",tiny,40,loss," in (tmp_path / "log.csv").read_text()
    job.file.unlink()  # it is made again from the last checkpoint
    again = fit(training(config, source), job, devices.data_mesh())
    assert np.array_equal(again.conv.kernel[...], loaded.conv.kernel[...])
