"""Training a head that grades regions by what a segmentation network makes of them.

That network stays as it is, so features are computed once: of every frame as it is, and of copies
with another gamma, another gain, and half of them mirrored, as MobileNetV2 is shown them. Regions
are those of a frame's own mask, or of the mask that the network gives where it has none. A frame
counts only with all of its regions in the sector.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from echojax.data.frames import Frames
from echojax.errors import InputError
from echojax.inference import pooled
from echojax.inference.regions import MIRRORED
from echojax.inference.segment import Segmenter, as_input
from echojax.models.region_head import HEAD, Pooled
from echojax.recipes import grader_loss, grader_start, regional_quality
from echojax.recipes.regional_quality import Graded, Learner, RegionalQualityConfig
from echojax.training.grading_augmentation import shown
from echojax.training.loop import Loss, Metrics, Training
from echojax.training.state import TrainState

LEARNED = nnx.All(nnx.Param, nnx.Any(*map(nnx.PathContains, HEAD)))
_TOGETHER = 8  # frames


def training(
    config: RegionalQualityConfig,
    learned: Sequence[Frames],
    inner: Sequence[Frames],
    held_out: Sequence[Frames],
    *,
    card: Mapping[str, str] | None = None,
) -> Training[TrainState]:
    """A training of the head, see `regional_quality.training_of`.

    Raises:
        InputError: `config.init` holds no segmenter, or no frame of a part can be divided.
    """
    segmenter = grader_start.segmenter(config.init)
    model = grader_start.with_head(segmenter.model, config.hidden, config.seed)
    asked = Segmenter(model, segmenter.size)
    copies = config.copies if config.augment else 1
    parts = [
        examples(asked, datasets, number, config.seed)
        for datasets, number in ((learned, copies), (inner, 1), (held_out, 1))
    ]
    learner = Learner(model, segmenter.size, loss_of(config), pooled.answers, LEARNED)
    return regional_quality.training_of(learner, config, *parts, card=card)


def examples(segmenter: Segmenter, datasets: Sequence[Frames], copies: int, seed: int) -> Graded:
    """Features of the regions of frames, in place of the frames.

    Args:
        segmenter: its network is one with a head.
        datasets: frames with what is known of them.
        copies: of each frame, the first of them as the frame is.
        seed: of the others.

    Raises:
        InputError: no frame has all of its regions.
    """
    parts = [
        part
        for number, frames in enumerate(datasets)
        for part in _of_frames(segmenter, frames, copies, jax.random.key(seed + number))
    ]
    found = Graded.joined(parts)
    whole = found.take(np.flatnonzero(np.isfinite(found.frames).all(axis=(1, 2))))
    if not len(whole.frames):
        raise InputError(
            f"regional_quality.init: of {len(found.frames)} frames none has a mask that can be "
            "divided into regions, and all of them in the sector; prepare frames with masks, or "
            "take a better segmenter"
        )
    return whole


def _of_frames(segmenter: Segmenter, frames: Frames, copies: int, key: jax.Array) -> "list[Graded]":
    """Each copy of the frames of a dataset."""
    size, model = segmenter.size, segmenter.model
    assert isinstance(model, Pooled)
    found: list[list[np.ndarray]] = [[] for _ in range(copies)]
    changes = _changes(key, len(frames), copies)
    for first in range(0, len(frames), _TOGETHER):
        part = frames.take(np.arange(first, min(first + _TOGETHER, len(frames))))
        seen = np.stack([as_input(image, size) for image in part.images])
        where = np.stack(_shares(segmenter, part))
        for copy, own in enumerate(changes):
            curve, gain, mirrored = (each[first : first + _TOGETHER] for each in own)
            images = np.asarray(_shown(seen, curve, gain, mirrored))
            places = np.where(mirrored[:, None, None, None], where[:, MIRRORED, :, ::-1], where)
            found[copy].append(pooled.features_of(model, images, places))
    grades, view = frames.grades.astype(np.float32), regional_quality.of_view(frames)
    return [
        Graded(
            np.concatenate(parts),
            np.where(mirrored[:, None], grades[:, MIRRORED], grades),
            view,
        )
        for parts, (_, _, mirrored) in zip(found, changes, strict=True)
    ]


def _shares(segmenter: Segmenter, frames: Frames) -> list[np.ndarray]:
    """What of each pixel lies in each region, frame by frame."""
    size, spacings = segmenter.size, frames.spacing
    found = []
    for number, (image, (row, column)) in enumerate(zip(frames.images, spacings, strict=True)):
        mask = frames.mask(number)
        known = segmenter(image).mask if mask is None else mask
        regions = pooled.divided(image, known, (float(row), float(column)))
        found.append(pooled.shares(image, regions, size))
    return found


def _changes(
    key: jax.Array, number: int, copies: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Gamma and gain in [-1, 1] of each frame, and whether it is mirrored, for each copy."""
    nothing = np.zeros(number, np.float32)
    changes = [(nothing, nothing, np.zeros(number, bool))]
    for copy in range(1, copies):
        drawing, mirroring = jax.random.split(jax.random.fold_in(key, copy))
        curve, gain = np.asarray(jax.random.uniform(drawing, (2, number), minval=-1))
        changes.append((curve, gain, np.asarray(jax.random.bernoulli(mirroring, 0.5, (number,)))))
    return changes


@jax.jit
def _shown(frames: jax.Array, curve: jax.Array, gain: jax.Array, mirrored: jax.Array) -> jax.Array:
    changed = jax.vmap(shown)(frames, curve, gain)
    return jnp.where(mirrored[:, None, None], changed[:, :, ::-1], changed)


def loss_of(config: RegionalQualityConfig) -> Loss:
    """The loss on batches of features."""

    def loss(model: Pooled, batch: Graded, key: jax.Array) -> tuple[jax.Array, Metrics]:
        del key  # what is random was drawn before
        found = model.graded(jnp.asarray(batch.frames))
        grades, view = jnp.asarray(batch.grades), jnp.asarray(batch.view)
        return grader_loss.both(found, grades, view, config.weak)

    return loss
