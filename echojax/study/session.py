"""From what a user asked for to a study under way, checked before anything on disk changes."""

from collections.abc import Sequence
from pathlib import Path

from echojax import config, devices
from echojax.data import camus
from echojax.errors import InputError
from echojax.frames import VIEWS, Frames
from echojax.study.matrix import Study
from echojax.training.run import Run, check_run, open_run


def begin(
    *,
    file: Path | None,
    overrides: Sequence[str],
    data_dir: Path | None,
    run: Path | None,
    resume: bool,
    overwrite: bool,
    needs_strata: bool = True,
) -> Study:
    """Open a run and load its frames.

    Args:
        file: configuration; when going on with a run, its own by default.
        overrides: `key=value` texts.
        data_dir: overrides `data.dir`.
        run: run directory, by default runs/<name of the configuration file>.
        resume: go on with an existing run.
        overwrite: replace an existing run.
        needs_strata: whether frames of every stratum are needed, as for any classifier.

    Raises:
        InputError: bad configuration, run directory, dataset, or strata too small.
    """
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other; pass one of them")
    path = run or Path("runs", file.stem if file else "default")
    stored = path / "config.toml"
    if file is None and resume and stored.is_file():
        file = stored
    if data_dir is not None:
        overrides = [*overrides, f"data.dir={data_dir}"]
    settings = config.load(file, overrides)
    check_run(path, settings, resume=resume, overwrite=overwrite)
    devices.start()
    study = Study.begin(Run(path, settings), load_frames(settings.data), devices.data_mesh())
    for protocol in settings.study.protocols if needs_strata else ():
        study.check(protocol)
    open_run(path, settings, resume=resume, overwrite=overwrite)
    return study


def load_frames(data: config.DataConfig) -> Frames:
    """The frames a configuration is about, with square pixels.

    Raises:
        InputError: nothing is prepared, or no frame is of the views.
    """
    frames = camus.load(data.dir)
    chosen = frames.where(views=data.views)
    if not len(chosen):
        there = sorted({VIEWS[view] for view in frames.view})
        raise InputError(f"data.views = {list(data.views)}: {data.dir} holds only {there} frames")
    return camus.square_pixels(frames.take(chosen))
