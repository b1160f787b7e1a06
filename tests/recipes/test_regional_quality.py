import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from echojax import config, devices
from echojax.errors import InputError
from echojax.inference.regional_quality import Grader, answers
from echojax.inference.segment import SIZE
from echojax.models.mobilenet import MobileNetV2, MobileNetV2Settings, as_input
from echojax.recipes import grader_loss, grader_scores, grader_start, grading, regional_quality
from echojax.recipes.regional_quality import Graded
from echojax.runs.job import Job
from echojax.training.loop import fit
from echojax.weights import networks

SETTINGS = config.load(
    grading.Config,
    None,
    [
        "regional_quality.size=32",
        "regional_quality.width=0.25",
        "regional_quality.init=random",
        "regional_quality.batch=8",
        "regional_quality.steps=120",
        "regional_quality.learning_rate=3e-3",
        "regional_quality.dropout=0.0",
        "regional_quality.augment=false",
        "regional_quality.evaluate_every=120",
        "regional_quality.held_out=0.3",
        "regional_quality.inner=0.25",
    ],
).regional_quality

SIMULATED, REAL = 200, 60  # frames


@pytest.fixture(scope="module")
def frames(make_frames):
    """Simulated frames whose grain says how good they are; of real ones a view's grade is known.

    The last region of the simulated ones has no grade.
    """
    rng = np.random.default_rng(0)
    grade = np.concatenate([rng.uniform(1, 5, SIMULATED), rng.choice([2.0, 3.0, 4.0], REAL)])
    rows, columns = np.indices((40, 48))
    stripes = np.sin(columns / 2) * np.cos(rows / 3)
    images = [(100 + 20 * g * stripes).clip(0, 255).astype(np.uint8) for g in grade]
    grades = np.full((len(grade), 8), np.nan, np.float32)
    grades[:SIMULATED, :7] = grade[:SIMULATED, None]
    simulated = np.arange(len(grade)) < SIMULATED
    quality = np.where(simulated, 0, np.round(4 - grade)).astype(np.int8)
    persons = [f"person{k // 2:03}" for k in range(len(grade))]
    return make_frames(images, persons, quality=quality, grades=grades, simulated=simulated)


@pytest.fixture(scope="module")
def finished(frames, tmp_path_factory):
    """A whole training: the network, its job, the last scores, and the persons held out."""
    folder, logged = tmp_path_factory.mktemp("grader"), {}
    simulated, real = (frames.take(np.flatnonzero(frames.simulated == s)) for s in (True, False))
    parts = grading.split([simulated, real], SETTINGS)
    learned, inner, held_out = (Graded.joined([Graded.of(f, 32) for f in p]) for p in parts)
    record = regional_quality.record(SETTINGS, "frames")
    job = Job(folder, "grader", record, lambda step, **metrics: logged.update(metrics))
    training = regional_quality.training(SETTINGS, learned, inner, held_out)
    return fit(training, job, devices.data_mesh()), job, logged, parts


def test_grades_of_persons_held_out_follow_what_frames_show(finished):
    _, _, scores, _ = finished
    assert scores["mae"] < 0.8  # 1 if all grades were said to be 3
    assert scores["spearman"] > 0.5  # of chance alone 0, within 0.25
    assert scores["auc_good_poor"] > 0.8
    assert "mae_annulus_right" not in scores  # nobody graded it


def test_a_grader_gives_grades_with_intervals_and_none_where_none_can_be_set(finished):
    _, job, scores, parts = finished
    grader, frames = Grader.load(job.file), parts.held_out[0]
    found = grader.clip(frames.images)
    assert found.grades.shape == found.low.shape == (len(frames), 8)
    half = np.array([scores["half_width_basal_left"]])
    np.testing.assert_allclose(grader.half[:1], half, atol=1e-3)
    error = np.abs(found.grades - frames.grades)[:, :7].mean()
    assert error == pytest.approx(scores["mae"], abs=0.03)  # frames were rounded when measured
    assert np.isnan(found.high[:, 7]).all()
    assert (found.low[:, :7] <= found.grades[:, :7]).all()
    one = grader(frames.images[0])
    np.testing.assert_allclose(one.grades, found.grades[0], atol=1e-4)
    assert "Spearman" in networks.card(job.file)["grades on held-out persons"]


def test_persons_are_in_one_part_only(frames):
    parts = grading.split([frames], SETTINGS)
    groups = [set(part[0].group) for part in parts]
    assert all(groups)
    assert sum(map(len, groups)) == len(set().union(*groups)) == (SIMULATED + REAL) // 2
    alone = frames.take([0, 1])
    with pytest.raises(InputError, match="too few persons"):
        grading.split([alone], SETTINGS)


def test_a_file_of_another_network_grades_nothing(random_network, tmp_path):
    settings = MobileNetV2Settings(channels=1, outputs=8, width=0.25)
    model = random_network(lambda: MobileNetV2(settings, rngs=nnx.Rngs(0)))
    networks.save(model, tmp_path / "no.safetensors", {SIZE: "32"})
    with pytest.raises(InputError, match="train-grader"):
        Grader.load(tmp_path / "no.safetensors")


def test_only_regions_with_a_grade_are_learned_from():
    """Reference: the mean of the two squared differences by hand."""
    grades = jnp.full((2, 8), jnp.nan).at[0, 1].set(4.0).at[1, 5].set(2.0)
    found = jnp.full((2, 8), 3.5)
    assert grader_loss.squared_error(found, grades) == pytest.approx((0.25 + 2.25) / 2)
    assert grader_loss.squared_error(found, jnp.full((2, 8), jnp.nan)) == 0
    gradient = jax.grad(grader_loss.squared_error)(found, grades)
    assert np.count_nonzero(gradient) == 2


def test_grades_of_views_are_an_order_on_the_mean():
    """Reference: NumPy's correlation of the frames that have one; tolerance 1e-3."""
    means, view = np.float32([1, 2.5, 2, 9, 4]), np.float32([2, 3, 2, np.nan, 4])
    known = np.isfinite(view)
    expected = 1 - np.corrcoef(means[known], view[known])[0, 1]
    found = grader_loss.disorder(jnp.asarray(means), jnp.asarray(view))
    assert found == pytest.approx(expected, abs=1e-3)
    stretched = grader_loss.disorder(jnp.asarray(3 * means + 1), jnp.asarray(view))
    assert stretched == pytest.approx(expected, abs=1e-3)  # whatever the scale
    none = jnp.full(5, jnp.nan)
    for nothing in (none, none.at[2].set(3.0), jnp.full(5, 2.0)):
        assert grader_loss.disorder(jnp.asarray(means), nothing) == 0
        gradient = jax.grad(grader_loss.disorder)(jnp.asarray(means), nothing)
        np.testing.assert_array_equal(gradient, np.zeros(5))


def test_a_batch_has_half_of_each_kind():
    grades = np.full((30, 8), np.nan, np.float32)
    grades[:20, 0] = 3
    learned = Graded(np.zeros((30, 8, 8), np.uint8), grades, np.full(30, np.nan, np.float32))
    order = regional_quality.order_of(learned, SETTINGS)
    assert order.shape == (SETTINGS.steps, 8)
    assert ((order < 20).sum(axis=1) == 4).all()
    (alone,) = {regional_quality.order_of(learned.take(np.arange(20)), SETTINGS).max()}
    assert alone == 19


def test_the_line_is_found_and_multiplied_into_the_last_layer(random_network):
    """Reference: grades that are a known line of the answers; tolerance 1e-3."""
    settings = MobileNetV2Settings(channels=1, outputs=8, width=0.25)
    model = random_network(lambda: MobileNetV2(settings, rngs=nnx.Rngs(0)))
    frames = np.random.default_rng(0).integers(0, 256, (6, 32, 32), np.uint8)
    before = answers(model, frames)
    view = np.full(6, np.nan, np.float32)
    known = Graded(frames, 2 * before + 1, view)
    assert grader_scores.line(before, known) == pytest.approx((2, 1), abs=1e-3)
    measure = grader_scores.Measure(known, known, 0.9)
    after = answers(measure.calibrated(model), frames)
    np.testing.assert_allclose(after, 2 * before + 1, rtol=1e-3, atol=1e-3)
    assert grader_scores.line(before, Graded(frames, -before, view)) == (1.0, 0.0)
    views = Graded(frames, np.full((6, 8), np.nan), (3 * before.mean(1)).astype(np.float32))
    assert grader_scores.line(before, views) == pytest.approx((3, 0), abs=1e-3)


def test_intervals_hold_the_share_of_truths_that_they_promise():
    """Reference: Lei et al.: at least the coverage, on average, of others like those."""
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        truth, others = rng.normal(size=(2, 30, 8))
        half = grader_scores.half_widths(np.zeros((30, 8)), truth, 0.8)
        covered.append(np.mean(np.abs(others) <= half))
    assert 0.8 <= np.mean(covered) < 0.85
    few = np.full((3, 8), np.nan)
    few[:, 0] = 1.0
    half = grader_scores.half_widths(np.zeros((3, 8)), few, 0.8)
    assert half[0] == 4  # the whole scale: three errors bound nothing
    assert np.isnan(half[1:]).all()


def test_a_network_of_photographs_starts_as_it_was_with_another_last_layer(
    random_network, tmp_path
):
    """Its features of three equal channels are those of the gray one; tolerance 1e-4."""
    settings = MobileNetV2Settings(outputs=5, width=0.25, padding="tensorflow")
    given = random_network(lambda: MobileNetV2(settings, rngs=nnx.Rngs(0)))
    networks.save(given, tmp_path / "photographs.safetensors")
    frames = np.random.default_rng(0).integers(0, 256, (4, 64, 64), np.uint8)
    model = grader_start.init_network(
        str(tmp_path / "photographs.safetensors"), frames, width=1.0, dropout=0.1, seed=0
    )
    assert model.settings == MobileNetV2Settings(1, 8, 0.25, 0.1, "tensorflow")
    x = jnp.asarray(frames, jnp.float32)[..., None] / 255
    assert np.abs(answers(model, frames) - 3).max() < 1.5

    @nnx.jit
    def features(network, x):
        seen = as_input(x, network.settings)
        return network.features(seen, lambda layer, x: layer(x, train=False))

    expected = features(given, jnp.repeat(x, 3, axis=-1))
    np.testing.assert_allclose(features(model, x), expected, rtol=1e-4, atol=1e-4)
