import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from echojax import config, devices
from echojax.data.crops import crop_batches, stream
from echojax.errors import InputError
from echojax.inference import enhance, fidelity
from echojax.models.discriminator import Discriminator
from echojax.models.layers import conv, norm
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.vgg import VGG19, VGG19Settings
from echojax.recipes import gan, super_resolution
from echojax.runs.job import Job
from echojax.studies.diagnosis.config import Config
from echojax.training import loop
from echojax.training.checkpoints import network_of
from echojax.training.state import initial_state, split
from echojax.weights import networks
from tests import by_hand
from tests.recipes.images import Images, speckle

SETTINGS = config.load(
    Config,
    None,
    [
        "sr.blocks=1",
        "sr.channels=4",
        "sr.first_kernel=3",
        "sr.last_kernel=3",
        "sr.crop=16",
        "sr.batch=2",
        "sr.gan_steps=22",
        "sr.gan_learning_rate=1e-3",
        "sr.perceptual=none",
        "sr.adversarial=0.1",
        "sr.discriminator_width=4",
        "sr.average=0.2",
        "sr.save_every=10",
    ],
).sr
PLAIN = SETTINGS.model_copy(update={"adversarial": 0.0, "gan_steps": 4})


class Critic(nnx.Module):
    """A discriminator of one convolution: compiling the real one takes longer than the tests."""

    def __init__(self, side, width, *, rngs):
        self.conv = conv(1, width, 3, stride=2, rngs=rngs)
        self.norm = norm(width, rngs)
        self.dense = nnx.Linear(side**2 // 4 * width, 1, rngs=rngs)

    def __call__(self, x, *, train):
        x = nnx.leaky_relu(self.norm(self.conv(x), use_running_average=not train), 0.2)
        return self.dense(x.reshape(len(x), -1))[:, 0]


@pytest.fixture(autouse=True, scope="module")
def small_critic():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gan, "Discriminator", Critic)
        yield


@pytest.fixture(scope="module")
def start(random_network):
    """Makes the generator that SRGAN starts from."""
    settings = SRResNetSettings(blocks=1, channels=4, first_kernel=3, last_kernel=3)
    return lambda: random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0)))


def train(model, folder, settings=SETTINGS, held_out=(), log=lambda step, **metrics: None):
    mesh = devices.data_mesh()
    training = gan.training(settings, model, Images(speckle(4, 0)), held_out, mesh=mesh)
    job = Job(folder, "sr/srgan", gan.record(settings, Images(speckle(4, 0)), start="it"), log)
    return loop.fit(training, job, mesh)


def batches(settings=SETTINGS):
    return stream(
        crop_batches(Images(speckle(4, 0)), settings.crop, settings.batch, settings.seed), 0
    )


def critic():
    """The discriminator as a training starts it."""
    return Critic(SETTINGS.crop, SETTINGS.discriminator_width, rngs=nnx.Rngs(SETTINGS.seed))


def probability(critic, x):
    """What the discriminator takes for real, written out with NumPy."""
    x = by_hand.norm(by_hand.conv(x, critic.conv, stride=2), critic.norm, batch=True)
    x = by_hand.dense(by_hand.leaky(x, 0.2).reshape(len(x), -1), critic.dense)[:, 0]
    return 1 / (1 + np.exp(-x))


def copied(tree):
    return jax.tree.map(np.array, tree)


def played(model, settings, steps):
    """States before the first step and after each, and the metrics of each."""
    opponent = critic()
    optimizer, step = gan._program(split(model)[0], split(opponent)[0], settings)
    state = gan.AdversarialState(
        initial_state(model, optimizer, seed=0, average=True),
        initial_state(opponent, optimizer, seed=0),
    )
    mesh = devices.data_mesh()
    state = devices.replicate(state, mesh)
    states, metrics = [copied(state)], []
    for _, batch in zip(range(steps), batches(settings), strict=False):
        state, values = step(state, devices.shard(batch, mesh), None)
        states.append(copied(state))
        metrics.append({name: float(value) for name, value in values.items()})
    return states, metrics


def real_and_made(model):
    """The first batch, and what the generator makes of its reduction."""
    high = next(batches()).astype(np.float32) / 255
    made = nnx.jit(lambda model, x: model(x, train=True))(model, enhance.degrade(high, 4))
    return high, np.asarray(made)


@pytest.fixture(scope="module")
def plain(start):
    """Four steps, the whole training, without an adversary."""
    return played(start(), PLAIN, 4)


@pytest.fixture(scope="module")
def opposed(start):
    """Three steps of both players."""
    return played(start(), SETTINGS, 3)


@pytest.fixture(scope="module")
def finished(start, tmp_path_factory):
    """A whole training: the generator, its checkpoints, what was logged, frames held out."""
    folder, logged, held_out = tmp_path_factory.mktemp("srgan"), {}, speckle(1, 1)

    def log(step, **metrics):
        logged.setdefault(step, {}).update(metrics)

    return train(start(), folder, held_out=held_out, log=log), folder, logged, held_out


def of(player):
    return player.params, player.rest


def assert_close(one, other, rtol=1e-5, atol=1e-6):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol), one, other)


def assert_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def moved(one, other):
    """By how much each kernel differs."""
    one, other = ({k: v for k, v in by_path(t).items() if "kernel" in k} for t in (one, other))
    return {name: float(np.abs(one[name] - other[name]).max()) for name in one}


def by_path(params):
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def test_without_an_adversary_the_generator_goes_the_way_of_the_mean_squared_error(start, plain):
    """Reference: `training.loop`'s step with Adam, at a tenth of the rate in the second half."""
    model, rate = start(), PLAIN.gan_learning_rate
    optimizer = optax.adam(lambda count: jnp.where(count < 2, rate, rate / 10))
    step = loop.make_step(split(model)[0], optimizer, super_resolution.mean_squared_error)
    state = initial_state(model, optimizer, seed=0)
    states, metrics = plain
    for after, measured, batch in zip(states[1:], metrics, batches(PLAIN), strict=False):
        state, values = step(state, batch)
        assert_close((after.generator.params, after.generator.rest), (state.params, state.rest))
        np.testing.assert_allclose(measured["loss"], values["loss"], rtol=1e-5)
    assert int(state.step) == 4


def test_the_second_half_runs_at_a_tenth_of_the_learning_rate(plain):
    """Adam's first step is the rate itself wherever there is a gradient; both players keep it."""
    states, _ = plain
    for player in ("generator", "discriminator"):
        sizes = [
            np.median(list(moved(getattr(a, player).params, getattr(b, player).params).values()))
            for a, b in itertools.pairwise(states)
        ]
        assert sizes[0] == pytest.approx(PLAIN.gan_learning_rate, rel=0.05)
        assert min(sizes[:2]) > 3 * max(sizes[2:])


def test_losses_are_those_of_the_paper(start, opposed):
    """Reference: equations 2, 4 and 6 by hand, networks' outputs as given; tolerance 1e-4."""
    _, (metrics, *_) = opposed
    high, made = real_and_made(start())
    real, fake = (probability(critic(), x) for x in (high, made))
    expected = {
        "content": np.mean((made - high) ** 2),
        "adversarial": -np.log(fake).mean(),
        "discriminator": -np.log(real).mean() - np.log(1 - fake).mean(),
        "real": real.mean(),
        "fake": fake.mean(),
    }
    expected["loss"] = expected["content"] + 0.1 * expected["adversarial"]
    assert metrics == pytest.approx(expected, rel=1e-4)


def test_the_adversary_changes_where_the_generator_goes(plain, opposed):
    one, other = (states[1].generator.params for states, _ in (plain, opposed))
    assert sum(size > 1e-4 for size in moved(one, other).values()) >= 4


def test_both_players_move_in_every_kernel(opposed):
    states, _ = opposed
    for player in ("generator", "discriminator"):
        one, other = (getattr(states[k], player).params for k in (0, 3))
        assert min(moved(one, other).values()) > 1e-4


def test_the_discriminator_is_not_moved_by_the_generators_loss(plain, opposed):
    """With whatever weight its opponent has, it makes the same first step."""
    one, other = (states[1].discriminator for states, _ in (plain, opposed))
    assert_equal(of(one), of(other))


def test_the_discriminators_statistics_see_real_and_made_images_once_each(start, opposed):
    """Reference: PyTorch's momentum of 0.1, twice, on the BatchNorm's input; tolerance 1e-4."""
    states, _ = opposed
    expected = 0.0
    for x in real_and_made(start()):
        inside = by_hand.conv(x, critic().conv, stride=2)
        expected = 0.9 * expected + 0.1 * inside.mean((0, 1, 2))
    seen = states[1].discriminator.rest["norm"]["mean"]
    np.testing.assert_allclose(seen[...], expected, rtol=1e-4, atol=1e-6)


def test_the_average_begins_as_a_mean_and_is_capped(plain):
    """Reference: by hand, decay t / (t + 9), at most `sr.average`; statistics are averaged too."""
    states, _ = plain
    expected = of(states[0].generator)
    for t, state in enumerate(states[1:], 1):
        decay = min(PLAIN.average, t / (t + 9))
        expected = jax.tree.map(
            lambda old, new, decay=decay: decay * old + (1 - decay) * new,
            expected,
            of(state.generator),
        )
        assert_close(state.generator.average, expected)
    assert max(moved(expected[0], states[-1].generator.params).values()) > 1e-5


def test_train_returns_the_average(start, plain, tmp_path):
    states, _ = plain
    trained = train(start(), tmp_path, PLAIN)
    assert_close(tuple(split(trained)[1:]), states[-1].generator.average)


def test_a_training_keeps_finite_losses_and_measures_the_average(finished):
    trained, _, logged, held_out = finished
    assert {20, 22} <= logged.keys()
    assert all(np.isfinite(value) for metrics in logged.values() for value in metrics.values())
    measured = fidelity.quality(held_out, enhance.Network(trained), sector=True)
    assert logged[22]["psnr"] == pytest.approx(measured["psnr"], abs=1e-4)


def test_a_resumed_training_ends_exactly_where_an_uninterrupted_one_does(
    start, finished, tmp_path, monkeypatch
):
    class InterruptedTrainingError(Exception):
        pass

    asked = []

    def interrupted(crops, first):
        asked.append(first)
        for step, batch in enumerate(stream(crops, first), first):
            if step == 15 and len(asked) == 1:
                raise InterruptedTrainingError
            yield batch

    monkeypatch.setattr(gan, "stream", interrupted)
    with pytest.raises(InterruptedTrainingError):
        train(start(), tmp_path)
    resumed = train(start(), tmp_path)
    assert asked == [0, 10]
    assert_equal(nnx.state(resumed), nnx.state(finished[0]))


def test_a_finished_training_is_loaded_not_repeated(start, finished, monkeypatch):
    def never(crops, first):
        raise AssertionError(f"step {first} was trained again")

    monkeypatch.setattr(gan, "stream", never)
    again = train(start(), finished[1])
    assert_equal(nnx.state(again), nnx.state(finished[0]))


def test_the_generator_of_its_checkpoint_is_the_one_it_returned(finished):
    trained, folder, _, _ = finished
    loaded, _ = network_of(folder / "sr" / "srgan")
    assert loaded.settings == trained.settings
    assert_equal(nnx.state(loaded), nnx.state(trained))


def test_the_papers_discriminator_fits_the_step(start):
    """Traced only."""
    model = start()
    opponent = nnx.eval_shape(lambda: Discriminator(SETTINGS.crop, width=4, rngs=nnx.Rngs(0)))
    optimizer = optax.adam(1e-4)
    step = gan.make_step(split(model)[0], split(opponent)[0], optimizer, SETTINGS)

    def first(opponent):
        players = (
            initial_state(player, optimizer, seed=0, average=player is model)
            for player in (model, opponent)
        )
        return step(gan.AdversarialState(*players), next(batches()), None)

    _, metrics = jax.eval_shape(first, opponent)
    assert {value.shape for value in metrics.values()} == {()}


def test_the_generator_it_starts_from_is_left_as_it_was(start, tmp_path):
    """A study goes on to use it."""
    model = start()
    before = copied(nnx.state(model))
    train(model, tmp_path, PLAIN)
    assert_equal(before, copied(nnx.state(model)))


@pytest.fixture(scope="module")
def vgg(random_network):
    """Width 2, weights large enough for a signal to survive sixteen ReLUs."""
    model = random_network(lambda: VGG19(VGG19Settings(width=2), rngs=nnx.Rngs(0)))
    for layers in model.stages:
        for layer in layers:
            layer.kernel[...] = layer.kernel[...] * np.sqrt(2)
    return model


def test_the_perceptual_loss_reaches_every_convolution_of_the_generator(start, vgg, tmp_path):
    """One step of Adam on it alone; its value is equation 5 by hand, tolerance 1e-4."""
    networks.save(vgg, tmp_path / "vgg.safetensors")
    changes = {
        "perceptual": str(tmp_path / "vgg.safetensors"),
        "adversarial": 0.0,
        "average": 0.0,
        "gan_steps": 1,
    }
    settings, seen = SETTINGS.model_copy(update=changes), {}
    trained = train(
        start(), tmp_path / "run", settings, log=lambda step, **metrics: seen.update(metrics)
    )
    one, other = (split(model)[1] for model in (start(), trained))
    # Its only step is already of the second half.
    assert min(moved(one, other).values()) > 0.09 * settings.gan_learning_rate

    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    features = [by_hand.vgg19(vgg, (x - mean) / deviation) for x in real_and_made(start())]
    assert seen["loss"] == seen["content"]
    expected = np.mean((features[0] - features[1]) ** 2) / 12.75**2
    assert features[0].std() > 0.01
    assert seen["content"] == pytest.approx(expected, rel=1e-4)


def test_without_vggs_weights_the_error_says_how_to_get_them_or_do_without(
    start, tmp_path, monkeypatch
):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    settings = SETTINGS.model_copy(update={"perceptual": "vgg19"})
    with pytest.raises(InputError) as error:
        train(start(), tmp_path / "run", settings)
    assert "echojax weights fetch vgg19" in str(error.value)
    assert 'sr.perceptual="none"' in str(error.value)


def test_fetched_vgg19_is_loaded(vgg, tmp_path, monkeypatch):
    monkeypatch.setenv("ECHOJAX_WEIGHTS", str(tmp_path))
    networks.save(vgg, tmp_path / "vgg19.safetensors")
    assert_equal(nnx.state(gan.load_vgg("vgg19")), nnx.state(vgg))
    assert gan.load_vgg("none") is None


def test_a_file_of_another_network_is_refused(start, tmp_path):
    networks.save(start(), tmp_path / "generator.safetensors")
    with pytest.raises(InputError, match=r"generator\.safetensors: holds a SRResNet.*VGG19"):
        gan.load_vgg(str(tmp_path / "generator.safetensors"))


def test_frames_smaller_than_a_crop_are_refused(start, tmp_path):
    with pytest.raises(InputError, match=r"lower sr\.crop"):
        train(start(), tmp_path, SETTINGS.model_copy(update={"crop": 64}))
