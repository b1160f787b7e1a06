"""The configuration of the diagnosis study: its networks, their trainings, what is compared."""

from typing import Annotated

from pydantic import Field, model_validator

from echojax.config import FREE, Configuration, Section
from echojax.recipes.classification import ClassifierConfig, PretrainConfig
from echojax.recipes.gan import GanConfig
from echojax.vocabulary import (
    MODES,
    QUALITIES,
    SIDES,
    TASKS,
    Enhancement,
    Mode,
    Protocol,
    Quality,
    Side,
    Task,
)


class StudyConfig(Section):
    """What is compared, and how frames are split."""

    protocols: Annotated[tuple[Protocol, ...], FREE] = Field(("patient",), min_length=1)
    tasks: Annotated[tuple[Task, ...], FREE] = Field(TASKS, min_length=1)
    train: Annotated[tuple[Quality, ...], FREE] = Field(QUALITIES, min_length=1)
    test: Annotated[tuple[Quality, ...], FREE] = Field(QUALITIES, min_length=1)
    sr: Annotated[tuple[Enhancement, ...], FREE] = Field(
        ("none", "bicubic", "srresnet"), min_length=1
    )
    modes: Annotated[tuple[Mode, ...], FREE] = Field(
        MODES,
        min_length=1,
        description="upscale: the frame made larger; restore: reduced first, and brought back",
    )
    sr_on: Annotated[tuple[Side, ...], FREE] = Field(SIDES, min_length=1)
    enhance: Annotated[tuple[Quality, ...], FREE] = Field(
        ("poor",), min_length=1, description="strata that are enhanced"
    )
    parts: int = Field(
        5, ge=2, description="frames or patients are cut into; one tests, 1/5 = 20 %"
    )
    folds: Annotated[int, FREE] = Field(
        5, ge=1, description="how many of the parts get their turn as the test part"
    )
    seeds: Annotated[int, FREE] = Field(3, ge=1, description="trainings of every classifier")
    split_seed: int = Field(0, ge=0, description="of balancing and splitting")
    keep_classifiers: Annotated[bool, FREE] = Field(
        True, description="keep the trained weights (45 MB each)"
    )
    note: Annotated[str, FREE] = Field("", description="shown on top of the report")

    @model_validator(mode="after")
    def _folds_exist(self) -> "StudyConfig":
        if self.folds > self.parts:
            raise ValueError(f"study.folds is {self.folds}, but there are {self.parts} study.parts")
        return self


class Config(Configuration):
    """Everything a run of the study depends on, the pretraining of its networks included."""

    sr: GanConfig = GanConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    pretrain: PretrainConfig = PretrainConfig()
    study: StudyConfig = StudyConfig()
