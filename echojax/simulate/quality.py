"""What makes a frame good, medium or poor: physical causes, drawn once per patient and view."""

from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from numpy.typing import NDArray

QUALITIES = ("Good", "Medium", "Poor")

# Frames of each quality among CAMUS's 500 patients (Leclerc et al., IEEE TMI 2019).
CAMUS_COUNTS = {"2CH": (217, 214, 69), "4CH": (288, 165, 47)}

# Correlation of what is behind the grades of a patient's two views, estimated on CAMUS
# (benchmarks/grade_correlation.py).
VIEWS_ALIKE = 0.8

CAUSES = {
    "gain": "receiver gain, dB",
    "dynamic_range": "shown between black and white, dB",
    "chest_wall": "thickness added between probe and heart, mm; it attenuates",
    "attenuation": "lost on the way besides, dB per cm of depth",
    "aperture": "part of the probe in contact: a smaller one has a wider beam",
    "noise": "receiver noise, relative to its usual floor",
    "haze": "stray echo everywhere, dB",
    "clutter": "reverberation next to the probe, dB",
    "edge_loss": "lost at the badly coupled edge of the probe, dB; negative: the left edge",
    "shadow": "depth of a rib's shadow, dB",
    "shadow_at": "its place across the sector, -1 to 1",
    "dropout": "lost in patches of walls and valves, dB",
}


@partial(jax.tree_util.register_dataclass, data_fields=list(CAUSES), meta_fields=[])
@dataclass(frozen=True)
class Appearance:
    """Causes of image quality of one patient and view, shared by its frames; see `CAUSES`."""

    gain: float
    dynamic_range: float
    chest_wall: float
    attenuation: float
    aperture: float
    noise: float
    haze: float
    clutter: float
    edge_loss: float
    shadow: float
    shadow_at: float
    dropout: float


# Lowest and highest value of each cause, per quality; tuned against the gray levels and the
# contrast of CAMUS's good, medium and poor frames (benchmarks/RESULTS.md). Gain, which makes up
# for attenuation, brings out haze and noise: so noise needs one range, and the haze of poor frames
# a lower one.
RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "Good": {
        "gain": (-17.3, -8.3),
        "dynamic_range": (62, 78),
        "chest_wall": (1, 6),
        "attenuation": (0.0, 0.4),
        "aperture": (0.85, 1.0),
        "noise": (0.5, 1.0),
        "haze": (-51.5, -43.5),
        "clutter": (-34, -22),
        "edge_loss": (-6, 6),
        "shadow": (0, 4),
        "shadow_at": (-1, 1),
        "dropout": (0, 4),
    },
    "Medium": {
        "gain": (-10, -1),
        "dynamic_range": (62, 78),
        "chest_wall": (6, 14),
        "attenuation": (0.35, 0.85),
        "aperture": (0.65, 0.95),
        "noise": (0.5, 1.0),
        "haze": (-51, -43),
        "clutter": (-31, -18),
        "edge_loss": (-12, 12),
        "shadow": (0, 8),
        "shadow_at": (-1, 1),
        "dropout": (0, 5),
    },
    "Poor": {
        "gain": (-7, 2),
        "dynamic_range": (62, 78),
        "chest_wall": (8, 17),
        "attenuation": (0.6, 1.3),
        "aperture": (0.4, 0.7),
        "noise": (0.5, 1.0),
        "haze": (-56.5, -48.5),
        "clutter": (-29, -16),
        "edge_loss": (-18, 18),
        "shadow": (2, 13),
        "shadow_at": (-1, 1),
        "dropout": (0, 6),
    },
}


def draw_appearance(rng: np.random.Generator, quality: str) -> Appearance:
    """Draw the causes behind a frame of `quality` ("Good", "Medium" or "Poor").

    The same generator state gives the same place within each range whatever the quality.
    """
    return Appearance(**{cause: rng.uniform(*RANGES[quality][cause]) for cause in CAUSES})


def assign_qualities(rng: np.random.Generator, patients: int) -> list[tuple[str, ...]]:
    """The qualities of each of `patients` patients, of their views in order of CAMUS_COUNTS.

    Each view has CAMUS's proportions. Counts are quotas (largest remainders), so they depend on the
    number of patients alone; from three patients on every quality occurs. Who gets which is random,
    and the views of a patient resemble each other (a Gaussian copula).
    """
    views = len(CAMUS_COUNTS)
    alike = np.full((views, views), VIEWS_ALIKE)
    np.fill_diagonal(alike, 1)
    worse = rng.multivariate_normal(np.zeros(views), alike, patients)
    of_view = []
    for view, place in zip(CAMUS_COUNTS, worse.T, strict=True):
        qualities = np.empty(patients, object)
        qualities[np.argsort(place)] = np.repeat(QUALITIES, _quotas(view, patients))
        of_view.append(qualities)
    return list(zip(*of_view, strict=True))


def _quotas(view: str, patients: int) -> NDArray[np.int64]:
    """How many patients have each quality of a view."""
    counts = np.array(CAMUS_COUNTS[view])
    shares = patients * counts / counts.sum()
    quotas: NDArray[np.int64] = np.floor(shares).astype(np.int64)
    most_short = np.argsort(quotas - shares, kind="stable")
    quotas[most_short[: patients - quotas.sum()]] += 1
    if patients >= len(QUALITIES):
        while (quotas == 0).any():
            quotas[quotas.argmax()] -= 1
            quotas[quotas.argmin()] += 1
    return quotas
