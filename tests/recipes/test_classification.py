from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax import config, devices
from echojax.errors import InputError
from echojax.inference import classify
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.recipes import classification as classifier
from echojax.weights import by_name, networks

SETTINGS = config.load(
    None,
    [
        "classifier.width=4",
        "classifier.size=32",
        "classifier.epochs=20",
        "classifier.batch=8",
        "classifier.learning_rate=3e-3",
    ],
).classifier


def silent(step, **metrics):
    del step, metrics


def bright_or_dark(number, seed):
    """Frames that anybody can tell apart: the upper half bright, or the lower."""
    rng = np.random.default_rng(seed)
    frames = 0.3 * rng.random((number, 32, 32), np.float32)
    labels = np.arange(number) % 2
    frames[labels == 0, :16] += 0.6
    frames[labels == 1, 16:] += 0.6
    return frames, labels


def train(seed=0, settings=SETTINGS):
    frames, labels = bright_or_dark(24, 0)
    return classifier.train(
        frames,
        labels,
        settings,
        seed,
        task="view",
        mesh=devices.data_mesh(),
        title="test",
        log=silent,
    )


def ask(model, frames):
    answers = classify.probabilities(model, frames, devices.data_mesh())
    assert answers.shape == (len(frames), 1)
    return answers[:, 0]


def test_it_learns_what_can_be_seen():
    frames, labels = bright_or_dark(40, 1)
    assert np.mean((ask(train(), frames) >= 0.5) == labels) > 0.95


def test_the_same_seed_gives_the_same_classifier_and_another_seed_another():
    frames, _ = bright_or_dark(40, 1)
    first = ask(train(0), frames)
    np.testing.assert_array_equal(ask(train(0), frames), first)
    assert np.abs(ask(train(1), frames) - first).max() > 1e-4


def test_every_frame_is_seen_equally_often_and_every_batch_is_full():
    order = classifier.frame_order(frames=10, epochs=8, batch=4, seed=0)
    assert order.shape == (20, 4)
    assert np.bincount(order.ravel()).tolist() == [8] * 10


def test_fewer_frames_than_a_batch_still_make_a_batch():
    assert classifier.frame_order(frames=3, epochs=1, batch=8, seed=0).shape == (1, 8)


def test_weights_that_are_not_there_are_named():
    settings = SETTINGS.model_copy(update={"init": "nowhere.safetensors"})
    with pytest.raises(InputError, match=r"nowhere\.safetensors"):
        train(settings=settings)


@pytest.fixture
def given(random_network, tmp_path):
    """Writes a ResNet-18 with random weights; gives its tensors, and settings that begin there."""

    def write(classes, width=SETTINGS.width, card=None):
        settings = ResNetSettings(classes=classes, width=width)
        model = random_network(lambda: ResNet18(settings, rngs=nnx.Rngs(0)))
        networks.save(model, tmp_path / "given.safetensors", card)
        chosen = SETTINGS.model_copy(update={"init": str(tmp_path / "given.safetensors")})
        return by_name.arrays(model), chosen

    return write


def test_it_starts_from_the_trunk_of_a_network_for_other_classes(given):
    """As ImageNet's 1000; the head is the random one of the seed."""
    tensors, settings = given(1000)
    start = by_name.arrays(classifier.untrained(settings, 3, "view"))
    head = {name: start.pop(name) for name in ("fc.kernel", "fc.bias")}
    fresh = by_name.arrays(classifier.network(settings, 3))
    for name, tensor in start.items():
        np.testing.assert_array_equal(tensor, tensors[name], err_msg=name)
    for name, tensor in head.items():
        np.testing.assert_array_equal(tensor, fresh[name], err_msg=name)
    assert head["fc.kernel"].shape == (8 * SETTINGS.width, 2)
    assert np.ptp(head["fc.kernel"]) > 0.1
    other = by_name.arrays(classifier.untrained(settings, 4, "view"))
    assert np.abs(other["fc.kernel"] - head["fc.kernel"]).max() > 0.1


def test_it_starts_from_the_head_too_if_the_network_is_for_two_classes(given):
    tensors, settings = given(2)
    start = by_name.arrays(classifier.untrained(settings, 0, "view"))
    assert start.keys() == tensors.keys()
    for name, tensor in start.items():
        np.testing.assert_array_equal(tensor, tensors[name], err_msg=name)


def test_a_network_of_another_width_does_not_fit(given):
    _, settings = given(1000, width=2)
    with pytest.raises(InputError, match=r"given\.safetensors: does not fit.*conv1\.kernel is"):
        classifier.check(settings, "view", devices.data_mesh())


def logits(model):
    frames, _ = bright_or_dark(4, 1)
    return np.asarray(model(as_imagenet(jnp.asarray(frames)[..., None])))


@pytest.mark.parametrize(
    ("heads", "task", "columns"),
    [
        ("view,phase", "view", [0, 1]),
        ("view,phase", "phase", [2, 3]),
        ("phase,view", "view", [2, 3]),
        ("view,phase", ("phase", "view"), [2, 3, 0, 1]),
    ],
)
def test_a_network_of_two_heads_gives_its_trunk_and_the_head_of_the_task(
    given, heads, task, columns
):
    _, settings = given(4, card={"heads": heads})
    tasks = (task,) if isinstance(task, str) else task
    started = logits(classifier.untrained(settings, 0, *tasks))
    pretrained = logits(networks.load(Path(settings.init)))
    assert started.shape == (4, 2 * len(tasks))
    np.testing.assert_allclose(started, pretrained[:, columns], rtol=1e-5)
    assert np.ptp(pretrained, axis=1).min() > 1e-3


def test_a_network_with_a_head_for_something_else_gives_its_trunk_alone(given):
    tensors, settings = given(2, card={"heads": "phase"})
    start = by_name.arrays(classifier.untrained(settings, 3, "view"))
    fresh = by_name.arrays(classifier.network(settings, 3))
    np.testing.assert_array_equal(start["conv1.kernel"], tensors["conv1.kernel"])
    np.testing.assert_array_equal(start["fc.kernel"], fresh["fc.kernel"])


@pytest.mark.parametrize(("classes", "width"), [(4, 2), (2, SETTINGS.width)])
def test_heads_that_do_not_fit_are_refused(given, classes, width):
    """Another width, or fewer logits than there should be."""
    _, settings = given(classes, width=width, card={"heads": "view,phase"})
    with pytest.raises(InputError, match=r"given\.safetensors: does not fit.*fc\.kernel is"):
        classifier.check(settings, "phase", devices.data_mesh())


def test_a_pretrained_network_is_found_in_the_working_directory(given, tmp_path, monkeypatch):
    _, settings = given(4, card={"heads": "view,phase"})
    asked = settings.model_copy(update={"init": "simulated"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"simulated: .*echojax pretrain-classifier") as refused:
        classifier.check(asked, "view", devices.data_mesh())
    assert "\n" not in str(refused.value)
    place = Path("runs", "pretrain-classifier", "classifier", "pretrained.safetensors")
    place.parent.mkdir(parents=True)
    Path(settings.init).rename(place)
    pretrained = logits(networks.load(place))
    np.testing.assert_allclose(
        logits(classifier.untrained(asked, 0, "view")), pretrained[:, :2], rtol=1e-5
    )


def test_imagenet_is_the_fetched_resnet18(given, tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    tensors, settings = given(1000)
    asked = settings.model_copy(update={"init": "imagenet"})
    with pytest.raises(InputError, match="echojax weights fetch resnet18"):
        classifier.check(asked, "view", devices.data_mesh())
    Path(settings.init).rename(tmp_path / "resnet18.safetensors")
    start = by_name.arrays(classifier.untrained(asked, 0, "view"))
    np.testing.assert_array_equal(start["conv1.kernel"], tensors["conv1.kernel"])
