import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax import devices
from echojax.errors import InputError
from echojax.inference.classify import Classifier, Shape
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


def evaluate(classifier, frames):
    rows = transfer.evaluate(classifier, frames, devices.data_mesh())
    return {(row.task, row.on): row for row in rows}


def test_it_counts_by_task_quality_and_class(stubborn, make_frames):
    frames = make_frames(
        [np.full((40, 50), 80, np.uint8)] * 8,
        ["a", "a", "a", "a", "b", "b", "c", "c"],
        view=[0, 0, 1, 1, 1, 1, 1, 1],
        phase=[0, 1, 0, 1, 0, 1, 0, 0],
        quality=[0, 0, 0, 0, 2, 2, -1, -1],
        group=np.array(["a", "a", "a", "a", "b", "b", "b", "b"]),  # b and c are one person
    )
    found = evaluate(Classifier(stubborn, ("view", "phase"), Shape(32)), frames)
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
    images = [np.zeros((32, 32), np.uint8)] * 40
    classifier = Classifier(stubborn, ("view", "phase"), Shape(32))

    def width(patients):
        of = [f"patient{k // 2 % patients:04d}" for k in range(40)]
        found = evaluate(classifier, make_frames(images, of, view=[0, 1] * 20))
        estimate = found["view", "4CH"].accuracy
        return estimate.high - estimate.low

    assert width(patients=2) > 2 * width(patients=20)


def test_a_file_says_its_tasks_and_the_size_it_was_trained_at(saved):
    file = saved(heads="view,phase", **{"input size": "48"})
    classifier, found = transfer.load(file)
    assert (classifier.tasks, classifier.shape) == (("view", "phase"), Shape(48))
    assert str(found) == file
    swapped, _ = transfer.load(saved(heads="phase,view", **{"input size": "32"}))
    assert swapped.tasks == ("phase", "view")


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({}, "pretrain-classifier"),
        ({"heads": "view"}, "does not hold a classifier of view or phase"),
        ({"heads": "view,colour"}, "does not hold a classifier of view or phase"),
        ({"heads": "view,phase"}, "input size is ''"),
        ({"heads": "view,phase", "input size": "wide"}, "input size is 'wide'"),
    ],
)
def test_what_is_no_such_classifier_is_refused(saved, card, said):
    with pytest.raises(InputError, match=said):
        transfer.load(saved(**card))


@pytest.fixture
def of_a_study(stubborn, tmp_path):
    """The folder of a classifier as a study leaves it."""

    def save(**card):
        folder = tmp_path / "classifiers/patient/view/poor/none/fold0/seed0"
        told = {"heads": "view,phase", "input size": "32", **card}
        networks.save(stubborn, folder.with_name("seed0.safetensors"), told)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    return save


def test_the_folder_of_a_studys_classifier_is_as_good_as_its_file(of_a_study):
    folder = of_a_study(**{"enhanced by": ""})
    file = folder.with_name("seed0.safetensors")
    for weights in (folder, file):
        classifier, found = transfer.load(str(weights))
        assert found == file
        assert classifier.tasks == ("view", "phase")


def test_a_classifier_of_enhanced_frames_is_refused(of_a_study):
    folder = of_a_study(**{"enhanced by": "srresnet, restore"})
    for weights in (folder, folder.with_name("seed0.safetensors")):
        with pytest.raises(InputError, match="trained on frames enhanced by srresnet, restore"):
            transfer.load(str(weights))


def test_a_folder_without_a_classifier_is_refused(tmp_path):
    with pytest.raises(InputError, match="RUN/classifiers/PROTOCOL/TASK"):
        transfer.load(str(tmp_path))


def test_the_area_under_the_roc_curve_asks_for_order_alone(random_network, make_frames):
    """Brighter frames are told as 4CH by a network whose threshold is far off."""
    settings = ResNetSettings(classes=4, width=4)
    model = random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
    levels = np.repeat(np.arange(20, 220, 10), 2)
    frames = make_frames(
        [np.full((32, 32), level, np.uint8) for level in levels],
        [f"p{k // 4}" for k in range(len(levels))],
        view=(levels > 115).astype(int),
        phase=[0, 1] * (len(levels) // 2),
    )
    inputs = np.stack([np.full((32, 32), level / 255, np.float32) for level in levels])
    answers = transfer.probabilities(model, inputs, devices.data_mesh())[:, 0]
    one, other = answers[frames.view == 0], answers[frames.view == 1]
    expected = np.mean((other[:, None] > one) + 0.5 * (other[:, None] == one))
    found = evaluate(Classifier(model, ("view", "phase"), Shape(32)), frames)
    np.testing.assert_allclose(found["view", "all"].area.value, expected, atol=1e-6)
    np.testing.assert_allclose(found["phase", "all"].area.value, 0.5, atol=1e-6)
    assert np.isnan(found["view", "2CH"].area.value)
