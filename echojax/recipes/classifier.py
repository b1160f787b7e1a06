"""The classifier of a study as it is configured: what it sees, and how it is trained."""

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from echojax.config import FREE, Section
from echojax.inference.classify import Fit, Shape

# Settings that belong together; each can still be set by itself.
RECIPES: dict[str, dict[str, object]] = {
    "published": {},  # the defaults below, as far as the study's text goes
    "strong": {
        "fit": "pad",
        "steps": 1500,
        "learning_rate": 3e-4,
        "schedule": "cosine",
        "weight_decay": 0.05,
        "augment": 0.5,
        "average": 0.99,
        "inner": 0.2,
    },
}


class ClassifierConfig(Section):
    """ResNet-18 and its training."""

    recipe: Literal["published", "strong"] = Field(
        "published", description="what the keys below are where they are not set"
    )
    size: int = Field(224, ge=32, description="side of the square input")
    fit: Fit = Field(
        "stretch",
        description='of a frame into the square: "stretch", "pad" (the aspect is kept), or '
        '"millimetres" (pixels of one size)',
    )
    pixel: float = Field(0.8, gt=0, description='side of a pixel, mm, with fit = "millimetres"')
    width: int = Field(64, ge=1, description="channels of the first stage; 64 is ResNet-18")
    init: Annotated[str, FREE] = Field(
        "pretrained",
        description='"imagenet" (resnet18, as fetched), "simulated" (what `echojax '
        'pretrain-classifier` left here), "pretrained" (the first of these that is there), a '
        'file of weights, or "random"',
    )
    batch: int = Field(16, ge=1)
    epochs: int = Field(10, ge=1)
    steps: int = Field(0, ge=0, description="instead of epochs; 0 for epochs")
    learning_rate: float = Field(1e-4, gt=0)
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="of the rate; the cosine follows a short warm-up"
    )
    weight_decay: float = Field(0.0, ge=0, description="of kernels (AdamW)")
    augment: float = Field(
        0.0, ge=0, le=2, description="strength of the changes to every frame; 0 for none"
    )
    average: float = Field(
        0.0, ge=0, lt=1, description="largest decay of the weights' moving average; 0 for none"
    )
    inner: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the training patients that is kept back to set threshold and "
        "temperature on; 0 for none",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_recipe(cls, values: Any) -> Any:
        return {**RECIPES.get(values.get("recipe", "published"), {}), **values}

    @property
    def shape(self) -> Shape:
        """How frames become inputs."""
        return Shape(self.size, self.fit, self.pixel if self.fit == "millimetres" else 0.0)


class Labelled(NamedTuple):
    """Frames (n, size, size), float32 in [0, 1] as `classify.as_input` makes them, and labels.

    Labels are 0 or 1, (n, heads).
    """

    frames: np.ndarray
    labels: np.ndarray

    def take(self, chosen: np.ndarray) -> "Labelled":
        """Those at some indices, or where a mask is true."""
        return Labelled(self.frames[chosen], self.labels[chosen])
