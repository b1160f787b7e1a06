"""Run by test_data_parallel.py in a process of its own, with eight simulated CPU devices.

Prints, for each kind of training, the largest difference between the parameters that one device
gives and those that eight give, and by how much training moved them.
"""

import json
import tempfile
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from echojax import config, devices
from echojax.inference import classify
from echojax.recipes import classification as classifier
from echojax.recipes import super_resolution
from echojax.training import checkpoints

SETTINGS = config.load(
    None,
    [
        "classifier.width=8",
        "classifier.size=32",
        "classifier.epochs=4",
        "sr.blocks=2",
        "sr.channels=8",
        "sr.crop=32",
        "sr.steps=10",
    ],
)


def silent(step: int, **metrics: float) -> None:
    del step, metrics


def parameters(model: nnx.Module) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(model))]


def compare(train, untrained: nnx.Module) -> dict[str, float]:
    one, eight = (parameters(train(devices.data_mesh(jax.devices()[:count]))) for count in (1, 8))
    start = parameters(untrained)
    return {
        "difference": float(max(np.abs(a - b).max() for a, b in zip(one, eight, strict=True))),
        "moved": float(max(np.abs(a - b).max() for a, b in zip(one, start, strict=True))),
    }


def main() -> None:
    rng = np.random.default_rng(0)
    frames = rng.random((32, 32, 32), np.float32)
    labels = np.arange(32) % 2
    images = tuple(rng.integers(0, 256, (40, 48), np.uint8) for _ in range(4))

    def train_classifier(mesh):
        return classifier.train(
            frames,
            labels,
            SETTINGS.classifier,
            0,
            task="view",
            mesh=mesh,
            title="test",
            log=silent,
        )

    def train_generator(mesh):
        with tempfile.TemporaryDirectory() as folder:
            return super_resolution.train(
                images,
                (),
                SETTINGS.sr,
                mesh=mesh,
                checkpoints=Path(folder),
                title="test",
                log=silent,
            )

    def answers(mesh, folder):
        """What a classifier says on a mesh after it was kept and read back there."""
        model = train_classifier(mesh)
        checkpoints.save_network(model, folder)
        again = classifier.network(SETTINGS.classifier, 1)
        checkpoints.load_network(again, folder, mesh)
        return classify.probabilities(again, frames, mesh)

    with tempfile.TemporaryDirectory() as folder:
        one = answers(devices.data_mesh(jax.devices()[:1]), Path(folder, "one"))
        eight = answers(devices.data_mesh(), Path(folder, "eight"))

    found = {
        "answers": float(np.abs(one - eight).max()),
        "devices": jax.device_count(),
        "classifier": compare(train_classifier, classifier.network(SETTINGS.classifier, 0)),
        "generator": compare(
            train_generator,
            super_resolution.SRResNet(super_resolution.settings(SETTINGS.sr), rngs=nnx.Rngs(0)),
        ),
    }
    print(json.dumps(found))


main()
