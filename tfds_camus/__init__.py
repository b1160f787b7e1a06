"""CAMUS as a TFDS dataset: `Builder` makes it from either on-disk release, without TensorFlow."""

from tfds_camus.camus_dataset_builder import Builder
from tfds_camus.files import CamusError
from tfds_camus.layouts import BadFile, FrameFiles, Scan, scan

__all__ = ["BadFile", "Builder", "CamusError", "FrameFiles", "Scan", "scan"]
