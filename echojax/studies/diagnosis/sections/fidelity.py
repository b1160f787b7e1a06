"""How close restored frames come to the originals."""

from __future__ import annotations

import math

from echojax.report.blocks import Block, Details, Heading, Table, Words, absent
from echojax.report.figures import enhancement_label
from echojax.studies.diagnosis import paper
from echojax.studies.diagnosis.material import Material
from echojax.studies.diagnosis.super_resolution import SuperResolutionRow


def fidelity(run: Material) -> list[Block]:
    """PSNR and SSIM: inside the sector with intervals, at the end of every training, by eye."""
    shown = {"sr_training", "patches"} & set(run.figures)
    if not (run.networks or run.fidelity or run.restored or shown):
        return []
    blocks: list[Block] = [Heading("How well super-resolution restores")]
    if run.restored:
        blocks.append(_restored(run))
    if run.fidelity:
        own = [_last(run, suffix, where) for suffix, where in _WHERE if _any(run, suffix)]
        blocks.append(Details("At the end of every training", own))
    elif run.networks:
        blocks.append(absent("No super-resolution training is in this run's log yet."))
    if run.networks or "sr_training" in shown:
        blocks.append(run.figure("sr_training", "PSNR of held-out frames during training."))
    caption = (
        "A patch of a test frame of the lowest quality in this run. "
        "Above: the frame reduced by 4 and restored, PSNR / SSIM over the whole frame. Below: the "
        "frame itself enlarged by 4, for which no reference exists."
    )
    models = {row.model for row in run.fidelity}
    published = "; ".join(
        f"{enhancement_label(sr)} {value.psnr:.2f} dB / {value.ssim:.4f}"
        for sr, value in paper.RESTORATION.items()
        if sr in models and not run.simulated
    )
    caption += f" The paper gives for its poor frame: {published}." if published else ""
    return [*blocks, run.figure("patches", caption)]


_WHERE = (("_sector", "inside the sector"), ("", "over the whole frame"))


def _restored(run: Material) -> Table:
    rows: list[list[Words]] = [
        [
            row.protocol,
            enhancement_label(row.method),
            _with_bounds(row.psnr, row.psnr_low, row.psnr_high, 2),
            ""
            if row.method == "bicubic"
            else _with_bounds(row.more, row.more_low, row.more_high, 2, sign="+"),
            _with_bounds(row.ssim, row.ssim_low, row.ssim_high, 4),
            str(row.frames),
            str(row.patients),
        ]
        for row in run.restored
    ]
    head = ["protocol", "method", "PSNR, dB", "over bicubic, dB", "SSIM", "frames", "patients"]
    caption = (
        "Held-out frames, reduced and brought back, inside the sector; in parentheses 95 % "
        "intervals over patients."
    )
    return Table(head, rows, caption, "", "restoration", "restoration")


def _with_bounds(value: float, low: float, high: float, decimals: int, sign: str = "") -> str:
    if math.isnan(value):
        return ""
    form = f"{sign}.{decimals}f"
    shown = f"{value:{form}}"
    return shown if math.isnan(low) else f"{shown} ({low:{form}} to {high:{form}})"


def _any(run: Material, suffix: str) -> bool:
    return any(not math.isnan(getattr(row, f"psnr{suffix}")) for row in run.fidelity)


def _last(run: Material, suffix: str, where: str) -> Table:
    rows = [
        [
            enhancement_label(row.model),
            row.protocol,
            row.fold,
            f"{row.step:,}",
            *(_closeness(row, suffix + way) for way in ("", "_bicubic", "_lanczos")),
        ]
        for row in run.fidelity
        if not math.isnan(getattr(row, f"psnr{suffix}"))
    ]
    head = ["model", "protocol", "fold", "step", "PSNR, dB / SSIM", "bicubic", "Lanczos"]
    return Table(
        head,
        rows,
        f"Held-out frames, reduced and brought back, {where}; their mean.",
        "",
        f"super_resolution{suffix}",
        "super_resolution",
    )


def _closeness(row: SuperResolutionRow, suffix: str) -> str:
    psnr, ssim = (getattr(row, f"{name}{suffix}") for name in ("psnr", "ssim"))
    return "" if math.isnan(psnr) else f"{psnr:.2f} / {ssim:.4f}"
