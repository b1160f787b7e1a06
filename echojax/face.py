"""What `import echojax` offers; heavy, and imported when it is first used."""

from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from echojax import devices
from echojax.config import DataConfig
from echojax.data.camus import open_frames
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference.arrays import Enhancer
from echojax.inference.classify import Classifier
from echojax.inference.enhance import TILE, Network
from echojax.media import stack
from echojax.models.generator import Generator
from echojax.studies.diagnosis import generators, transfer
from echojax.vocabulary import Generator as GeneratorName
from echojax.weights import catalogue, networks

Split = Literal["all", "train", "val", "test"]
_SPLITS = {"train": "train", "val": "validation", "test": "test"}  # in the words of `Frames`


def load(
    weights: str | PathLike[str],
    *,
    sr: GeneratorName = "srresnet",
    fold: int = 0,
    tile: int = TILE,
) -> Enhancer:
    """Load a network that enlarges or restores frames.

    Args:
        weights: a file (.safetensors, or a checkpoint of PyTorch: .pth, .pt, .pth.tar), the name of
            a fetched network (`echojax weights list`), or a run directory.
        sr: which generator of a run.
        fold: of which of its folds.
        tile: side of the tiles that large frames are done in, pixels; smaller ones need less
            memory and more time.

    Raises:
        InputError: it is not there, or holds no network that makes images.
    """
    devices.start()
    file = catalogue.locate(str(weights))
    if file.is_dir():
        file = generators.find(file, sr, fold)
    model: Generator = networks.load(file, Generator)
    return Enhancer(Network(model, tile))


def load_classifier(weights: str | PathLike[str]) -> Classifier:
    """Load a classifier of views and phases.

    Args:
        weights: a file, "simulated" for that in runs/pretrain-classifier, the run directory of a
            pretraining, or the folder of a study's classifier
            (RUN/classifiers/PROTOCOL/TASK/.../seedN).

    Raises:
        InputError: it is not there, is none of these, or was trained on enhanced frames.
    """
    devices.start()
    classifier, _ = transfer.load(str(weights))
    return classifier


def read(path: str | PathLike[str]) -> stack.Stack:
    """Read a recording: its frames as an array, with what its file says of them.

    Args:
        path: PNG, JPEG, TIFF, BMP, WebP, NIfTI, MetaImage, DICOM, AVI, MP4, MOV, MKV or GIF.

    Raises:
        InputError: no such file, an unknown format, or damaged.
    """
    return stack.read(Path(path).expanduser())


def camus(data_dir: str | PathLike[str] = "data", *, split: Split = "all") -> Frames:
    """The frames of a dataset that `echojax prepare camus` built, with square pixels.

    Args:
        data_dir: where it was built.
        split: "all" frames, or those of an official split of CAMUS.

    Returns:
        Frames ordered by patient, view and phase.

    Raises:
        InputError: nothing is prepared, or the dataset has no frames of the split.
    """
    if split not in ("all", *_SPLITS):
        raise InputError(f"split {split!r}; expected 'all', 'train', 'val' or 'test'")
    frames = open_frames(DataConfig(dir=Path(data_dir).expanduser()))
    if split == "all":
        return frames
    chosen = np.flatnonzero(frames.split == _SPLITS[split])
    if not len(chosen):
        there = [name for name, word in _SPLITS.items() if word in frames.split]
        raise InputError(
            f"{data_dir}: has no {split} split, "
            + (
                f"only {' and '.join(there)}"
                if there
                else "as its release names none; take split='all', and keep patients apart by "
                "frames.group"
            )
        )
    return frames.take(chosen)
