"""What a classifier says of frames."""

from dataclasses import dataclass

import numpy as np

from echojax.vocabulary import CLASSES


@dataclass(frozen=True)
class Answer:
    """The answer to one question, the view or the phase, for each of some frames.

    Attributes:
        task: the question.
        probabilities: float32 (n, classes), of each class in the order of `classes`; a row sums
            to 1.
    """

    task: str
    probabilities: np.ndarray

    @classmethod
    def of(cls, task: str, second: np.ndarray) -> "Answer":
        """From the probability of the second class, (n,)."""
        return cls(task, np.stack([1 - second, second], axis=1))

    @property
    def classes(self) -> tuple[str, ...]:
        """What there is to choose from."""
        return CLASSES[self.task]

    @property
    def labels(self) -> list[str]:
        """The class that is told, for each frame: that of the larger probability."""
        # As in a study: a probability of one half is the second class.
        return [self.classes[int(second >= 0.5)] for _, second in self.probabilities]

    @property
    def confidence(self) -> np.ndarray:
        """The probability of the class that is told, float32 (n,)."""
        return self.probabilities.max(axis=1)

    def mean(self) -> "Answer":
        """The answer for all frames together, as one: the mean of their probabilities."""
        return Answer(self.task, self.probabilities.mean(axis=0, keepdims=True))
