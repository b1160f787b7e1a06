from echojax import devices
from echojax.training import pace
from echojax.training.loop import Evaluator
from tests.training.line import batch, training


def test_a_training_is_timed_by_a_few_of_its_own_steps():
    taken, measured = [], []

    def recorded(step):
        taken.append(step)
        return batch(step)

    def measure(model):
        measured.append(model)
        return {}

    timed = training(1000, batch=recorded, evaluators=(Evaluator(measure, 10),))
    found = pace.pace(timed, devices.data_mesh())
    assert taken == list(range(1 + pace._MOST))  # a step of a line takes no time
    assert len(measured) == 2
    assert 0 < found.step < 1
    assert found.measure < 1


def test_a_training_of_a_single_step_has_no_other_to_time():
    found = pace.pace(training(1, batch=batch), devices.data_mesh())
    assert found.start > 0


def test_more_than_an_hour_is_said_with_what_makes_it_less(tmp_path, capsys, monkeypatch):
    from echojax.training import advice, loop
    from tests.training.line import fit

    monkeypatch.setattr(advice, "MUCH", 1e-9)
    fit(training(10, length=("line.steps", 1)), tmp_path / "one")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "--set" in line]
    assert line.startswith("line: about 0.0 s at this pace; --set line.steps=1 takes")
    fit(training(loop.PACED, length=("line.steps", 1)), tmp_path / "short")
    assert "--set" not in capsys.readouterr().err
