import jax
import numpy as np
import pytest
from flax import nnx

from echojax import devices
from echojax.inference import classify
from echojax.recipes import classifier_pretraining
from echojax.recipes.classifier import ClassifierConfig
from echojax.recipes.classifier_pretraining import PretrainConfig
from echojax.runs.job import Job
from echojax.training.loop import fit
from echojax.weights import networks
from tests.recipes.squares import HELD_OUT, LEARNED, TASKS, ask, silent

NETWORK = ClassifierConfig(width=4, size=32)
SETTINGS = PretrainConfig(epochs=12, batch=8, learning_rate=5e-3, augment=0.5)


def pretrain(folder, log=silent):
    mesh = devices.data_mesh()
    training = classifier_pretraining.training(
        NETWORK, SETTINGS, LEARNED, HELD_OUT, tasks=TASKS, mesh=mesh
    )
    record = classifier_pretraining.record(NETWORK, SETTINGS, "frames")
    return fit(training, Job(folder, "pretrained", record, log), mesh)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A pretraining that nothing interrupted, its run, and what it logged."""
    folder, logged = tmp_path_factory.mktemp("whole"), {}

    def log(step, **metrics):
        logged.setdefault(step, {}).update(metrics)

    return pretrain(folder, log), folder, logged


def test_each_head_learns_its_own_task(pretrained):
    model, folder, logged = pretrained
    right = np.mean((ask(model) >= 0.5) == HELD_OUT.labels, axis=0)
    assert right.shape == (2,)
    assert np.all(right > 0.9)
    assert {"loss", "view", "phase"} <= logged[120].keys()
    card = networks.card(folder / "pretrained.safetensors")
    for task, share in zip(TASKS, right, strict=True):
        assert logged[120][f"{task}_held_out"] == pytest.approx(share)
        assert card[f"{task} accuracy on held-out frames"] == f"{share:.1%}"
    assert logged[120]["held_out"] == pytest.approx(right.mean())
    assert classify.load(folder / "pretrained.safetensors").tasks == TASKS


def test_an_interrupted_pretraining_ends_as_an_uninterrupted_one(pretrained, tmp_path):
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
    jax.tree.map(np.testing.assert_array_equal, nnx.state(resumed), nnx.state(pretrained[0]))


@pytest.mark.parametrize(("keep", "best"), [("last", None), ("best", "held_out")])
def test_which_network_of_a_pretraining_is_handed_over_is_a_setting(keep, best):
    """How the best is found, see `tests/training/test_loop.py`."""
    settings = SETTINGS.model_copy(update={"keep": keep})
    training = classifier_pretraining.training(
        NETWORK, settings, LEARNED, HELD_OUT, tasks=TASKS, mesh=devices.data_mesh()
    )
    assert training.best == best
    (evaluator,) = training.evaluators
    assert evaluator.every == training.save_every == 50
