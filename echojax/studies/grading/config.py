"""The configuration of the grading study: its methods, masks, enhancements and observers."""

from typing import Annotated

from pydantic import Field

from echojax.config import FREE, Configuration, Section
from echojax.vocabulary import Enhancement, Resampling


class GradingConfig(Section):
    """What is graded, by what, and what it is set beside."""

    segmenter: Annotated[str, FREE] = Field(
        "",
        description="a run of `echojax train-segmenter` on the same frames, where its networks "
        "segmented frames of other persons than they learned from",
    )
    coherence: Annotated[str, FREE] = Field(
        "", description="the file of a network that predicts coherence from a frame"
    )
    grader: Annotated[str, FREE] = Field(
        "", description="the file of a network that grades the regions of a frame itself"
    )
    enhancements: Annotated[tuple[Enhancement, ...], FREE] = Field(
        ("bicubic", "srresnet", "srgan", "restorer"), description="graded before and after"
    )
    modes: Annotated[tuple[Resampling, ...], FREE] = Field(
        ("restore",), min_length=1, description="of what resamples, as study.modes"
    )
    diagnosis: Annotated[str, FREE] = Field(
        "",
        description="the run of a diagnosis study on the same frames: its generators enhance the "
        "frames that they have not seen, and its changes in accuracy stand beside those in grades",
    )
    srresnet: Annotated[str, FREE] = Field(
        "", description="the file of a generator, instead of those of the diagnosis run"
    )
    srgan: Annotated[str, FREE] = Field("", description="the same of SRGAN")
    restorer: Annotated[str, FREE] = Field("", description="the file of a restorer")
    scale: Annotated[int, FREE] = Field(4, ge=2, description="of interpolation without a network")
    observers: Annotated[tuple[str, ...], FREE] = Field(
        (), description="CSV files of human grades, one an observer: frame,region,grade"
    )
    parts: int = Field(5, ge=2, description="patients are cut into; a part is judged by the others")
    split_seed: int = Field(0, ge=0, description="of cutting them")
    hearts: Annotated[int, FREE] = Field(
        12, ge=0, description="simulated to vary gain and each cause of poor quality alone"
    )
    note: Annotated[str, FREE] = Field("", description="shown on top of the report")


class Config(Configuration):
    """Everything a run of the study depends on."""

    grading: GradingConfig = GradingConfig()
