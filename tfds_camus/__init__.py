"""CAMUS as a TFDS dataset: `Builder` makes it from either on-disk release, without TensorFlow."""

from tfds_camus.camus_dataset_builder import SPLITS, Builder
from tfds_camus.errors import CamusError
from tfds_camus.files import SEXES
from tfds_camus.layouts import SUBGROUPS, BadFile, FrameFiles, Scan, scan

__all__ = [
    "SEXES",
    "SPLITS",
    "SUBGROUPS",
    "BadFile",
    "Builder",
    "CamusError",
    "FrameFiles",
    "Scan",
    "scan",
]
