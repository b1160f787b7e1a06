"""The restorer of a study: trained on pairs of frames elsewhere, the same one for every fold."""

from collections.abc import Sequence
from typing import Any

from echojax import devices
from echojax.data import camus
from echojax.data.frames import Frames
from echojax.data.pairs import Pairs
from echojax.errors import InputError
from echojax.files import sha256
from echojax.models.generator import Generator
from echojax.recipes import learned_from, restoration
from echojax.runs.run import Request
from echojax.studies.diagnosis import leaks
from echojax.studies.diagnosis.alone import Alone
from echojax.studies.diagnosis.config import Config
from echojax.studies.diagnosis.folds import Fold
from echojax.training.loop import Training
from echojax.weights import catalogue
from echojax.wording import count

_KEY = "study.restorer"


def load(path: str) -> Generator:
    """The network of a restorer's file.

    Raises:
        InputError: as `restoration.load`.
    """
    return restoration.load(path, _KEY)


def sha256_of(path: str) -> str:
    """The sha256 of a restorer's file.

    Raises:
        InputError: no file is named, or it is not there.
    """
    if not path:
        raise InputError(
            f"study.sr names restorer, and {_KEY} no file of one; train it with `echojax "
            f"train-restorer`, and pass --set {_KEY}=RUN/restorer.safetensors"
        )
    return sha256(catalogue.locate(path))


def check(path: str, frames: Frames, folds: Sequence[Fold]) -> None:
    """See that a restorer can enhance the frames of some folds.

    Raises:
        InputError: as `sha256_of` and `load`, or it learned from frames which a fold tests.
    """
    sha256_of(path)
    load(path)
    leaks.check_init(catalogue.locate(path), _KEY, frames, folds, sr=False)


def training(request: Request[Config]) -> Alone:
    """The training of a restorer on the pairs of a dataset.

    Raises:
        InputError: nothing is prepared, no frames make pairs, or a setting does not fit them or the
            devices.
    """
    config = request.config.restorer
    devices.start()
    mesh = devices.data_mesh()
    pairs = Pairs.of(
        camus.open_frames(request.config.data), source=config.source, target=config.target
    )
    learned, held_out = restoration.hold_out(pairs, config)
    restoration.check(config, learned, mesh)
    job = request.run.job("restorer", restoration.record(config, learned))
    card = {
        "title": f"Restorer of {' and '.join(config.source)} frames to {config.target} ones",
        "data": f"{count(len(learned), 'pair')} of echo frames of "
        f"{count(len(learned.persons), 'person')}, fingerprint {learned.fingerprint()}",
        **learned_from.card_of(learned.hashes, None),
        "licence": "that of the data it learned from",
    }

    def make(frames: int) -> Training[Any]:
        shown = config.model_copy(update={"evaluate_frames": frames})
        return restoration.training(shown, learned, held_out, card=card)

    frames = min(config.evaluate_frames, len(held_out))
    return Alone(request, job, make, frames, mesh, "training the restorer")
