"""What makes a frame good, medium or poor: causes, drawn once per patient and view."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

QUALITIES = ("Good", "Medium", "Poor")

# Frames of each quality among CAMUS's 500 patients (Leclerc et al., IEEE TMI 2019).
CAMUS_COUNTS = {"2CH": (217, 214, 69), "4CH": (288, 165, 47)}


@dataclass(frozen=True)
class Appearance:
    """Causes of image quality of one patient and view, shared by its phases.

    `gain` scales everything (dB); `chest_wall` is what the echo loses before it reaches the heart
    (dB); `beam` widens the lateral point spread (1 is a perfect aperture); `noise` is the
    receiver's, relative to its usual floor; `haze` and `clutter` are amplitudes (dB) of stray echo
    everywhere and next to the probe; `edge_loss` is how much the badly coupled edge of the probe
    loses (dB, negative when it is the left edge); `shadow` is the depth of a rib's shadow (dB) and
    `shadow_at` its place across the sector (-1 to 1).
    """

    gain: float
    chest_wall: float
    beam: float
    noise: float
    haze: float
    clutter: float
    edge_loss: float
    shadow: float
    shadow_at: float


# Lowest and highest value of each cause, per quality; tuned by eye and against the gray levels of
# CAMUS's good, medium and poor frames.
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "Good": {
        "gain": (-9, -3),
        "chest_wall": (5, 8),
        "beam": (1.0, 1.15),
        "noise": (0.8, 1.2),
        "haze": (-53, -49),
        "clutter": (-34, -26),
        "edge_loss": (-4, 4),
        "shadow": (0, 3),
        "shadow_at": (-1, 1),
    },
    "Medium": {
        "gain": (-9, -2),
        "chest_wall": (7, 10),
        "beam": (1.2, 1.6),
        "noise": (1.0, 1.5),
        "haze": (-49, -46),
        "clutter": (-28, -20),
        "edge_loss": (-9, 9),
        "shadow": (0, 9),
        "shadow_at": (-1, 1),
    },
    "Poor": {
        "gain": (-9, -1),
        "chest_wall": (10, 14),
        "beam": (1.7, 2.4),
        "noise": (1.2, 2.2),
        "haze": (-47, -43.5),
        "clutter": (-26, -17),
        "edge_loss": (-16, 16),
        "shadow": (5, 18),
        "shadow_at": (-1, 1),
    },
}


def draw_appearance(rng: np.random.Generator, quality: str) -> Appearance:
    """Draw the causes behind a frame of `quality` ("Good", "Medium" or "Poor").

    The same generator state gives the same place within each range whatever the quality.
    """
    ranges = RANGES[quality]
    return Appearance(
        **{cause.name: rng.uniform(*ranges[cause.name]) for cause in fields(Appearance)}
    )


def assign_qualities(rng: np.random.Generator, view: str, patients: int) -> list[str]:
    """The quality of `view` for each of `patients` patients, in CAMUS's proportions.

    Counts are quotas (largest remainders), so they depend on the number of patients alone; from
    three patients on every quality occurs. Only who gets which is random.
    """
    counts = np.array(CAMUS_COUNTS[view])
    shares = patients * counts / counts.sum()
    quotas: NDArray[np.int64] = np.floor(shares).astype(np.int64)
    most_short = np.argsort(quotas - shares, kind="stable")
    quotas[most_short[: patients - quotas.sum()]] += 1
    if patients >= len(QUALITIES):
        while (quotas == 0).any():
            quotas[quotas.argmax()] -= 1
            quotas[quotas.argmin()] += 1
    return rng.permutation(np.repeat(QUALITIES, quotas)).tolist()
