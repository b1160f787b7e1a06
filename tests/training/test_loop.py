import dataclasses

import jax
import numpy as np
import pytest

from echojax.errors import EchojaxError, InputError
from echojax.runs.job import Job, Record
from echojax.training import loop
from echojax.training.checkpoints import network_of
from echojax.training.loop import Evaluator
from echojax.weights import networks
from tests.training.line import STEP, arrays, batch, fit, same, training


class InterruptedTrainingError(Exception):
    pass


def interrupted_at(last):
    def until(step):
        if step == last:
            raise InterruptedTrainingError
        return batch(step)

    return until


def never(step):
    raise AssertionError(f"step {step} was trained again")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Gives the network that so many steps without an interruption end at."""
    made = {}

    def after(steps):
        if steps not in made:
            made[steps] = fit(training(steps), tmp_path_factory.mktemp("trained"))
        return made[steps]

    return after


@pytest.fixture
def logged(monkeypatch):
    """Gives a log of every step, and what it wrote as step -> metrics."""
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    written = {}

    def log(step, **metrics):
        written.setdefault(step, {}).update(metrics)

    return log, written


def test_training_lowers_the_loss_and_updates_the_running_statistics(tmp_path):
    seen = {}
    model = fit(training(400), tmp_path, lambda step, loss, **more: seen.__setitem__(step, loss))
    assert sorted(seen) == list(range(20, 401, 20))
    assert seen[400] < 0.1 * seen[20]
    assert not np.allclose(model.norm.mean[...], 0)
    assert not (tmp_path / "line" / "checkpoints").exists()


def test_a_resumed_training_ends_exactly_where_an_uninterrupted_one_does(trained, logged, tmp_path):
    log, written = logged
    fit(training(10), tmp_path / "whole", log)
    whole = {step: dict(metrics) for step, metrics in written.items()}
    with pytest.raises(InterruptedTrainingError):
        fit(training(10, save_every=5, batch=interrupted_at(7)), tmp_path / "kept")
    written.clear()
    asked = []

    def recorded(step):
        asked.append(step)
        return batch(step)

    resumed = fit(training(10, save_every=5, batch=recorded), tmp_path / "kept", log)
    assert asked == [5, 6, 7, 8, 9]
    assert same(resumed, trained(10))
    # The same losses and random draws, step by step.
    assert written == {step: whole[step] for step in range(6, 11)}
    assert len({metrics["drawn"] for metrics in whole.values()}) == 10


def test_a_finished_training_is_loaded_not_repeated(trained, tmp_path):
    fit(training(4, save_every=5), tmp_path)
    assert same(fit(training(4, save_every=5, batch=never), tmp_path), trained(4))


def test_a_training_that_was_begun_from_something_else_is_refused(tmp_path):
    fit(training(1), tmp_path)
    other = Job(tmp_path, "line", Record({"line.steps": 2}), lambda step, **metrics: None)
    with pytest.raises(InputError, match=r"line\.steps was None, now 2"):
        loop.fit(training(2, batch=never), other, None)


def test_a_loss_that_is_no_number_ends_the_run_with_an_error(tmp_path):
    def poisoned(step):
        return batch(step) * (np.nan if step == 3 else 1)

    with pytest.raises(EchojaxError, match=r"line: the loss is nan at step 4.*learning rate"):
        fit(training(10, batch=poisoned), tmp_path)


def test_a_diverged_training_leaves_the_last_good_checkpoint(trained, tmp_path):
    def poisoned(step):
        return batch(step) * (np.inf if step == 3 else 1)

    with pytest.raises(EchojaxError):
        fit(training(10, save_every=2, batch=poisoned), tmp_path)
    _, card = network_of(tmp_path / "line")
    assert card["checkpoint"] == "step 2"
    assert same(fit(training(10, save_every=2), tmp_path), trained(10))


def test_parameters_that_are_no_numbers_are_never_kept(tmp_path):
    """As after an update that overflowed, whose loss was still finite."""

    def step(state, x):
        state, metrics = STEP(state, x)
        factor = np.nan if int(state.step) == 4 else 1
        params = jax.tree.map(lambda leaf: leaf * factor, state.params)
        return dataclasses.replace(state, params=params), metrics

    overflowing = dataclasses.replace(training(10, save_every=2), step=step)
    with pytest.raises(EchojaxError, match=r"line: parameters are no numbers after step 4"):
        fit(overflowing, tmp_path)
    assert network_of(tmp_path / "line")[1]["checkpoint"] == "step 2"


def test_every_evaluator_has_its_own_cadence_and_measures_at_the_end(trained, tmp_path):
    asked, seen = [], []

    def evaluator(name, every):
        def measure(model):
            asked.append(arrays(model))  # the arrays themselves are used up by the next step
            return {name: float(len(asked))}

        return Evaluator(measure, every)

    def log(step, loss=None, **metrics):
        seen.extend((step, name) for name in metrics if name != "drawn")

    both = (evaluator("often", 2), evaluator("seldom", 3))
    fit(training(7, evaluators=both), tmp_path, log)
    often, seldom = "often", "seldom"
    assert seen == [
        (2, often), (3, seldom), (4, often), (6, often), (6, seldom), (7, often), (7, seldom),
    ]  # fmt: skip
    for numbers, step in zip(asked, (step for step, _ in seen), strict=True):
        for name, x in arrays(trained(step)).items():
            np.testing.assert_array_equal(numbers[name], x, err_msg=f"{name} at {step}")


def scored(*values, every=2):
    """An evaluator that gives these scores, one after the other."""
    left = iter(values)
    return (Evaluator(lambda model: {"score": next(left)}, every),)


def test_the_network_that_scored_highest_is_handed_over_and_the_newest_kept(trained, tmp_path):
    best = training(
        7,
        evaluators=scored(0.1, 0.9, 0.9, 0.2),
        save_every=100,
        best="score",
        card={"title": "a line"},
        told=lambda scores: {"score": f"{scores['score']:.1f}"},
    )
    model = fit(best, tmp_path, keep=True)
    assert same(model, trained(4))  # the earlier of equals
    file = tmp_path / "line.safetensors"
    assert same(networks.load(file), model)
    assert networks.card(file) == {"title": "a line", "score": "0.9"}
    newest, card = network_of(tmp_path / "line")
    assert card == {"title": "a line", "checkpoint": "step 7"}
    assert same(newest, trained(7))


def test_a_resumed_training_remembers_the_best_of_before(trained, tmp_path):
    def part(scores, **more):
        return training(8, evaluators=scored(*scores), save_every=3, best="score", **more)

    with pytest.raises(InterruptedTrainingError):
        fit(part([0.9, 0.1], batch=interrupted_at(5)), tmp_path)
    assert same(fit(part([0.2, 0.3]), tmp_path), trained(2))


def test_another_score_at_a_checkpoint_does_not_stand_in_the_way_of_the_best(trained, tmp_path):
    """Each evaluator has its own cadence, so that some checkpoints have other scores alone."""
    others = (Evaluator(lambda model: {"other": 1.0}, 3),)
    both = training(
        7, evaluators=(*scored(0.1, 0.9, 0.3, 0.2), *others), save_every=3, best="score"
    )
    assert same(fit(both, tmp_path), trained(4))


def test_without_best_the_last_network_is_handed_over(trained, tmp_path):
    last = training(4, evaluators=scored(0.9, 0.1), save_every=2)
    assert same(fit(last, tmp_path, keep=True), trained(4))
    assert same(networks.load(tmp_path / "line.safetensors"), trained(4))


def test_a_network_is_kept_only_if_it_is_asked_for(tmp_path):
    fit(training(1), tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))
