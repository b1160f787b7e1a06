"""What tasks and methods are called in figures."""

from __future__ import annotations

from echojax.report.figures import enhancement_label

_TASKS = {"view": "View (2CH or 4CH)", "phase": "Phase (ED or ES)"}


def task(name: str) -> str:
    """A task with its classes."""
    return _TASKS.get(name, name)


def method(sr: str, mode: str) -> str:
    """An enhancement and what it was used for."""
    return f"{enhancement_label(sr)}, {mode}"
