"""What is said of trainings that would take more than an hour."""

from echojax.progress import Jobs
from echojax.training.advice import advice

LENGTH = ("sr.steps", 1)


def test_an_hour_is_not_worth_a_word():
    assert advice(3.6, 1000, "srresnet", LENGTH, Jobs({"srresnet": 1})) == ""


def test_a_training_is_made_shorter_by_a_round_number_of_its_own_setting():
    said = advice(5.2, 20_000, "srresnet", LENGTH, Jobs({"srresnet": 1}))
    assert said == "about 29 h at this pace; --set sr.steps=500 takes 43 min"


def test_all_of_a_kind_count():
    said = advice(5.2, 20_000, "srresnet", LENGTH, Jobs({"srresnet": 5, "classifier": 90}))
    assert said == "about 144 h for 5 of them at this pace; --set sr.steps=100 takes 43 min"


def test_epochs_are_counted_in_epochs():
    said = advice(1.0, 10_000, "", ("pretrain.epochs", 500), Jobs())
    assert said == "about 2.8 h at this pace; --set pretrain.epochs=5 takes 42 min"


def test_many_trainings_become_fewer_where_a_setting_makes_them_so():
    jobs = Jobs({"classifier": 360}, {"classifier": ("study.seeds=1", 1 / 3)})
    said = advice(0.5, 400, "classifier", ("classifier.steps", 1), jobs)
    assert said == "about 20 h for 360 of them at this pace; --set study.seeds=1 takes 6.7 h"
