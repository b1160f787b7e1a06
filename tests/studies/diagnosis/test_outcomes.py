from echojax.studies.diagnosis.outcomes import ACCURACY, EF_ERROR, OF_MASKS, OUTCOMES


def test_better_is_where_the_table_says():
    assert ACCURACY.improves(1.0)
    assert not ACCURACY.improves(-1.0)
    error = ACCURACY._replace(name="error", better="lower")
    assert error.improves(-1.0)
    assert not error.improves(0.0)


def test_every_outcome_has_its_own_name():
    every = [*OUTCOMES, *OF_MASKS.values()]
    assert len({outcome.head for outcome in every}) == len(every)
    assert EF_ERROR.improves(-1.0)
