"""Run by test_data_parallel.py in a process of its own, with eight simulated CPU devices.

Prints the largest difference between the parameters that training on one device gives and those
that eight give, and by how much training moved the network that it starts from; and how far apart
the answers of a classifier are that was kept and read back on one device and on eight.
"""

import json
import tempfile
from pathlib import Path

import jax
import numpy as np
from flax import nnx

from echojax import devices
from echojax.inference import classify
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.recipes import super_resolution
from echojax.recipes.super_resolution import SuperResolutionConfig
from echojax.runs.job import Job, Record
from echojax.training.loop import fit
from echojax.weights import networks
from tests.recipes.images import Images, speckle

# SRResNet has BatchNorm, whose statistics are those of all devices' images.
CONFIG = SuperResolutionConfig(
    blocks=1,
    channels=4,
    first_kernel=3,
    last_kernel=3,
    crop=16,
    batch=8,
    steps=5,
    learning_rate=1e-3,
)
MESHES = [devices.data_mesh(jax.devices()[:count]) for count in (1, 8)]


def trained(mesh) -> nnx.Module:
    training = super_resolution.training(CONFIG, Images(speckle(4, 0)))
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder), "test", Record(), lambda step, **metrics: None)
        return fit(training, job, mesh, keep=False)


def answers() -> list[np.ndarray]:
    frames = np.random.default_rng(0).random((16, 32, 32), np.float32)
    untrained = ResNet18(ResNetSettings(classes=2, width=4), rngs=nnx.Rngs(0))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kept.safetensors")
        networks.save(untrained, file)
        return [classify.probabilities(networks.load(file), frames, mesh) for mesh in MESHES]


def furthest(one, other) -> float:
    differences = jax.tree.map(lambda x, y: np.abs(np.asarray(x) - np.asarray(y)).max(), one, other)
    return float(max(jax.tree.leaves(differences)))


def main() -> None:
    jax.config.update("jax_disable_most_optimizations", True)  # steps are few
    one, eight = map(trained, MESHES)
    start = super_resolution.init_network(CONFIG)
    asked = answers()
    found = {
        "devices": jax.device_count(),
        "difference": furthest(nnx.state(one), nnx.state(eight)),
        # Running statistics would move without a gradient, too.
        "moved": furthest(nnx.state(one, nnx.Param), nnx.state(start, nnx.Param)),
        "answers": furthest(*asked),
        "spread": float(np.ptp(asked[0])),
    }
    print(json.dumps(found))


main()
