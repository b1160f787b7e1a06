"""What a grader's training starts from: weights of ImageNet, of another grader, or noise."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.files import sha256
from echojax.inference.regions import REGIONS
from echojax.models.mobilenet import MobileNetV2, MobileNetV2Settings, adopt, as_input
from echojax.weights import by_name, catalogue, convert, kinds, networks

RANDOM = "random"
_MIDDLE = 3.0  # of the grades, 1 to 5
_HEAD = "classifier"


def init_file(init: str) -> Path | None:
    """The file that is meant by a path or a name of the catalogue; None for random numbers.

    Raises:
        InputError: a known network that was not fetched yet.
    """
    return None if init == RANDOM else catalogue.locate(init)


def init_hash(init: str) -> str:
    """The sha256 of that file, "random" without one.

    Raises:
        InputError: as `init_file`, or there is no such file.
    """
    file = init_file(init)
    return RANDOM if file is None else sha256(file)


def init_network(
    init: str, frames: np.ndarray, *, width: float, dropout: float, seed: int
) -> MobileNetV2:
    """The network before its training, for gray frames and eight grades.

    A file brings its own width and padding. The stem of a network of colours is summed over them.
    A last layer for other answers starts anew, at the middle of the grades; then the statistics of
    frames take the place of those of photographs, with what they change made up for
    (`mobilenet.adopt`).

    Args:
        init: a path, a name of the catalogue, or "random".
        frames: to take statistics of, uint8 (n, size, size).
        width: of a network from scratch.
        dropout: of either.
        seed: of random numbers.

    Raises:
        InputError: as `init_file`, or the file holds no MobileNetV2.
    """
    file = init_file(init)
    if file is None:
        settings = MobileNetV2Settings(1, len(REGIONS), width, dropout)
        model = MobileNetV2(settings, rngs=nnx.Rngs(seed))
        nnx.update(model.classifier, nnx.State({"bias": jnp.full(len(REGIONS), _MIDDLE)}))
        return model
    given, _ = convert.fold_to_gray(networks.load(file, MobileNetV2))
    model = _with_grades(given, dropout, seed)
    if given.settings.outputs != len(REGIONS):
        adopt(model, as_input(jnp.asarray(frames, jnp.float32)[..., None] / 255, model.settings))
    return model


def _with_grades(given: MobileNetV2, dropout: float, seed: int) -> MobileNetV2:
    was, tensors = given.settings, by_name.arrays(given)
    settings = MobileNetV2Settings(
        1, len(REGIONS), was.width, dropout, padding=was.padding, epsilon=was.epsilon
    )
    if was.outputs != len(REGIONS):
        features = tensors[f"{_HEAD}.kernel"].shape[0]
        kernel = np.random.default_rng(seed).normal(0, 0.01, (features, len(REGIONS)))
        bias = np.full(len(REGIONS), _MIDDLE)
        tensors |= {f"{_HEAD}.kernel": kernel, f"{_HEAD}.bias": bias}
    model: MobileNetV2 = kinds.empty("mobilenetv2", settings)
    by_name.fill(model, tensors, Path("the start of a grader"))
    return model
