"""How well a grader's grades agree with what is known, and the line that makes them agree.

Line and intervals are set on persons that the network neither learned from nor is measured on.
The line, true grade by answer, is one for all regions. An interval is that of split conformal
prediction (Lei et al., JASA 113, 2018): the quantile of a region's absolute errors there, so that
the stated share of true grades lies within, of frames like those; it promises nothing for others,
and takes the frames of a person as if they were of several.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from flax import nnx

from echojax.inference.grade_lines import HIGHEST, LOWEST
from echojax.inference.regional_quality import COVERAGE, HALF_WIDTHS, answers
from echojax.inference.regions import REGIONS

Answers = Callable[[Any, np.ndarray], np.ndarray]  # of a network to frames: (n, 8)
_LEAST = 3  # values that a line or a correlation is of
_GOOD, _POOR = 4.0, 2.0  # of views
_NAMES = tuple(name.replace(" ", "_") for name in REGIONS)


class Known(Protocol):
    """Frames with what is known of them, as `regional_quality.Graded` has it."""

    @property
    def frames(self) -> np.ndarray:
        """What a network is asked by: (n, size, size), uint8, or whatever else it takes."""

    @property
    def grades(self) -> np.ndarray:
        """(n, 8), NaN where a region has none."""

    @property
    def view(self) -> np.ndarray:
        """(n,), NaN where a view has none."""


@dataclass(frozen=True)
class Measure:
    """Measures a network, with the line that it would get.

    Attributes:
        inner: frames to set the line and the intervals on.
        held_out: frames to measure on.
        coverage: share of the true grades that shall lie in the intervals.
        answers: how a network is asked.
    """

    inner: Known
    held_out: Known
    coverage: float
    answers: Answers = answers

    def __call__(self, model: Any) -> dict[str, float]:
        """Scores by name; what cannot be said is left out."""
        found = self.answers(model, self.inner.frames)
        slope, shift = line(found, self.inner)
        half = half_widths(slope * found + shift, self.inner.grades, self.coverage)
        there = slope * self.answers(model, self.held_out.frames) + shift
        scores = dict(zip((f"half_width_{name}" for name in _NAMES), half, strict=True))
        scores |= _of_regions(there.clip(LOWEST, HIGHEST), self.held_out.grades, half)
        scores |= _of_views(there.mean(axis=1), self.held_out.view)
        return {name: float(value) for name, value in scores.items() if np.isfinite(value)}

    def calibrated(self, model: Any) -> Any:
        """The network with the line multiplied into its last layer."""
        slope, shift = line(self.answers(model, self.inner.frames), self.inner)
        head = nnx.to_pure_dict(nnx.state(model.classifier))
        changed = {"kernel": head["kernel"] * slope, "bias": head["bias"] * slope + shift}
        nnx.update(model.classifier, nnx.State(changed))
        return model

    def told(self, scores: Mapping[str, float]) -> dict[str, str]:
        """What a card says."""
        half = [scores.get(f"half_width_{name}", np.nan) for name in _NAMES]
        words = {
            "mae": "mean absolute error",
            "spearman": "Spearman's rho",
            "covered": "share in the intervals",
            "auc_good_poor": "AUC of good against poor views",
            "spearman_view": "Spearman's rho with the grade of the view",
        }
        found = [f"{text} {scores[name]:.3f}" for name, text in words.items() if name in scores]
        return {
            HALF_WIDTHS: ",".join(f"{value:.3f}" for value in half),
            COVERAGE: f"{self.coverage:g}",
            "grades on held-out persons": ", ".join(found) or "none known",
        }


def line(found: np.ndarray, known: Known) -> tuple[float, float]:
    """Slope and shift from answers (n, 8) to grades, by least squares.

    Of the regions' grades; where there are none, of the mean answers to the grades of views. Few
    values, or answers that run the other way, get the line that changes nothing.
    """
    regions = np.isfinite(known.grades)
    given, truth = found[regions], known.grades[regions]
    if not regions.any():
        views = np.isfinite(known.view)
        given, truth = found[views].mean(axis=1), known.view[views]
    if len(given) < _LEAST or np.ptp(given) == 0:
        return 1.0, 0.0
    slope, shift = np.polyfit(given.astype(np.float64), truth, 1)
    return (float(slope), float(shift)) if slope > 0 else (1.0, 0.0)


def half_widths(found: np.ndarray, grades: np.ndarray, coverage: float) -> np.ndarray:
    """Half of the interval of each region, (8,), the whole scale of too few; NaN without grades."""
    half = np.full(len(REGIONS), np.nan)
    for region, errors in enumerate(np.abs(found - grades).T):
        errors = np.sort(errors[np.isfinite(errors)])
        rank = math.ceil((len(errors) + 1) * coverage)
        if len(errors):
            half[region] = errors[rank - 1] if rank <= len(errors) else HIGHEST - LOWEST
    return half


def _of_regions(found: np.ndarray, grades: np.ndarray, half: np.ndarray) -> dict[str, float]:
    errors, scores = np.abs(found - grades), {}
    for name, own, truth, error in zip(_NAMES, found.T, grades.T, errors.T, strict=True):
        known = np.isfinite(truth)
        scores[f"mae_{name}"] = float(error[known].mean()) if known.any() else np.nan
        scores[f"spearman_{name}"] = spearman(own[known], truth[known])
    known = np.isfinite(errors)
    if not known.any():
        return scores
    of_each = [scores[f"spearman_{name}"] for name in _NAMES]
    rho = [value for value in of_each if np.isfinite(value)]
    return scores | {
        "mae": float(errors[known].mean()),
        "spearman": float(np.mean(rho)) if rho else np.nan,
        "covered": float((errors <= half)[known].mean()),
    }


def _of_views(means: np.ndarray, view: np.ndarray) -> dict[str, float]:
    known = np.isfinite(view)
    good, poor = means[view == _GOOD], means[view == _POOR]
    scores = {"spearman_view": spearman(means[known], view[known])}
    if len(good) and len(poor):
        higher = np.sign(good[:, None] - poor[None]).mean()
        scores["auc_good_poor"] = float((1 + higher) / 2)
    return scores


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Rank correlation; nan of fewer than three values, or values that are all the same."""
    from scipy.stats import rankdata  # takes a second

    if len(one) < _LEAST or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
