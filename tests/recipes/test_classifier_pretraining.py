import numpy as np
import pytest
from flax import nnx

from echojax import config, devices
from echojax.errors import InputError
from echojax.inference import classify, enhance
from echojax.recipes import classification as classifier
from echojax.recipes import classifier_pretraining
from echojax.recipes.classifier_pretraining import Labelled
from echojax.weights import by_name

SIDE = 32
SETTINGS = config.load(
    None,
    [
        "classifier.width=8",
        f"classifier.size={SIDE}",
        "pretrain.epochs=20",
        "pretrain.batch=8",
        "pretrain.learning_rate=3e-3",
    ],
)


def silent(step, **metrics):
    del step, metrics


def squares(number, seed):
    """A square at the left or at the right, which is the view; small or large, the phase."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (number, 2))
    images = rng.integers(0, 40, (number, SIDE, SIDE))
    for image, (view, phase) in zip(images, labels, strict=True):
        middle, half = (7, 24)[view], (3, 6)[phase]
        image[16 - half : 16 + half, middle - half : middle + half] += 200
    return Labelled(images.astype(np.uint8), labels)


LEARNED, HELD_OUT = squares(80, 0), squares(40, 1)


def pretrain(folder, log=silent, **changed):
    return classifier_pretraining.train(
        LEARNED,
        HELD_OUT,
        SETTINGS.classifier,
        SETTINGS.pretrain.model_copy(update=changed),
        mesh=devices.data_mesh(),
        checkpoints=folder,
        title="test",
        log=log,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that nothing interrupted, and what it logged."""
    logged = {}

    def log(step, **metrics):
        logged.setdefault(step, {}).update(metrics)

    return pretrain(tmp_path_factory.mktemp("whole"), log), logged


def test_each_head_learns_its_own_task(whole):
    model, logged = whole
    frames = enhance.as_float(HELD_OUT.images)
    answers = classify.probabilities(model, frames, devices.data_mesh())
    right = np.mean((answers >= 0.5) == HELD_OUT.labels, axis=0)
    assert right.shape == (2,)
    assert np.all(right > 0.9)
    assert logged[200]["view_held_out"] == pytest.approx(right[0])
    assert logged[200]["phase_held_out"] == pytest.approx(right[1])
    assert {"loss", "view", "phase"} <= logged[200].keys()


def test_an_interrupted_training_ends_as_an_uninterrupted_one(whole, tmp_path):
    class InterruptedTrainingError(Exception):
        pass

    def interrupt(step, **metrics):
        if step == 80:
            raise InterruptedTrainingError

    with pytest.raises(InterruptedTrainingError):
        pretrain(tmp_path, interrupt)
    steps = []
    resumed = pretrain(tmp_path, lambda step, **metrics: steps.append(step))
    assert min(steps) == 60  # the checkpoint was at 50, and every 20 steps are logged
    one, other = (by_name.arrays(model) for model in (resumed, whole[0]))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor, other[name], err_msg=name)


def test_strength_seed_and_place_decide_how_frames_are_changed():
    model = classifier.network(SETTINGS.classifier, 0, heads=2)

    def loss(strength, seed, first):
        batch = LEARNED.images[:8], LEARNED.labels[:8], np.arange(first, first + 8)
        return float(
            nnx.jit(classifier_pretraining.cross_entropies(strength, seed))(model, batch)[0]
        )

    base = loss(1.0, 0, 0)
    assert loss(1.0, 0, 0) == pytest.approx(base, rel=1e-5)
    for other in ((0.0, 0, 0), (1.0, 1, 0), (1.0, 0, 8)):
        assert abs(loss(*other) - base) > 1e-3
    assert loss(0.0, 0, 0) == pytest.approx(loss(0.0, 1, 8), rel=1e-5)


def test_a_batch_that_the_devices_cannot_share_is_refused(tmp_path):
    class FourDevices:
        size = 4

    with pytest.raises(InputError, match=r"pretrain\.batch = 6 cannot be shared by 4 devices"):
        classifier_pretraining.check(
            SETTINGS.classifier, SETTINGS.pretrain.model_copy(update={"batch": 6}), FourDevices()
        )
