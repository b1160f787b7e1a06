"""DIV2K, the 800 training images super-resolution is pretrained on, downloaded and prepared.

TFDS's own builder `div2k` needs TensorFlow to unpack its archives and to list their files, and it
downloads the low-resolution images too, which are made here as training goes. What it knows of
the archive, its address and its hash, is used; the rest is `natural.prepare`.

Source: Agustsson and Timofte, CVPR Workshops 2017. For academic research only.
"""

import tempfile
import zipfile
from pathlib import Path

import tensorflow_datasets as tfds

from echojax import download
from echojax.data import natural
from echojax.data.prepared import check_replaceable
from echojax.data.there import DIV2K
from echojax.errors import InputError


def prepare_div2k(
    data_dir: Path, *, mirror: str | None = None, overwrite: bool = False
) -> natural.Summary:
    """Download DIV2K_train_HR.zip (3.5 GB) and make the dataset "div2k" of it.

    The archive stays in `data_dir/downloads`, where one downloaded by hand may lie already; a
    download that broke off is gone on with.

    Args:
        data_dir: where the dataset goes; 20 GB are needed while it is made, 10 GB afterwards.
        mirror: a folder of another server that holds the archive.
        overwrite: replace a dataset made before.

    Raises:
        InputError: a dataset is there already, or the archive is no zip of images.
        EchojaxError: the archive cannot be downloaded, or is not the one TFDS knows.
    """
    url = tfds.builder_cls("div2k").BUILDER_CONFIGS[0].download_urls["train_hr_url"]
    archive = data_dir / "downloads" / "DIV2K_train_HR.zip"
    check_replaceable(data_dir / "images" / DIV2K, archive, overwrite=overwrite)
    download.download(download.mirrored(url, mirror), archive, sha256=_sha256(url))
    with tempfile.TemporaryDirectory(prefix=".div2k-", dir=data_dir) as folder:
        try:
            with zipfile.ZipFile(archive) as file:
                file.extractall(folder)
        except zipfile.BadZipFile as error:
            raise InputError(f"{archive}: no whole zip ({error}); delete it") from error
        return natural.prepare(Path(folder), data_dir, DIV2K, overwrite=overwrite)


def _sha256(url: str) -> str | None:
    return tfds.builder_cls("div2k").url_infos[url].checksum
