"""Run by test_data_parallel.py in a process of its own, with eight simulated CPU devices.

Prints, for each kind of training, the largest difference between the parameters that one device
gives and those that eight give, and by how much training moved the network that it starts from;
and how far apart the answers of a classifier are that was kept and read back on one device and on
eight.
"""

import json
import tempfile
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from echojax import config, devices
from echojax.inference import classify
from echojax.recipes import classification, super_resolution
from echojax.recipes.classification import Labelled
from echojax.runs.job import Job, Record
from echojax.studies.diagnosis.config import Config
from echojax.training.loop import Training, fit
from echojax.weights import networks
from tests.recipes.images import Images, speckle

CONFIG = config.load(
    Config,
    None,
    [
        "classifier.width=4",
        "classifier.size=32",
        "classifier.epochs=2",
        "classifier.batch=8",
        "sr.blocks=1",
        "sr.channels=4",
        "sr.first_kernel=3",
        "sr.last_kernel=3",
        "sr.crop=16",
        "sr.batch=8",
        "sr.steps=5",
        "sr.learning_rate=1e-3",
    ],
)
MESHES = [devices.data_mesh(jax.devices()[:count]) for count in (1, 8)]


def trained(training: Training, mesh):
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder), "test", Record(), lambda step, **metrics: None)
        return fit(training, job, mesh, keep=False)


def furthest(one, other) -> float:
    differences = jax.tree.map(lambda x, y: np.abs(np.asarray(x) - np.asarray(y)).max(), one, other)
    return float(max(jax.tree.leaves(differences)))


def compare(training: Training, start) -> dict[str, float]:
    one, eight = (trained(training, mesh) for mesh in MESHES)
    return {
        "difference": furthest(nnx.state(one), nnx.state(eight)),
        # Running statistics would move without a gradient, too.
        "moved": furthest(nnx.state(one, nnx.Param), nnx.state(start, nnx.Param)),
    }


def main() -> None:
    jax.config.update("jax_disable_most_optimizations", True)  # steps are few
    rng = np.random.default_rng(0)
    frames = Labelled(rng.random((16, 32, 32), np.float32), np.arange(16)[:, None] % 2)
    classifier = classification.training(CONFIG.classifier, frames, tasks=("view",), seed=0)
    untrained = classification.init_network(CONFIG.classifier, 0, "view")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kept.safetensors")
        networks.save(untrained, file)
        one, eight = (
            classify.probabilities(networks.load(file), frames.frames, mesh) for mesh in MESHES
        )
    found = {
        "devices": jax.device_count(),
        "answers": float(np.abs(one - eight).max()),
        "spread": float(np.ptp(one)),
        "classifier": compare(classifier, untrained),
        "generator": compare(
            super_resolution.training(CONFIG.sr, Images(speckle(4, 0))),
            super_resolution.init_network(CONFIG.sr),
        ),
    }
    print(json.dumps(found))


main()
