import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax import devices
from echojax.errors import InputError
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.studies.diagnosis import transfer
from echojax.weights import networks


@pytest.fixture(scope="module")
def stubborn(random_network):
    """A network that calls every frame 4CH and ED, whatever it shows."""
    settings = ResNetSettings(classes=4, width=4)
    model = random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
    model.fc.kernel[...] = jnp.zeros_like(model.fc.kernel[...])
    model.fc.bias[...] = jnp.array([0.0, 3.0, 3.0, 0.0])
    return model


@pytest.fixture
def saved(stubborn, tmp_path):
    def save(**card):
        networks.save(stubborn, tmp_path / "net.safetensors", card)
        return str(tmp_path / "net.safetensors")

    return save


def load(weights):
    return transfer.load(weights, devices.data_mesh())


def evaluate(trained, frames, groups):
    rows = transfer.evaluate(trained, frames, np.array(groups), devices.data_mesh())
    return {(row.task, row.on): row for row in rows}


def test_it_counts_by_task_quality_and_class(stubborn, make_frames):
    frames = make_frames(
        [np.full((40, 50), 80, np.uint8)] * 8,
        ["a", "a", "a", "a", "b", "b", "c", "c"],
        view=[0, 0, 1, 1, 1, 1, 1, 1],
        phase=[0, 1, 0, 1, 0, 1, 0, 0],
        quality=[0, 0, 0, 0, 2, 2, -1, -1],
    )
    groups = ["a", "a", "a", "a", "b", "b", "b", "b"]  # b and c are one recording
    trained = transfer.Trained(stubborn, ("view", "phase"), 32, ())
    found = evaluate(trained, frames, groups)
    share = {key: row.accuracy.value for key, row in found.items()}
    assert share == {
        ("view", "all"): 6 / 8,
        ("view", "good"): 2 / 4,
        ("view", "poor"): 1.0,
        ("view", "unlabelled"): 1.0,
        ("view", "2CH"): 0.0,
        ("view", "4CH"): 1.0,
        ("phase", "all"): 5 / 8,
        ("phase", "good"): 2 / 4,
        ("phase", "poor"): 1 / 2,
        ("phase", "unlabelled"): 1.0,
        ("phase", "ED"): 1.0,
        ("phase", "ES"): 0.0,
    }
    assert (found["view", "all"].frames, found["view", "all"].patients) == (8, 2)
    assert found["view", "unlabelled"].patients == 1


def test_intervals_know_that_frames_of_a_patient_are_alike(stubborn, make_frames):
    frames = make_frames([np.zeros((32, 32), np.uint8)] * 40, ["x"] * 40, view=[0, 1] * 20)
    trained = transfer.Trained(stubborn, ("view", "phase"), 32, ())

    def width(patients):
        estimate = evaluate(trained, frames, np.arange(40) // 2 % patients)["view", "4CH"].accuracy
        return estimate.high - estimate.low

    assert width(patients=2) > 2 * width(patients=20)


def test_a_file_says_its_tasks_and_the_size_it_was_trained_at(saved):
    trained = load(saved(heads="view,phase", dataset="abc,def", **{"input size": "48"}))
    assert (trained.tasks, trained.size) == (("view", "phase"), 48)
    assert trained.datasets == ("abc", "def")
    assert load(saved(heads="phase,view")).tasks == ("phase", "view")
    assert load(saved(heads="view,phase")).size == 224


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({}, "pretrain-classifier"),
        ({"heads": "view"}, "does not hold a classifier of view or phase"),
        ({"heads": "view,colour"}, "does not hold a classifier of view or phase"),
        ({"heads": "view,phase", "input size": "wide"}, "input size is 'wide'"),
    ],
)
def test_what_is_no_such_classifier_is_refused(saved, card, said):
    with pytest.raises(InputError, match=said):
        load(saved(**card))


def test_frames_learned_from_are_recognised_among_those_of_other_views(stubborn, make_frames):
    images = [np.full((32, 32), level, np.uint8) for level in (10, 20, 30)]
    frames = make_frames(images, ["a", "a", "b"], view=[0, 1, 0])
    of_one_view = frames.take(frames.where(views=["2CH"])).fingerprint()

    def learned_from(*seen):
        return transfer.Trained(stubborn, ("phase",), 32, *seen).learned_from(frames)

    assert learned_from((of_one_view,), ("2CH",))
    assert not learned_from((of_one_view,))
    assert learned_from(("others", frames.fingerprint()))
    assert not learned_from(())


def test_a_classifier_of_enhanced_frames_is_refused(tmp_path):
    (tmp_path / "config.toml").touch()
    folder = tmp_path / "classifiers/patient/view/poor/srresnet-restore/fold0/seed0"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match="enhanced by srresnet-restore"):
        load(str(folder))


def test_a_folder_without_a_classifier_is_refused(tmp_path):
    with pytest.raises(InputError, match="RUN/classifiers/PROTOCOL/TASK"):
        load(str(tmp_path))
