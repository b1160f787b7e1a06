"""What methods, masks and causes are called in a report."""

from __future__ import annotations

from echojax.studies.grading.masks import NO_MASK

_METHODS = {
    "cr": "contrast ratio",
    "cnr": "contrast-to-noise ratio",
    "gcnr": "generalised CNR",
    "level": "level",
    "raw-cr": "contrast ratio, not matched",
    "raw-level": "level, not matched",
    "sector": "mean of the sector",
    "thumbnail": "thumbnail of 8 x 8 pixels",
    "coherence": "predicted coherence",
    "end-to-end": "network, end to end",
}
_CAUSES = {
    "gain": "receiver gain, 6 dB more",
    "dynamic_range": "displayed range, 10 dB less",
    "gray levels": "gray levels times 1.25",
    "chest_wall": "thick chest wall",
    "attenuation": "attenuation",
    "aperture": "small part of the probe in contact",
    "noise": "receiver noise",
    "haze": "stray echo everywhere",
    "clutter": "reverberation near the probe",
    "edge_loss": "badly coupled edge",
    "shadow": "shadow of a rib",
    "dropout": "dropout of walls",
}


def method(name: str) -> str:
    """A method in words."""
    return _METHODS.get(name, name)


def source(name: str, masks: str) -> str:
    """A method and its masks in words."""
    return method(name) if masks == NO_MASK else f"{method(name)}, {masks} masks"


def cause(name: str) -> str:
    """What was changed, in words."""
    return _CAUSES.get(name, name)
