"""The numbers and the weak points of the study that this project repeats.

Source: Krishan Agyakari Raja Babu et al., "Recovering Diagnostic Value: Super-Resolution-Aided
Echocardiographic Classification in Resource-Constrained Imaging". Accuracies and
changes are in percent, changes relative to the accuracy without super-resolution.
"""

from __future__ import annotations

from typing import NamedTuple

SOURCE = (
    "Raja Babu et al., Recovering Diagnostic Value: Super-Resolution-Aided Echocardiographic "
    "Classification in Resource-Constrained Imaging"
)


class Restoration(NamedTuple):
    """Fidelity of a restored frame: PSNR in dB, SSIM up to 1."""

    psnr: float
    ssim: float


# Table 1: (view, phase) -> frames that are good, medium, poor.
COUNTS: dict[tuple[str, str], tuple[int, int, int]] = {
    ("2CH", "ED"): (217, 214, 69),
    ("2CH", "ES"): (217, 214, 69),
    ("4CH", "ED"): (288, 165, 47),
    ("4CH", "ES"): (288, 165, 47),
}

# Table 2: (task, train, test) -> accuracy without super-resolution, %.
BASELINE: dict[tuple[str, str, str], float] = {
    ("view", "good", "good"): 100,
    ("view", "good", "medium"): 90,
    ("view", "good", "poor"): 82,
    ("view", "medium", "good"): 92,
    ("view", "medium", "medium"): 100,
    ("view", "medium", "poor"): 91,
    ("view", "poor", "good"): 77,
    ("view", "poor", "medium"): 90,
    ("view", "poor", "poor"): 100,
    ("phase", "good", "good"): 87,
    ("phase", "good", "medium"): 83,
    ("phase", "good", "poor"): 77,
    ("phase", "medium", "good"): 85,
    ("phase", "medium", "medium"): 81,
    ("phase", "medium", "poor"): 81,
    ("phase", "poor", "good"): 74,
    ("phase", "poor", "medium"): 77,
    ("phase", "poor", "poor"): 79,
}

# Section 5, points 2 and 3: (task, train, test) -> relative change, %, mean over SRResNet and
# SRGAN. The poor side is the enhanced one. The bars of Fig. 4 are not given as numbers.
GAIN: dict[tuple[str, str, str], float] = {
    ("view", "poor", "good"): 14.9,
    ("phase", "poor", "good"): 11.5,
    ("view", "good", "poor"): 12.2,
    ("view", "medium", "poor"): 6.6,
    ("phase", "good", "poor"): 1.3,
    ("phase", "medium", "poor"): 3.7,
}

# Section 5, point 2: relative change, %, mean over all cases.
MEAN_GAIN: dict[str, float] = {"srresnet": 7.83, "srgan": 6.6}

# Fig. 3: one poor 2CH ED frame.
RESTORATION: dict[str, Restoration] = {
    "srgan": Restoration(32.70, 0.7164),
    "srresnet": Restoration(38.98, 0.9214),
}

# What the paper leaves open, and how a run can answer it.
WEAK_POINTS: dict[str, str] = {
    "leak": "ED and ES of one patient and view can fall on both sides of its 80/20 split; they "
    "share quality and view label, so the perfect diagonal of the view task is expected.",
    "sr_leak": "Its super-resolution is trained on all good frames, the good test frames among "
    "them.",
    "control": "No bicubic control: enlarging by 4 and resizing to the classifier's input smooths "
    "the speckle by itself.",
    "once": "One run, no intervals.",
    "operation": "The PSNR of a poor frame needs a reference, so that frame was presumably reduced "
    "by 4 and restored: another operation than enlarging it by 4.",
}
