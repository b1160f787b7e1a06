"""The TFDS builder of CAMUS; README.md, CITATIONS.bib and TAGS.txt beside it are its metadata."""

import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from tfds_camus.errors import CamusError
from tfds_camus.files import (
    QUALITIES,
    REGIONS,
    SEXES,
    Info,
    read_coherence,
    read_frame,
    read_info,
    read_mask,
)
from tfds_camus.layouts import PHASES, SUBGROUPS, VIEWS, BadFile, FrameFiles, scan

UNKNOWN = -1  # TFDS's ClassLabel for "not known"
SPLITS = {"training": "train", "validation": "validation", "testing": "test", None: "unlisted"}


class Builder(tfds.core.GeneratorBasedBuilder):
    """CAMUS from either on-disk release (`manual_dir` is the release's folder).

    Splits are CAMUS's own where the release has them (train, validation, test; `unlisted` for
    patients in no list), otherwise there is one, `train`.

    Source: Leclerc et al., IEEE TMI 38(9), 2019.
    """

    name = "camus"
    pkg_dir_path = tfds.core.Path(__file__).parent
    VERSION = tfds.core.Version("1.2.0")
    RELEASE_NOTES = {  # noqa: RUF012 - TFDS's own convention
        "1.0.0": "First release.",
        "1.1.0": "Whose frame it is, and whether it was simulated.",
        "1.2.0": "Coherence of simulated frames, and grades of regions.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Download CAMUS from humanheart-project.creatis.insa-lyon.fr/database and unpack it into "
        "`manual_dir` (the folder that holds database_nifti, or training)."
    )

    def __init__(
        self,
        *,
        skip_bad: bool = False,
        on_frame: Callable[[FrameFiles, str, np.ndarray | None], None] = lambda *_: None,
        **kwargs: Any,
    ) -> None:
        """Make a builder.

        Args:
            skip_bad: leave out frames whose files are bad, and list them in the dataset's
                metadata; otherwise CamusError names every bad file.
            on_frame: called once a frame, with its files, its subject and the image, uint8 (rows,
                columns); None instead of the image if a file is bad.
            **kwargs: as `tfds.core.GeneratorBasedBuilder`.
        """
        super().__init__(file_format="array_record", **kwargs)
        self.skip_bad = skip_bad
        self.on_frame = on_frame

    def download_and_prepare(self, **settings: Any) -> None:
        """As TFDS's own.

        TFDS makes one split after the other and none may be empty, but one download should mend
        all that is bad: every file is read before anything is written, and what it holds waits in a
        temporary folder until its split's turn.
        """
        home = Path(self.data_dir).parents[1]
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".camus-", dir=home) as waiting:
            self._waiting = Path(waiting)
            super().download_and_prepare(**settings)

    def _info(self) -> tfds.core.DatasetInfo:
        gray = {"shape": (None, None, 1), "dtype": np.uint8, "encoding_format": "png"}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(**gray),
                    "mask": tfds.features.Image(**gray),  # all 0 where has_mask is false
                    "has_mask": np.bool_,
                    "coherence": tfds.features.Image(**gray),  # one pixel without has_coherence
                    "has_coherence": np.bool_,
                    # of the wall's regions, 1 to 5; NaN where nobody graded
                    "grades": tfds.features.Tensor(shape=(REGIONS,), dtype=np.float32),
                    "patient": tfds.features.Text(),
                    "subject": tfds.features.Text(),  # the person; the patient if no file says so
                    "simulated": np.bool_,
                    "view": tfds.features.ClassLabel(names=VIEWS),
                    "phase": tfds.features.ClassLabel(names=PHASES),
                    "quality": tfds.features.ClassLabel(names=QUALITIES),
                    "spacing": tfds.features.Tensor(shape=(2,), dtype=np.float32),
                    "sex": tfds.features.ClassLabel(names=SEXES),
                    "age": np.float32,  # years; NaN where unknown
                    "ef": np.float32,  # percent; NaN where unknown
                    "subgroup": tfds.features.ClassLabel(names=SUBGROUPS),
                }
            ),
            supervised_keys=None,
            homepage="https://www.creatis.insa-lyon.fr/Challenge/camus/",
            license="CC BY-NC-SA 4.0, non-commercial research",
            metadata=tfds.core.MetadataDict(layout="", left_out=[]),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        found = scan(Path(dl_manager.manual_dir))
        examples, bad = self._read(found.frames)
        if bad and not self.skip_bad:
            raise CamusError("; ".join(f"{b.file}: {b.why}" for b in bad))
        if not examples:
            raise CamusError(f"{dl_manager.manual_dir}: not one frame can be used")
        self.info.metadata["layout"] = found.layout
        self.info.metadata["left_out"] = [
            {"file": b.file, "why": b.why} for b in (*found.absent, *bad)
        ]
        subgroups = {frame.subgroup for frame in examples}
        if subgroups == {None}:
            return {"train": self._generate_examples(examples)}
        return {
            split: self._generate_examples(
                {frame: e for frame, e in examples.items() if frame.subgroup == subgroup}
            )
            for subgroup, split in SPLITS.items()
            if subgroup in subgroups
        }

    def _read(
        self, frames: Iterable[FrameFiles]
    ) -> tuple[dict[FrameFiles, dict[str, Any]], list[BadFile]]:
        good, bad = {}, []
        info = functools.cache(read_info)  # both phases of a view share a cfg file
        for frame in frames:
            try:
                image, spacing = read_frame(frame.image)
                mask = read_mask(frame.mask, image.shape) if frame.mask else np.zeros_like(image)
                coherence = (
                    read_coherence(frame.coherence, image.shape)
                    if frame.coherence
                    else np.zeros((1, 1), np.uint8)
                )
                known = info(frame.cfg) if frame.cfg else Info()
            except CamusError as error:
                file, _, why = str(error).partition(": ")
                bad.append(BadFile(file, why))
                self.on_frame(frame, frame.patient, None)
                continue
            stored = {
                "image": self._png(frame.key, image),
                "mask": self._png(f"{frame.key}_gt", mask),
                "coherence": self._png(f"{frame.key}_cf", coherence),
            }
            good[frame] = stored | _example(frame, spacing, known)
            self.on_frame(frame, good[frame]["subject"], image)
        # An Info_2CH.cfg stands for two frames; it is named once.
        return good, list(dict.fromkeys(bad))

    def _png(self, name: str, image: np.ndarray) -> Path:
        # Without TensorFlow, TFDS cannot encode arrays but takes an encoded file as it is.
        path = self._waiting / f"{name}.png"
        Image.fromarray(image).save(path)
        return path

    def _generate_examples(
        self, examples: dict[FrameFiles, dict[str, Any]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for frame, example in examples.items():
            yield frame.key, example


def _example(frame: FrameFiles, spacing: tuple[float, float], info: Info) -> dict[str, Any]:
    grades = info.grades_ed if frame.phase == "ED" else info.grades_es
    return {
        "has_mask": frame.mask is not None,
        "has_coherence": frame.coherence is not None,
        "grades": np.array(grades or (np.nan,) * REGIONS, np.float32),
        "patient": frame.patient,
        "subject": info.subject or frame.patient,
        "simulated": frame.simulated,
        "view": frame.view,
        "phase": frame.phase,
        "quality": UNKNOWN if info.quality is None else info.quality,
        "spacing": np.array(spacing, np.float32),
        "sex": UNKNOWN if info.sex is None else info.sex,
        "age": np.float32(np.nan if info.age is None else info.age),
        "ef": np.float32(np.nan if info.ef is None else info.ef),
        "subgroup": UNKNOWN if frame.subgroup is None else frame.subgroup,
    }
