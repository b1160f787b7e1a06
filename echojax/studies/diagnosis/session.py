"""From what a user asked for to a study under way, checked before anything on disk changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from echojax import config, devices
from echojax.data import camus
from echojax.data.duplicates import patient_groups
from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.recipes import classification as classifier
from echojax.runs.run import Run, check_run, open_run
from echojax.studies.diagnosis.folds import Fold
from echojax.studies.diagnosis.predictions import Cell
from echojax.studies.diagnosis.study import Study
from echojax.vocabulary import VIEWS
from echojax.weights import networks


@dataclass(frozen=True)
class Request:
    """A study that was asked for and can be looked at; nothing on disk has changed yet."""

    study: Study
    resume: bool
    overwrite: bool

    @property
    def settings(self) -> config.StudyConfig:
        """What is compared, and how frames are split."""
        return self.study.run.config.study

    def begin(
        self,
        cells: Sequence[Cell] = (),
        *,
        only_fold: int | None = None,
        generators: Sequence[tuple[str, Fold]] = (),
    ) -> Study:
        """Make or enter the run directory, once all that is asked for is known to be possible.

        Args:
            cells: that will be done.
            only_fold: number of the one fold of them; all by default.
            generators: that will be trained: their names and folds.

        Raises:
            InputError: as `Study.check`; classifiers would start from what has seen the frames
                that they are tested on; or the run was made with other frames or another start.
        """
        study = self.study
        if cells:
            self._check_start()
        study.check(cells, only_fold)
        for sr, fold in generators:
            study.check_generator(sr, fold)
        open_run(
            study.run.path,
            study.run.config,
            dataset=study.frames.fingerprint(),
            start=classifier.start_hash(study.run.config.classifier) if cells else None,
            resume=self.resume,
            overwrite=self.overwrite,
        )
        return study

    def _check_start(self) -> None:
        """See that classifiers do not start from what has learned from the frames of the study."""
        settings = self.study.run.config
        file = classifier.start(settings.classifier)
        learned_from = classifier.datasets_of(networks.card(file)) if file else ()
        if not learned_from:
            return
        frames = self.study.frames
        if set(settings.data.views) != set(VIEWS):
            # The file tells of frames of both views, whichever of them this study is about.
            frames = load_frames(settings.data.model_copy(update={"views": VIEWS}))
        if frames.fingerprint() in learned_from:
            raise InputError(
                f"{file}: was pretrained on the frames of this study; pretrain on others, such as "
                "simulated ones, with --data-dir"
            )


def request(
    *,
    file: Path | None,
    overrides: Sequence[str],
    data_dir: Path | None,
    run: Path | None,
    resume: bool,
    overwrite: bool,
) -> Request:
    """Read the configuration, look at the run directory and load the frames.

    Args:
        file: configuration; when going on with a run, its own by default.
        overrides: `key=value` texts.
        data_dir: overrides `data.dir`.
        run: run directory, by default runs/<name of the configuration file>.
        resume: go on with an existing run.
        overwrite: replace an existing run.

    Raises:
        InputError: bad configuration, run directory or dataset.
    """
    path, settings = settle(
        file=file,
        overrides=overrides,
        data_dir=data_dir,
        run=run,
        resume=resume,
        overwrite=overwrite,
    )
    devices.start()
    frames = load_frames(settings.data)
    study = Study(Run(path, settings), frames, devices.data_mesh(), patient_groups(frames))
    return Request(study, resume, overwrite)


def settle(
    *,
    file: Path | None,
    overrides: Sequence[str],
    data_dir: Path | None,
    run: Path | None,
    resume: bool,
    overwrite: bool,
) -> tuple[Path, config.Config]:
    """The run directory and the configuration that are asked for; arguments as for `request`.

    Raises:
        InputError: bad configuration, or a run directory that may not be used so.
    """
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other; pass one of them")
    path = run or Path("runs", file.stem if file else "default")
    stored = path / "config.toml"
    if file is None and resume and stored.is_file():
        file = stored
    settings = config.load(file, overrides, data_dir)
    # A run must find its frames from wherever it is gone on with.
    data = settings.data.model_copy(update={"dir": settings.data.dir.absolute()})
    settings = settings.model_copy(update={"data": data})
    check_run(path, settings, resume=resume, overwrite=overwrite)
    return path, settings


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
