"""The words of the field that travel through the project, each list in its reading order.

A quality is what an expert called a frame; a stratum is a set of frames of one quality that was cut
to the size of the others. An enhancement is done to a side (what trains, what tests, both) in a
mode: `upscale` enlarges the frame itself, `restore` reduces it first and brings it back, `filter`
changes it at its own size, `augment` changes it anew at every step of a training.
"""

from typing import Literal, NamedTuple, get_args

View = Literal["2CH", "4CH"]
Phase = Literal["ED", "ES"]
Quality = Literal["good", "medium", "poor"]
QualityOrNone = Literal["good", "medium", "poor", "unlabelled"]
Task = Literal["view", "phase"]
Outcome = Literal["accuracy", "dice", "ef"]
Protocol = Literal["patient", "paper"]
Draw = Literal["recordings", "frames"]
Generator = Literal["srresnet", "srgan"]
Enhancement = Literal[
    "none",
    "bicubic",
    "lanczos",
    "blur",
    "clahe",
    "normalize",
    "nlmeans",
    "srresnet",
    "srgan",
    "restorer",
    "degrade",
]
Resampling = Literal["upscale", "restore"]
Mode = Literal["upscale", "restore", "filter", "augment"]
Side = Literal["train", "test", "both"]
GradingMethod = Literal["end-to-end", "coherence", "gcnr", "cr"]

VIEWS: tuple[View, ...] = get_args(View)
PHASES: tuple[Phase, ...] = get_args(Phase)
QUALITIES: tuple[Quality, ...] = get_args(Quality)
UNLABELLED = "unlabelled"  # instead of a quality, where none is known
CLASSES: dict[str, tuple[str, ...]] = {"view": VIEWS, "phase": PHASES}  # in the order of labels
TASKS: tuple[Task, ...] = get_args(Task)
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
GENERATORS: tuple[Generator, ...] = get_args(Generator)
ENLARGERS = ("bicubic", "lanczos", *GENERATORS)  # enhancements that make a frame larger
ENHANCEMENTS: tuple[Enhancement, ...] = get_args(Enhancement)
MODES: tuple[Resampling, ...] = get_args(Resampling)  # of what resamples; filters have one mode
ALL_MODES: tuple[Mode, ...] = get_args(Mode)
SIDES: tuple[Side, ...] = get_args(Side)
GRADING_METHODS: tuple[GradingMethod, ...] = get_args(GradingMethod)
NONE = "none"  # instead of an enhancement, a mode or a side
GRADES = ("not visible", "poor", "ok", "good", "excellent")  # of image quality, from 1 to 5
UNGRADED = "not assessable"  # instead of a grade


def grade_word(grade: float) -> str:
    """What a grade in [1, 5] is called: the nearest of `GRADES`; not assessable for nan."""
    if grade != grade:
        return UNGRADED
    return GRADES[sum(grade >= cut for cut in (1.5, 2.5, 3.5, 4.5))]


class Use(NamedTuple):
    """What can be done with an enhancement.

    Attributes:
        modes: it has.
        sides: it can be done to.
        generator: whose training it needs, its own or that of another; None for none.
        control: whether it is there to be compared with networks.
    """

    modes: tuple[Mode, ...]
    sides: tuple[Side, ...] = SIDES
    generator: Generator | None = None
    control: bool = False


USES: dict[str, Use] = {
    NONE: Use((), ()),
    "bicubic": Use(MODES),
    "lanczos": Use(MODES, control=True),
    "blur": Use(MODES, generator="srresnet", control=True),  # as strong as SRResNet
    "clahe": Use(("filter",), control=True),
    "normalize": Use(("filter",), control=True),
    "nlmeans": Use(("filter",), control=True),
    "srresnet": Use(MODES, generator="srresnet"),
    "srgan": Use(MODES, generator="srgan"),
    "restorer": Use(("filter",)),
    "degrade": Use(("augment",), ("train",)),
}
