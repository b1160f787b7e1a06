"""The words of the field that travel through the project, each list in its reading order.

A quality is what an expert called a frame; a stratum is a set of frames of one quality that was cut
to the size of the others. An enhancement is done to a side (what trains, what tests, both) in a
mode: `upscale` enlarges the frame itself, `restore` reduces it first and brings it back.
"""

from typing import Literal, get_args

View = Literal["2CH", "4CH"]
Phase = Literal["ED", "ES"]
Quality = Literal["good", "medium", "poor"]
QualityOrNone = Literal["good", "medium", "poor", "unlabelled"]
Task = Literal["view", "phase"]
Protocol = Literal["patient", "paper"]
Draw = Literal["recordings", "frames"]
Generator = Literal["srresnet", "srgan"]
Enhancement = Literal["none", "bicubic", "srresnet", "srgan"]
Mode = Literal["upscale", "restore"]
Side = Literal["train", "test", "both"]

VIEWS: tuple[View, ...] = get_args(View)
PHASES: tuple[Phase, ...] = get_args(Phase)
QUALITIES: tuple[Quality, ...] = get_args(Quality)
UNLABELLED = "unlabelled"  # instead of a quality, where none is known
CLASSES: dict[str, tuple[str, ...]] = {"view": VIEWS, "phase": PHASES}  # in the order of labels
TASKS: tuple[Task, ...] = get_args(Task)
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
GENERATORS: tuple[Generator, ...] = get_args(Generator)
ENHANCEMENTS: tuple[Enhancement, ...] = get_args(Enhancement)
MODES: tuple[Mode, ...] = get_args(Mode)
SIDES: tuple[Side, ...] = get_args(Side)
NONE = "none"  # instead of an enhancement, a mode or a side
