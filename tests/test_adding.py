"""What docs/adding.md promises: a network, a training and a dataset cost a file each.

An enhancement costs a line, and a function.
"""

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
from echojax.inference import filters
from echojax.inference.classify import Shape, as_input
from echojax.inference.enhance import Network, as_float, degrade, enhance
from echojax.models.generator import Generator
from echojax.runs.job import Record
from echojax.runs.run import Run
from echojax.studies.diagnosis import manipulation
from echojax.studies.diagnosis.cells import StudyConfig, cells_of
from echojax.studies.diagnosis.folds import make_folds
from echojax.studies.diagnosis.inputs import Inputs
from echojax.training.loop import Training, fit, make_step
from echojax.training.state import initial_state, split
from echojax.vocabulary import USES, Use
from echojax.weights import kinds, networks


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
    monkeypatch.setitem(kinds.KINDS, "tiny", kinds.Kind(Tiny, TinySettings))


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


def test_an_enhancement_has_cells_inputs_and_its_manipulation(make_frames, monkeypatch, tmp_path):
    monkeypatch.setitem(USES, "inverted", Use(("filter",)))
    monkeypatch.setitem(filters.FILTERS, "inverted", lambda frame: 1 - frame)
    cells = cells_of(StudyConfig(), ["view"], "good", "poor", "inverted", None)
    assert [(cell.mode, cell.sr_on) for cell in cells] == [("filter", "test")]
    each = [(p, view, phase) for p in range(12) for view in range(2) for phase in range(2)]
    patient, view, phase = np.array(each).T
    images = np.random.default_rng(0).integers(0, 256, (len(each), 40, 40), np.uint8)
    frames = make_frames(
        list(images), [f"p{k:02d}" for k in patient], view, phase, quality=patient % 3
    )
    (fold, _) = make_folds(
        frames, protocol="patient", sr_quality=("good",), parts=2, folds=2, seed=0
    )
    inputs = Inputs(frames, None, "", Shape(32))
    (seen,) = inputs.of(np.array([5]), fold, "inverted", "filter")
    np.testing.assert_array_equal(seen, as_input(1 - as_float(images[5]), Shape(32)))
    manipulation.measure(tmp_path / "manipulation.csv", inputs, fold, cells)
    (row,) = manipulation.read(tmp_path / "manipulation.csv")
    assert (row.sr, row.mode, row.quality) == ("inverted", "filter", "poor")
    assert row.rms > 0
