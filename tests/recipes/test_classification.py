import functools
import hashlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax import devices
from echojax.errors import InputError
from echojax.inference import classify
from echojax.models.layers import as_imagenet
from echojax.models.resnet import ResNet18, ResNetSettings
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.recipes import (
    classification,
    classifier_pretraining,
    classifier_start,
    inner_validation,
)
from echojax.recipes.classifier import ClassifierConfig, Labelled
from echojax.recipes.classifier_pretraining import PretrainConfig
from echojax.runs.job import Job
from echojax.training.loop import fit
from echojax.weights import by_name, networks
from tests.recipes.squares import HELD_OUT, LEARNED, TASKS, ask, silent
from tests.weights import public_checkpoints
from tests.weights.pytorch import save_pth

SETTINGS = ClassifierConfig(init="random", width=4, size=32, epochs=10, batch=8, learning_rate=3e-3)


def train(folder, seed=0, *, degraded=False, **changed):
    settings = SETTINGS.model_copy(update=changed)
    frames, labels = LEARNED
    training = classification.training(
        settings,
        Labelled(frames, labels[:, :1]),
        tasks=("view",),
        seed=seed,
        degraded=degraded,
        card={"title": "test"},
    )
    record = classification.record(settings, "frames", task="view", seed=seed)
    return fit(training, Job(folder, f"seed{seed}", record, silent), devices.data_mesh())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier of views, and its run."""
    folder = tmp_path_factory.mktemp("trained")
    return train(folder), folder


def test_it_learns_what_can_be_seen(trained):
    answers = ask(trained[0])
    assert answers.shape == (40, 1)
    assert np.mean((answers >= 0.5) == HELD_OUT.labels[:, :1]) > 0.9


def test_the_same_seed_gives_the_same_classifier_and_another_seed_another(trained, tmp_path):
    first = ask(trained[0])
    np.testing.assert_array_equal(ask(train(tmp_path)), first)
    assert np.abs(ask(train(tmp_path, seed=1)) - first).max() > 1e-4


def test_answers_do_not_depend_on_how_many_frames_are_asked_about(trained):
    few = ask(trained[0], HELD_OUT.frames[:5])
    np.testing.assert_allclose(few, ask(trained[0])[:5], atol=1e-6)


def test_an_input_is_square_and_keeps_gray_levels():
    seen = classify.as_input(np.full((50, 70), 0.25, np.float32), classify.Shape(32))
    assert seen.shape == (32, 32)
    np.testing.assert_allclose(seen, 0.25, atol=1e-6)


def test_its_file_is_complete_and_nothing_else_is_kept(trained):
    model, folder = trained
    kept = classify.load(folder / "seed0.safetensors")
    assert (kept.tasks, kept.shape) == (("view",), classify.Shape(32))
    np.testing.assert_array_equal(ask(kept.model), ask(model))
    card = networks.card(folder / "seed0.safetensors")
    assert card["title"] == "test"
    assert card["started from"] == "random"
    assert card["training"] == "10 epochs, batches of 8 frames"
    assert not (folder / "seed0" / "checkpoints").exists()


def test_strength_key_and_place_decide_how_frames_are_changed():
    """The changes alone count here, so a network of one number stands for the real one."""

    class Contrast(nnx.Module):
        def __call__(self, x, *, train):
            return 10 * x.std((1, 2, 3))[:, None] * jnp.arange(4)[None]

    @functools.partial(jax.jit, static_argnums=0)
    def loss(strength, key, frames=LEARNED.frames[:8]):
        batch = frames, LEARNED.labels[:8]
        return classification.cross_entropy(TASKS, strength)(Contrast(), batch, key)[0]

    key, other = jax.random.key(0), jax.random.key(1)
    alike = np.repeat(LEARNED.frames[:1], 8, axis=0)
    changed = float(loss(1.0, key))
    for different in (loss(0.0, key), loss(1.0, other)):
        assert abs(float(different) - changed) > 1e-3
    assert float(loss(0.0, key)) == pytest.approx(float(loss(0.0, other)), rel=1e-5)

    @jax.jit
    def contrasts(key):
        seen = []

        def noted(model, x, train):
            seen.append(x.std((1, 2, 3)))
            return jnp.zeros((8, 4))

        note = type("Note", (), {"__call__": noted})()
        classification.cross_entropy(TASKS, 1.0)(note, (alike, LEARNED.labels[:8]), key)
        return seen[0]

    assert len(np.unique(contrasts(key))) > 1  # a change of its own for each frame


def test_a_batch_that_the_devices_cannot_share_is_refused():
    class ThreeDevices:
        size = 3

    with pytest.raises(InputError, match=r"classifier\.batch = 8 cannot be shared by 3 devices"):
        classification.check(SETTINGS, ThreeDevices(), "view")
    with pytest.raises(InputError, match=r"pretrain\.batch = 7 cannot be shared by 3 devices"):
        classifier_pretraining.check(SETTINGS, PretrainConfig(batch=7), ThreeDevices(), "view")


def test_every_frame_is_seen_equally_often_and_every_batch_is_full():
    order = classification.frame_order(frames=10, epochs=8, batch=4, seed=0)
    assert order.shape == (20, 4)
    assert np.bincount(order.ravel()).tolist() == [8] * 10


def test_fewer_frames_than_a_batch_still_make_a_batch():
    assert classification.frame_order(frames=3, epochs=1, batch=8, seed=0).shape == (1, 8)


def test_degraded_training_gives_another_classifier_and_its_file_says_so(trained, tmp_path):
    """Whoever is to read poor frames may learn from frames made poor."""
    degraded = by_name.arrays(train(tmp_path, epochs=1, degraded=True))
    plain = by_name.arrays(train(tmp_path / "plain", epochs=1))
    assert np.abs(degraded["conv1.kernel"] - plain["conv1.kernel"]).max() > 1e-4
    assert "degraded at random" in networks.card(tmp_path / "seed0.safetensors")["training"]


def test_steps_may_be_said_instead_of_epochs():
    order = classification.frame_order(frames=10, epochs=8, batch=4, seed=0, steps=7)
    assert order.shape == (7, 4)
    assert np.ptp(np.bincount(order.ravel())) <= 1


def test_a_recipe_sets_what_is_not_set():
    strong = ClassifierConfig(recipe="strong", steps=20)
    assert (strong.steps, strong.schedule, strong.fit) == (20, "cosine", "pad")
    assert ClassifierConfig().schedule == "constant"


def test_the_average_of_the_weights_is_handed_over(trained, tmp_path):
    """With the same order of frames and the same updates, only it differs."""
    averaged = by_name.arrays(train(tmp_path, average=0.9))
    last = by_name.arrays(trained[0])
    moved = np.abs(averaged["fc.kernel"] - last["fc.kernel"]).max()
    assert 1e-4 < moved < 0.1


def test_weight_decay_shrinks_kernels_alone(trained, tmp_path):
    last = by_name.arrays(trained[0])
    shrunk = by_name.arrays(train(tmp_path, weight_decay=3.0))
    norms = [float(np.linalg.norm(x["conv1.kernel"])) for x in (shrunk, last)]
    assert norms[0] < 0.9 * norms[1]
    scales = [float(np.linalg.norm(x["bn1.scale"])) for x in (shrunk, last)]
    assert scales[0] > 0.95 * scales[1]


def test_inner_validation_patients_are_whole_and_as_many_as_asked():
    group = np.repeat(np.array(["a", "b", "c", "d", "e"]), 4)
    config = SETTINGS.model_copy(update={"inner": 0.4})
    chosen = inner_validation.kept_back(config, group, seed=0)
    assert chosen.sum() == 8
    assert all(len(set(chosen[group == name])) == 1 for name in np.unique(group))
    assert any(
        (inner_validation.kept_back(config, group, seed) != chosen).any() for seed in range(1, 5)
    )
    assert not inner_validation.kept_back(SETTINGS, group, seed=0).any()


def test_threshold_and_temperature_put_right_what_an_answer_is_off_by(trained):
    """Reference: the same network with log odds of a tenth, less two: every answer the first."""
    model = nnx.clone(trained[0])
    answers = ask(model)[:, 0]
    model.fc.kernel[...] *= 0.1
    model.fc.bias[...] = 0.1 * model.fc.bias[...] + jnp.array([2.0, 0.0])
    of_view = Labelled(HELD_OUT.frames, HELD_OUT.labels[:, :1])
    assert np.mean((ask(model)[:, 0] >= 0.5) == of_view.labels[:, 0]) < 0.7
    mended = ask(inner_validation.calibrated(model, of_view))[:, 0]
    assert np.mean((mended >= 0.5) == of_view.labels[:, 0]) > 0.9
    order = np.argsort(answers)
    assert np.all(np.diff(mended[order]) > -1e-6)


def test_frames_of_one_class_set_no_threshold(trained):
    of_one = HELD_OUT.labels[:, 0] == 1
    model = nnx.clone(trained[0])
    inner_validation.calibrated(
        model, Labelled(HELD_OUT.frames, HELD_OUT.labels[:, :1]).take(of_one)
    )
    np.testing.assert_array_equal(ask(model), ask(trained[0]))


def test_a_random_start_must_be_asked_for(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    usual = SETTINGS.model_copy(update={"init": ClassifierConfig().init})
    with pytest.raises(InputError, match=r"classifier\.init=FILE or =random"):
        classification.check(usual, devices.data_mesh(), "view")
    _, settings = given(1000)
    place = Path("runs", "pretrain-classifier", "classifier", "pretrained.safetensors")
    place.parent.mkdir(parents=True)
    place.write_bytes(Path(settings.init).read_bytes())
    assert classifier_start.init_file("pretrained") == place
    Path(settings.init).rename(tmp_path / "resnet18.safetensors")
    assert classifier_start.init_file("pretrained") == tmp_path / "resnet18.safetensors"


def test_weights_that_are_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.safetensors"):
        train(tmp_path, init="nowhere.safetensors")


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


def random_start(seed):
    return classifier_start.init_network(SETTINGS, seed, "view")


def test_it_starts_from_the_trunk_of_a_network_for_other_classes(given):
    """As ImageNet's 1000; the head is the random one of the seed."""
    tensors, settings = given(1000)
    start = by_name.arrays(classifier_start.init_network(settings, 3, "view"))
    head = {name: start.pop(name) for name in ("fc.kernel", "fc.bias")}
    fresh = by_name.arrays(random_start(3))
    for name, tensor in start.items():
        np.testing.assert_array_equal(tensor, tensors[name], err_msg=name)
    for name, tensor in head.items():
        np.testing.assert_array_equal(tensor, fresh[name], err_msg=name)
    assert head["fc.kernel"].shape == (8 * SETTINGS.width, 2)
    assert np.ptp(head["fc.kernel"]) > 0.1
    other = by_name.arrays(classifier_start.init_network(settings, 4, "view"))
    assert np.abs(other["fc.kernel"] - head["fc.kernel"]).max() > 0.1


def test_it_starts_from_the_head_too_if_the_network_is_for_two_classes(given):
    tensors, settings = given(2)
    start = by_name.arrays(classifier_start.init_network(settings, 0, "view"))
    assert start.keys() == tensors.keys()
    for name, tensor in start.items():
        np.testing.assert_array_equal(tensor, tensors[name], err_msg=name)


@pytest.mark.parametrize("card", [None, {"heads": "view,phase"}])
def test_a_network_of_another_width_is_refused_in_a_sentence_with_the_setting(given, card):
    _, settings = given(4, width=2, card=card)
    with pytest.raises(InputError) as error:
        classification.check(settings, devices.data_mesh(), "view")
    assert str(error.value) == (
        f"{settings.init}: is a ResNet-18 of width 2, and classifier.width is {SETTINGS.width}; "
        "pass --set classifier.width=2, or start from another file"
    )


def test_a_network_of_another_kind_is_refused_in_a_sentence(random_network, tmp_path):
    path, small = tmp_path / "net.safetensors", SRResNetSettings(blocks=1, channels=4)
    networks.save(random_network(lambda: SRResNet(small, rngs=nnx.Rngs(0))), path)
    settings = SETTINGS.model_copy(update={"init": str(path)})
    with pytest.raises(InputError) as error:
        classification.check(settings, devices.data_mesh(), "view")
    assert str(error.value) == f"{path}: holds a SRResNet; expected a ResNet18"


def test_a_checkpoint_of_pytorch_is_a_start_and_the_record_has_its_hash(tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    tensors = public_checkpoints.resnet18(width=SETTINGS.width)
    path = save_pth(tmp_path / "resnet18.pth", tensors)
    settings = SETTINGS.model_copy(update={"init": str(path)})
    start = classifier_start.init_network(settings, 0, "view")
    kernel = tensors["conv1.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(start.conv1.kernel[...], kernel)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    record = classification.record(settings, "frames", task="view", seed=0)
    assert record.files["classifier.init"] == digest
    before = classifier_pretraining.record(settings, PretrainConfig(init=str(path)), "frames")
    assert before.files["pretrain.init"] == digest


@nnx.jit
def logits(model):
    return model(as_imagenet(jnp.asarray(HELD_OUT.frames[:4])[..., None]))


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
    started = logits(classifier_start.init_network(settings, 0, *tasks))
    pretrained = logits(networks.load(Path(settings.init)))
    assert started.shape == (4, 2 * len(tasks))
    np.testing.assert_allclose(started, pretrained[:, columns], rtol=1e-5)
    assert np.ptp(pretrained, axis=1).min() > 1e-3


def test_a_network_with_a_head_for_something_else_gives_its_trunk_alone(given):
    tensors, settings = given(2, card={"heads": "phase"})
    start = by_name.arrays(classifier_start.init_network(settings, 3, "view"))
    fresh = by_name.arrays(random_start(3))
    np.testing.assert_array_equal(start["conv1.kernel"], tensors["conv1.kernel"])
    np.testing.assert_array_equal(start["fc.kernel"], fresh["fc.kernel"])


def test_heads_that_do_not_fit_are_refused(given):
    """Fewer logits than there should be."""
    _, settings = given(2, card={"heads": "view,phase"})
    with pytest.raises(InputError, match=r"given\.safetensors: does not fit.*fc\.kernel is"):
        classification.check(settings, devices.data_mesh(), "phase")


def test_a_pretrained_network_is_found_in_the_working_directory(given, tmp_path, monkeypatch):
    _, settings = given(4, card={"heads": "view,phase"})
    asked = settings.model_copy(update={"init": "simulated"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"simulated: .*echojax pretrain-classifier") as refused:
        classification.check(asked, devices.data_mesh(), "view")
    assert "\n" not in str(refused.value)
    place = Path("runs", "pretrain-classifier", "classifier", "pretrained.safetensors")
    place.parent.mkdir(parents=True)
    Path(settings.init).rename(place)
    pretrained = logits(networks.load(place))
    np.testing.assert_allclose(
        logits(classifier_start.init_network(asked, 0, "view")), pretrained[:, :2], rtol=1e-5
    )


def test_imagenet_is_the_fetched_resnet18(given, tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    tensors, settings = given(1000)
    asked = settings.model_copy(update={"init": "imagenet"})
    with pytest.raises(InputError, match="echojax weights fetch resnet18"):
        classification.check(asked, devices.data_mesh(), "view")
    Path(settings.init).rename(tmp_path / "resnet18.safetensors")
    start = by_name.arrays(classifier_start.init_network(asked, 0, "view"))
    np.testing.assert_array_equal(start["conv1.kernel"], tensors["conv1.kernel"])
