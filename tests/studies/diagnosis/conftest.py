"""A run directory with invented predictions, log and frames."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from echojax.report import figures
from echojax.studies.diagnosis import accuracies, gains, predictions
from echojax.vocabulary import NONE, PHASES, QUALITIES, VIEWS

HARDNESS = {"good": 0.0, "medium": 0.4, "poor": 0.9}
CASES = (
    ("poor", "good", "train"),
    ("poor", "medium", "train"),
    ("poor", "poor", "both"),
    ("good", "poor", "test"),
    ("medium", "poor", "test"),
)
HELP = {"bicubic": 0.15, "srresnet": 0.35}

Row = dict[str, object]


def invent(
    protocols: Sequence[str] = ("paper", "patient"),
    tasks: Sequence[str] = ("view", "phase"),
    methods: Sequence[str] = ("bicubic", "srresnet"),
    modes: Sequence[str] = ("upscale", "restore"),
    seeds: int = 3,
    patients: int = 58,
) -> Iterator[Row]:
    """Rows of every cell: each patient has its own difficulty, each frame and seed some noise."""
    cells = [(train, test, NONE, NONE, NONE) for train in QUALITIES for test in QUALITIES]
    cells += [
        (train, test, sr, mode, on) for sr in methods for mode in modes for train, test, on in CASES
    ]
    for protocol in protocols:
        for task in tasks:
            for train, test, sr, mode, on in cells:
                # A method helps equally in every call, so that pairs share their luck.
                luck = np.random.default_rng([len(protocol), len(task), len(train), len(test)])
                skill = 2.4 if task == "view" else 1.5
                skill -= 1.0 * abs(HARDNESS[train] - HARDNESS[test]) + 0.3 * HARDNESS[test]
                skill += HELP.get(sr, 0.0) * (0.4 if mode == "upscale" else 1.0)
                leak = 1.5 if protocol == "paper" and train == test else 0.0
                for number in range(patients):
                    patient = f"patient{1 + QUALITIES.index(test) * patients + number:04d}"
                    difficulty = luck.normal()
                    for view in VIEWS:
                        for phase in PHASES:
                            label = int(view == "4CH" if task == "view" else phase == "ES")
                            shade = luck.normal(scale=0.8, size=seeds)
                            for seed in range(seeds):
                                logit = skill + leak - difficulty + shade[seed]
                                right = 1 / (1 + np.exp(-2 * logit))
                                yield {
                                    "frame": f"{patient}_{view}_{phase}",
                                    "patient": patient,
                                    "view": view,
                                    "phase": phase,
                                    "quality": test,
                                    "protocol": protocol,
                                    "task": task,
                                    "train": train,
                                    "test": test,
                                    "sr": sr,
                                    "mode": mode,
                                    "sr_on": on,
                                    "fold": number % 5 if protocol == "patient" else 0,
                                    "seed": seed,
                                    "probability": right if label else 1 - right,
                                    "label": label,
                                }


def invent_log() -> str:
    lines = ["time,job,step,metric,value"]
    for model, offset in (("srresnet", 0.0),):
        for protocol, folds in (("paper", 1), ("patient", 3)):
            for fold in range(folds):
                job = f"sr/{model}/{protocol}/fold{fold}"
                for step in range(0, 4001, 500):
                    values = {
                        "loss": 0.01 / (1 + step / 300),
                        "psnr": 33.5 + offset + 0.2 * fold - 6 * np.exp(-step / 500),
                        "ssim": 0.93 - 0.2 * np.exp(-step / 500),
                        "psnr_bicubic": 31.2 + 0.2 * fold,
                        "ssim_bicubic": 0.89,
                        "psnr_lanczos": 31.5 + 0.2 * fold,
                        "ssim_lanczos": 0.895,
                    }
                    lines += [f"{step},{job},{step},{m},{v:.6f}" for m, v in values.items()]
    lines.append("9,classifiers/patient/view/poor/none/fold0/seed0,10,accuracy,0.9")
    return "\n".join(lines) + "\n"


def invent_frames() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(0)
    frame = noise.integers(0, 255, (48, 48)).astype(np.uint8)
    examples = {
        f"fig2_{view}_{phase}_{quality}": frame
        for view in VIEWS
        for phase in PHASES
        for quality in QUALITIES
        if (view, quality) != ("4CH", "poor")
    }
    examples["fig3_original"] = frame
    for method in ("bicubic", "srresnet"):
        examples[f"fig3_restore_{method}"] = frame // 2
        examples[f"fig3_upscale_{method}"] = frame.repeat(4, 0).repeat(4, 1)
    examples["fig3_box"] = np.array([8, 12, 24, 24])
    return examples


def write_run(run: Path, rows: Iterator[Row], note: str = "") -> Path:
    (run / "tables").mkdir(parents=True)
    (run / "figures").mkdir()
    (run / "config.toml").write_text(
        f'[data]\nviews = ["2CH", "4CH"]\n\n[study]\nname = "test"\nnote = {json.dumps(note)}\n'
    )
    (run / "environment.json").write_text(json.dumps({"jax": "0.10.2", "commit": "abc1234"}))
    predictions.append(run / "predictions.csv", rows)
    (run / "log.csv").write_text(invent_log())
    (run / "tables" / "dataset.csv").write_text(
        "view,phase,good,medium,poor,unlabelled,total\n2CH,ED,58,58,58,0,174\n"
    )
    return run


@pytest.fixture(autouse=True)
def only_png(monkeypatch: pytest.MonkeyPatch) -> None:
    """SVG and PDF take most of a report's time; `finished`, made before this, has them."""
    monkeypatch.setattr(figures, "BESIDE", {})


@pytest.fixture(scope="session")
def some_rows() -> Callable[..., list[Row]]:
    return lambda **settings: list(invent(**settings))


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    def make(run: Path, note: str = "", **settings: object) -> Path:
        return write_run(run, invent(**settings), note)

    return make


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run with every cell and its report built; tests only read it."""
    from echojax.studies.diagnosis import report

    run = write_run(
        tmp_path_factory.mktemp("runs") / "small", invent(patients=8, seeds=2), "Simulated <data>"
    )
    np.savez(run / "figures" / "examples.npz", **invent_frames())
    report.build(run)
    return run


@pytest.fixture(scope="session")
def found(finished: Path) -> predictions.Predictions:
    """The predictions of the finished run."""
    return predictions.read(finished / "predictions.csv")


@pytest.fixture(scope="session")
def gain_rows(found: predictions.Predictions) -> list[gains.GainRow]:
    return gains.gain_rows(found, parts=5)


@pytest.fixture(scope="session")
def accuracy_rows(found: predictions.Predictions) -> list[accuracies.AccuracyRow]:
    return accuracies.accuracy_rows(found)
