"""The prepared CAMUS dataset: building it, and reading it as `Frames`."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

import tfds_camus
from echojax.config import DataConfig
from echojax.data import there
from echojax.data.archive import unpacked
from echojax.data.duplicates import duplicate_patients, merged
from echojax.data.frame_hash import frame_hash, from_text, to_text
from echojax.data.frames import UNGRADED, Frames
from echojax.data.prepared import LeftOut as LeftOut
from echojax.data.prepared import check_replaceable, made_aside, opened, tfds_quiet
from echojax.errors import InputError
from echojax.progress import bar
from echojax.resize import resize_gray, square_size
from echojax.session import log
from echojax.vocabulary import VIEWS
from tfds_camus import SEXES, SPLITS, SUBGROUPS


def prepare(
    source: Path, data_dir: Path, *, skip_bad: bool = False, overwrite: bool = False
) -> None:
    """Build the dataset of a CAMUS release in `data_dir`.

    It is made aside and put in place when it is whole, so that a failure leaves what was there.

    Args:
        source: a CAMUS release in either layout, its folder or the zip file; or a simulated folder.
        data_dir: where the dataset goes (as `data_dir/camus/1.2.0`).
        skip_bad: leave out bad files and remember which, instead of refusing the folder.
        overwrite: replace a dataset that is there already.

    Raises:
        InputError: the source is unusable, or a dataset is there already.
    """
    check_replaceable(data_dir / "camus", source, overwrite=overwrite)
    with unpacked(source, data_dir) as folder:
        try:
            _build(folder, data_dir, skip_bad=skip_bad)
        except tfds_camus.CamusError as error:
            # Nobody knows the folder that a zip file was unpacked to.
            raise InputError(str(error).replace(str(folder), str(source))) from error


def _build(folder: Path, data_dir: Path, *, skip_bad: bool) -> None:
    # TFDS asserts that the folder exists and is not empty; scanning says it in words.
    found = tfds_camus.scan(folder)
    hashes: dict[tuple[str, str, str], np.ndarray] = {}
    subjects: dict[str, str] = {}
    with (
        made_aside(data_dir, "camus") as aside,
        tfds_quiet(),
        bar("Reading frames", len(found.frames)) as progress,
    ):

        def on_frame(frame: tfds_camus.FrameFiles, subject: str, image: np.ndarray | None) -> None:
            progress.advance()
            if image is not None:
                subjects[frame.patient] = subject
                hashes[frame.patient, frame.view, frame.phase] = frame_hash(image)

        builder = tfds_camus.Builder(data_dir=aside, skip_bad=skip_bad, on_frame=on_frame)
        try:
            builder.download_and_prepare(
                download_dir=aside / "downloads",
                download_config=tfds.download.DownloadConfig(manual_dir=folder),
            )
        except tfds_camus.CamusError as error:
            advice = "" if skip_bad else " (--skip-bad leaves bad files out)"
            raise tfds_camus.CamusError(f"{error}{advice}") from error
        builder.info.metadata.update(_likeness(hashes, subjects))
        builder.info.write_to_directory(builder.data_dir)


def _likeness(
    hashes: dict[tuple[str, str, str], np.ndarray], subjects: dict[str, str]
) -> dict[str, Any]:
    """What is stored of frames by patient, view and phase, so that nobody looks for it again.

    Patients that are one subject say so themselves, and may be as alike as they please.
    """
    rows = sorted(hashes)
    stacked = np.stack([hashes[row] for row in rows])
    patient, view, phase = (np.array(column) for column in zip(*rows, strict=True))
    pairs = duplicate_patients(patient, view, phase, stacked)
    return {
        "duplicates": [pair for pair in pairs if subjects[pair[0]] != subjects[pair[1]]],
        "hashes": to_text(stacked),  # in the order of `load`
    }


def _open(data_dir: Path) -> Any:
    builder = opened(there.camus(data_dir))
    if "hashes" not in builder.info.metadata or "subject" not in builder.info.features:
        raise InputError(
            f"{data_dir / 'camus'}: prepared by an older echojax, which did not note who is one "
            "person and who was simulated; make it again with "
            f"`echojax prepare camus --from DIR --data-dir {data_dir} --overwrite`"
        )
    return builder


def left_out(data_dir: Path) -> list[LeftOut]:
    """The files that were left out when the dataset was prepared."""
    return [LeftOut(**entry) for entry in _open(data_dir).info.metadata["left_out"]]


def duplicates(data_dir: Path) -> list[tuple[str, str]]:
    """The pairs of patient ids that were found to be one recording, the smaller id first."""
    return [(one, other) for one, other in _open(data_dir).info.metadata["duplicates"]]


def load(data_dir: Path) -> Frames:
    """Read the whole dataset, all splits, ordered by patient, view and phase.

    Raises:
        InputError: nothing was prepared in `data_dir`, or by a version that did not note who is
            one person.
    """
    builder = _open(data_dir)
    with tfds_quiet():
        sources = builder.as_data_source().values()
        examples = [example for source in sources for example in source]
    log.info("frames: %d, of %s", len(examples), builder.data_dir)
    examples.sort(key=lambda e: (e["patient"], e["view"], e["phase"]))

    def column(name: str, dtype: type) -> np.ndarray:
        return np.array([e[name] for e in examples], dtype)

    patient, subject = (
        np.array([e[name].decode() for e in examples]) for name in ("patient", "subject")
    )
    subjects = dict(zip(patient, subject, strict=True))
    alike = [(subjects[one], subjects[other]) for one, other in builder.info.metadata["duplicates"]]
    return Frames(
        [e["image"][..., 0] for e in examples],
        [e["mask"][..., 0] if e["has_mask"] else None for e in examples],
        patient=patient,
        group=merged(subject, alike),
        view=column("view", np.int8),
        phase=column("phase", np.int8),
        quality=column("quality", np.int8),
        spacing=column("spacing", np.float32),
        ef=column("ef", np.float32),
        age=column("age", np.float32),
        # A code of -1, not known, is the last entry.
        sex=np.array([*SEXES, ""])[column("sex", np.int8)],
        split=np.array([*(SPLITS[name] for name in SUBGROUPS), ""])[column("subgroup", np.int8)],
        simulated=column("simulated", np.bool_),
        hashes=from_text(builder.info.metadata["hashes"]),
        # What an older echojax prepared knows of neither.
        coherence=[e["coherence"][..., 0] if e.get("has_coherence") else None for e in examples],
        grades=np.array([e.get("grades", UNGRADED) for e in examples], np.float32),
    )


def square_pixels(frames: Frames) -> Frames:
    """Resample frames whose rows and columns are spaced differently to the wider spacing.

    The challenge release stores depth twice as finely as width; networks assume square pixels.
    Images and coherence are resampled with antialiasing, masks by nearest neighbour.
    """
    images, masks, coherences, spacings = [], [], [], []
    for image, mask, coherence, spacing in zip(
        frames.images, frames.masks, frames.coherence, frames.spacing, strict=True
    ):
        size = square_size(image.shape, spacing)
        if size == image.shape:
            images.append(image)
            masks.append(mask)
            coherences.append(coherence)
            spacings.append(spacing)
            continue
        images.append(resize_gray(image, size))
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(int)
            for new, old in zip(size, image.shape, strict=True)
        )
        masks.append(None if mask is None else mask[np.ix_(rows, columns)])
        coherences.append(None if coherence is None else resize_gray(coherence, size))
        spacings.append(np.full(2, spacing.max(), np.float32))
    table = {**frames.table, "spacing": np.stack(spacings)}
    return Frames(images, masks, coherence=coherences, **table)


def open_frames(data: DataConfig) -> Frames:
    """The frames that a configuration is about, with square pixels.

    Raises:
        InputError: nothing is prepared, or no frame is of the views.
    """
    frames = load(data.dir)
    chosen = frames.where(views=data.views)
    if not len(chosen):
        there = sorted({VIEWS[view] for view in frames.view})
        raise InputError(f"data.views = {list(data.views)}: {data.dir} holds only {there} frames")
    return square_pixels(frames.take(chosen))
