"""What a grader's training starts from: a network of ImageNet, a segmenter, a grader, or noise."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.errors import InputError
from echojax.files import sha256
from echojax.inference.regions import REGIONS
from echojax.inference.segment import Segmenter
from echojax.models.mobilenet import MobileNetV2, MobileNetV2Settings, adopt, as_input
from echojax.models.region_head import HEAD, Pooled, PooledSettings
from echojax.models.unet import UNet
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


def segmenter(init: str) -> Segmenter:
    """The segmenter whose features a head shall see.

    Args:
        init: a path.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    file = Path(init).expanduser()
    if not file.is_file():
        raise InputError(
            f'regional_quality.init = {init}: no such file; regional_quality.network = "pooled" '
            "needs one of `echojax train-segmenter`"
        )
    return Segmenter.load(file)


def with_head(unet: UNet, hidden: int, seed: int) -> Pooled:
    """A segmentation network with a head for grades, which starts at the middle of these.

    Args:
        unet: the network; one that has a head already keeps it, and its size.
        hidden: units of a new head.
        seed: of a new head's random numbers.
    """
    if isinstance(unet, Pooled):
        return unet
    settings = PooledSettings(**dataclasses.asdict(unet.settings), hidden=hidden)
    model: Pooled = kinds.empty("pooled", settings)
    rng = np.random.default_rng(seed)
    shapes = {name: s for name, s in by_name.shapes(model).items() if name.startswith(HEAD)}
    head = {name: rng.normal(0, shape[0] ** -0.5, shape) for name, shape in shapes.items()}
    head |= {"region.bias": np.zeros(settings.hidden), "classifier.bias": np.full(1, _MIDDLE)}
    by_name.fill(model, by_name.arrays(unet) | head, Path("the start of a grader"))
    return model
