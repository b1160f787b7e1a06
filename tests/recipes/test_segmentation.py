import jax
import jax.numpy as jnp
import numpy as np
import pytest

from echojax import devices
from echojax.errors import InputError
from echojax.models.unet import UNetSettings
from echojax.recipes import segmentation
from echojax.recipes.segmentation import Examples, SegmentationConfig
from echojax.runs.job import Job
from echojax.training.loop import fit

SETTINGS = SegmentationConfig(
    size=32, steps=60, batch=4, learning_rate=2e-2, augment=False, evaluate_every=30
)


@pytest.fixture(scope="module")
def hearts(make_frames):
    """Twelve persons' bright cavities in gray walls above dark atria."""
    images, masks = [], []
    rows, columns = np.indices((40, 36))
    for k in range(12):
        rng = np.random.default_rng(k)
        middle = 14 + rng.integers(-3, 4), 18 + rng.integers(-3, 4)
        distance = np.hypot(rows - middle[0], columns - middle[1])
        mask = np.where(distance < 6, 1, np.where(distance < 10, 2, 0)).astype(np.uint8)
        mask[(mask == 0) & (rows > 28) & (np.abs(columns - middle[1]) < 7)] = 3
        levels = np.array([60, 220, 140, 5])[mask]
        images.append((levels + rng.normal(0, 8, mask.shape)).clip(0, 255).astype(np.uint8))
        masks.append(mask)
    return make_frames(images, [f"p{k:02d}" for k in range(12)], masks=masks)


@pytest.fixture(scope="module")
def small():
    """The light network, much lighter."""
    with pytest.MonkeyPatch.context() as patch:
        settings = UNetSettings(encoder=(4, 8), decoder=(4,))
        patch.setitem(segmentation._NETWORKS, "light", settings)
        yield


@pytest.fixture(scope="module")
def finished(hearts, small, tmp_path_factory):
    """A whole training: its job, what was logged, and the frames held out."""
    learned, held_out = hearts.take(np.arange(8)), hearts.take(np.arange(8, 12))
    logged = {}

    def log(step, **metrics):
        logged.setdefault(step, {}).update(metrics)

    record = segmentation.record(SETTINGS, [learned])
    job = Job(tmp_path_factory.mktemp("whole"), "segmenter", record, log)
    fit(segmentation.training(SETTINGS, [learned], held_out), job, devices.data_mesh())
    return job, logged, held_out


def test_structures_of_persons_it_never_saw_are_found(finished):
    _, logged, _ = finished
    assert logged[60]["dice_lv"] > 0.85
    assert logged[60]["dice_mean"] > 0.75
    assert logged[60]["loss"] < 0.7 * logged[20]["loss"]


def test_a_head_counts_as_if_its_answer_were_repeated_over_all_pixels_it_covers():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (2, 8, 12))
    targets = np.float32(labels[..., None] == np.arange(1, 4))
    heads = [jnp.float32(rng.normal(size=(2, 8 // f, 12 // f, 4))) for f in (1, 2, 4)]
    whole = [h.repeat(f, axis=1).repeat(f, axis=2) for h, f in zip(heads, (1, 2, 4), strict=True)]
    each = [segmentation.dice_and_cross_entropy(head, targets) for head in whole]
    expected = (4 * each[0] + 2 * each[1] + each[2]) / 7
    assert segmentation.supervised_loss(heads, targets) == pytest.approx(float(expected), abs=1e-6)


def test_the_loss_of_the_right_answer_is_nothing_and_that_of_a_wrong_one_much():
    labels = np.random.default_rng(0).integers(0, 4, (2, 8, 8))
    targets = np.float32(labels[..., None] == np.arange(1, 4))
    right = 50 * jax.nn.one_hot(labels, 4)
    wrong = 50 * jax.nn.one_hot((labels + 1) % 4, 4)
    assert segmentation.dice_and_cross_entropy(right, targets) < 1e-3
    assert segmentation.dice_and_cross_entropy(wrong, targets) > 1.9


def test_examples_are_of_all_datasets_and_share_out_pixels_at_edges(hearts):
    one, other = hearts.take([0, 1, 2]), hearts.take([3])
    made = Examples.of([one, other], 32)
    assert made.frames.shape == (4, 32, 32)
    assert made.targets.shape == (4, 32, 32, 3)
    shares = made.targets / 255
    assert shares.sum(axis=-1).max() < 1.01
    area = np.mean(hearts.masks[3] == 1)
    assert shares[3, ..., 0].mean() == pytest.approx(area, rel=0.02)


@pytest.mark.parametrize(
    ("network", "size", "better"), [("light", 112, 128), ("light", 100, 96), ("nnunet", 224, 256)]
)
def test_a_size_that_does_not_halve_is_refused_with_one_that_does(
    network, size, better, monkeypatch
):
    monkeypatch.setitem(segmentation._NETWORKS, "light", UNetSettings())
    config = SegmentationConfig(network=network, size=size)
    with pytest.raises(InputError, match=rf"--set segmentation.size={better}$"):
        segmentation.check(config, devices.data_mesh())


def test_what_decides_is_recorded_and_where_frames_lie_is_not(hearts):
    record = segmentation.record(SETTINGS, [hearts])
    assert record.settings["segmentation.size"] == 32
    assert "segmentation.also" not in record.settings
    assert record.differences(segmentation.record(SETTINGS, [hearts, hearts])) == [
        "frames to learn from are others than then"
    ]
