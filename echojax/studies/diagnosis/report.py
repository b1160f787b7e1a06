"""The report of a run: one HTML file, everything in it recomputed from the run directory."""

from __future__ import annotations

import csv
import json
import re
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from echojax.errors import InputError
from echojax.files import written_whole
from echojax.report import page
from echojax.runs import log as training_log
from echojax.runs.log import SuperResolutionRow
from echojax.studies.diagnosis import figure_gains, figures, sections, sections_results, tables
from echojax.studies.diagnosis.config import StudyConfig
from echojax.studies.diagnosis.predictions import read
from echojax.studies.diagnosis.sections import Material
from echojax.studies.diagnosis.tables import AccuracyRow, CostRow, GainRow, MeanGainRow

SECTIONS: tuple[Callable[[Material], str | None], ...] = (
    sections.banner,
    sections.answer,
    sections.protocols,
    sections_results.baseline,
    sections_results.gains,
    sections_results.fidelity,
    sections.frames,
    sections.limits,
    sections.making,
)


def build(run: Path) -> Path:
    """Write the tables, the figures and `report.html` of a run, complete or not.

    Args:
        run: a run directory (holds `config.toml`).

    Returns:
        The report's path.

    Raises:
        InputError: if `run` is no run directory or one of its files cannot be understood.
    """
    material = _load(run)
    found = [html for section in SECTIONS if (html := section(material)) is not None]
    title = f"Poor echo frames and super-resolution: {material.name}"
    report = run / "report.html"
    with written_whole(report) as file:
        file.write_text(page.document(title, found), encoding="utf-8")
    return report


def _load(run: Path) -> Material:
    config_file = run / "config.toml"
    if not config_file.is_file():
        raise InputError(f"{run}: no config.toml, so this is no run directory")
    config_text = config_file.read_text(encoding="utf-8")
    predictions, log = read(run / "predictions.csv"), training_log.read(run / "log.csv")
    material = Material(
        path=run,
        config_text=config_text,
        study=_study(config_file, config_text),
        environment=_environment(run / "environment.json"),
        dataset=_csv(run / "tables" / "dataset.csv"),
        predictions=len(predictions),
        accuracy=tables.accuracy_rows(predictions),
        gain=tables.gain_rows(predictions),
        mean_gain=tables.mean_gain_rows(predictions),
        cost=tables.cost_rows(predictions),
        fidelity=training_log.super_resolution_rows(log),
        figures={},
    )
    _write_tables(material)
    material.figures.update(_draw(material, log))
    return material


def _study(file: Path, content: str) -> StudyConfig:
    """What the run was asked for; keys of another version of echojax are passed over."""
    try:
        section = tomllib.loads(content).get("study", {})
        known = {key: value for key, value in section.items() if key in StudyConfig.model_fields}
        return StudyConfig.model_validate(known)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: cannot be read as TOML ({error})") from error
    except (AttributeError, ValidationError) as error:
        raise InputError(f"{file}: [study] cannot be understood ({error})") from error


def _write_tables(run: Material) -> None:
    folder = run.path / "tables"
    tables.write(folder / "accuracy.csv", AccuracyRow._fields, run.accuracy)
    tables.write(folder / "gain.csv", GainRow._fields, run.gain)
    tables.write(folder / "mean_gain.csv", MeanGainRow._fields, run.mean_gain)
    tables.write(folder / "quality_cost.csv", CostRow._fields, run.cost)
    tables.write(folder / "super_resolution.csv", SuperResolutionRow._fields, run.fidelity)


def _draw(run: Material, log: list[training_log.LogRow]) -> dict[str, Path]:
    folder = run.path / "figures"
    examples = _examples(folder / "examples.npz")
    drawn = {
        "frames": figures.frames(examples, folder / "fig2_frames.png"),
        "patches": figures.patches(examples, folder / "fig3_patches.png"),
        "sr_training": figures.sr_training(log, folder / "sr_training.png"),
    }
    for protocol in run.protocols:
        name = re.sub(r"[^\w-]", "_", protocol)
        accuracies = tables.baseline(run.accuracy, run.asked(protocol, enhanced=False), protocol)
        drawn[f"accuracy {protocol}"] = figures.accuracy(
            accuracies, folder / f"accuracy_{name}.png"
        )
        drawn[f"gain {protocol}"] = figure_gains.gains(
            run.gain, protocol, folder / f"fig4_gain_{name}.png"
        )
    return {key: path for key, path in drawn.items() if path is not None}


def _examples(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it or run again") from error


def _environment(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {str(key): str(value) for key, value in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path}: expected a JSON object ({error})") from error


def _csv(path: Path) -> list[list[str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))
