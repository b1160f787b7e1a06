"""The TFDS builder of CAMUS; README.md, CITATIONS.bib and TAGS.txt beside it are its metadata."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from tfds_camus.files import QUALITIES, SEXES, CamusError, Info, read_frame, read_info, read_mask
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
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 - TFDS's own convention
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Download CAMUS from humanheart-project.creatis.insa-lyon.fr/database and unpack it into "
        "`manual_dir` (the folder that holds database_nifti, or training)."
    )

    def __init__(
        self,
        *,
        skip_bad: bool = False,
        on_frame: Callable[[], None] = lambda: None,
        **kwargs: Any,
    ) -> None:
        """Make a builder.

        Args:
            skip_bad: leave out frames whose files are bad, and list them in the dataset's
                metadata; otherwise CamusError names every bad file.
            on_frame: called to show progress, twice a frame: when it is tried, when it is taken.
            **kwargs: as `tfds.core.GeneratorBasedBuilder`.
        """
        super().__init__(file_format="array_record", **kwargs)
        self.skip_bad = skip_bad
        self.on_frame = on_frame

    def _info(self) -> tfds.core.DatasetInfo:
        gray = {"shape": (None, None, 1), "dtype": np.uint8, "encoding_format": "png"}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(**gray),
                    "mask": tfds.features.Image(**gray),  # all 0 where has_mask is false
                    "has_mask": np.bool_,
                    "patient": tfds.features.Text(),
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
        # Every file is tried before anything is written: TFDS makes one split after the other and
        # none may be empty, but one download should mend all that is bad.
        frames, bad = self._try(found.frames)
        if bad and not self.skip_bad:
            raise CamusError("; ".join(f"{b.file}: {b.why}" for b in bad))
        if not frames:
            raise CamusError(f"{dl_manager.manual_dir}: not one frame can be used")
        self.info.metadata["layout"] = found.layout
        self.info.metadata["left_out"] = [
            {"file": b.file, "why": b.why} for b in (*found.absent, *bad)
        ]
        subgroups = {frame.subgroup for frame in frames}
        if subgroups == {None}:
            return {"train": self._generate_examples(frames)}
        return {
            split: self._generate_examples([f for f in frames if f.subgroup == subgroup])
            for subgroup, split in SPLITS.items()
            if subgroup in subgroups
        }

    def _try(self, frames: Iterable[FrameFiles]) -> tuple[list[FrameFiles], list[BadFile]]:
        good, bad = [], []
        for frame in frames:
            self.on_frame()
            try:
                _read(frame)
            except CamusError as error:
                file, _, why = str(error).partition(": ")
                bad.append(BadFile(file, why))
            else:
                good.append(frame)
        # An Info_2CH.cfg stands for two frames; it is named once.
        return good, list(dict.fromkeys(bad))

    def _generate_examples(
        self, frames: Iterable[FrameFiles]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for frame in frames:
            self.on_frame()
            yield frame.key, _example(frame)


def _read(frame: FrameFiles) -> tuple[np.ndarray, np.ndarray, tuple[float, float], Info]:
    image, spacing = read_frame(frame.image)
    mask = read_mask(frame.mask, image.shape) if frame.mask else np.zeros_like(image)
    return image, mask, spacing, read_info(frame.cfg) if frame.cfg else Info()


def _example(frame: FrameFiles) -> dict[str, Any]:
    image, mask, spacing, info = _read(frame)
    return {
        "image": _png(image),
        "mask": _png(mask),
        "has_mask": frame.mask is not None,
        "patient": frame.patient,
        "view": frame.view,
        "phase": frame.phase,
        "quality": UNKNOWN if info.quality is None else info.quality,
        "spacing": np.array(spacing, np.float32),
        "sex": UNKNOWN if info.sex is None else info.sex,
        "age": np.float32(np.nan if info.age is None else info.age),
        "ef": np.float32(np.nan if info.ef is None else info.ef),
        "subgroup": UNKNOWN if frame.subgroup is None else frame.subgroup,
    }


def _png(image: np.ndarray) -> io.BytesIO:
    # Without TensorFlow, TFDS cannot encode arrays but takes an encoded file as it is.
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    file.seek(0)
    return file
