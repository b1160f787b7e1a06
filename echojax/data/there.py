"""Whether a dataset is prepared: known before what reads it is imported, which takes seconds."""

from pathlib import Path

from echojax.errors import InputError

DIV2K = "div2k"
DIV2K_BY_HAND = (
    "run `echojax prepare div2k`, or download DIV2K_train_HR.zip by hand from "
    "data.vision.ee.ethz.ch/cvl/DIV2K, unpack it, and "
    f"`echojax prepare images --from DIV2K_train_HR --name {DIV2K}`"
)


def newest(folder: Path) -> Path | None:
    """The folder of the newest version of a prepared dataset; None if nothing is prepared."""
    versions = sorted(folder.glob("*/dataset_info.json"))
    return versions[-1].parent if versions else None


def camus(data_dir: Path) -> Path:
    """The folder of the prepared CAMUS dataset.

    Raises:
        InputError: nothing is prepared.
    """
    found = newest(data_dir / "camus")
    if found is None:
        raise InputError(
            f"{data_dir / 'camus'}: no prepared dataset; make one with "
            f"`echojax prepare camus --from DIR --data-dir {data_dir}`"
        )
    return found


def images(data_dir: Path, name: str) -> Path:
    """The folder of prepared natural images; for "div2k" it may be TFDS's own.

    Raises:
        InputError: nothing of that name is prepared.
    """
    found = newest(data_dir / "images" / name)
    if found is None and name == DIV2K:
        found = newest(data_dir / DIV2K / "bicubic_x4")
    if found is None:
        how = f"`echojax prepare images --from DIR --name {name}`"
        raise InputError(
            f"{data_dir / 'images' / name}: no prepared images; "
            + (DIV2K_BY_HAND if name == DIV2K else f"make them with {how}").removesuffix("`")
            + f" --data-dir {data_dir}`"
        )
    return found
