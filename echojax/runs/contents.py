"""What a run leaves in its directory, which is all that `--overwrite` may delete."""

import json
import re
import shutil
from pathlib import Path

from echojax.errors import InputError
from echojax.files import stranger
from echojax.runs import lock
from echojax.runs.job import begun

ENVIRONMENT = "environment.json"
_JOBS_OF_0_1_0 = re.compile(r"(sr|classifiers)/.+")  # which had no records
_OURS = re.compile(
    r"config\.toml|environment\.json|frames\.json|\.lock"
    r"|(log|predictions|thumbnails|manipulation|overlaps|segmentation|grades)\.csv"
    r"|report\.(html|md)"
    r"|events/events\.out\.tfevents\.[^/]+"
    r"|tables/[^/]+\.(csv|tex)"
    r"|masks/[^/]+\.npz"
    r"|figures/[^/]+\.(png|svg|pdf|npz)"
    r"|(.+/)?job\.json"
    r"|.+/checkpoints/.+"
)
_ASIDE = re.compile(r"(^|(?<=/))\.\d+\.(?=[^/]+$)")  # of a file that was being written


def check(run: Path) -> None:
    """See that a directory holds nothing but what a run of ours made.

    Raises:
        InputError: it holds anything else, which is named.
    """
    try:
        told = json.loads((run / ENVIRONMENT).read_text(encoding="utf-8"))
        known = "echojax" in told
        recorded = "layout" in told
    except (OSError, ValueError, TypeError):
        known = recorded = False

    def ours(name: str) -> bool:
        name = _ASIDE.sub("", name)
        if _OURS.fullmatch(name) or (not recorded and _JOBS_OF_0_1_0.fullmatch(name)):
            return True
        file = run / name
        return file.suffix in (".safetensors", ".md") and begun(file.with_suffix(""))

    if stranger(run, {lock.NAME}.__contains__) is None:
        return
    why = f"it has no {ENVIRONMENT} of a run of echojax"
    if known:
        found = stranger(run, ours)
        if found is None:
            return
        why = f"{found} is not part of a run"
    raise InputError(
        f"{run}: will not be overwritten, {why}; move it away yourself or choose another --run"
    )


def clear(run: Path) -> None:
    """Empty a run directory, but for its lock.

    Raises:
        InputError: as `check`.
    """
    check(run)
    for path in run.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != lock.NAME:
            path.unlink()
