from echojax.report import numerals
from echojax.report.blocks import Aside, Strong

NAN = float("nan")
MINUS = "\N{MINUS SIGN}"


def test_signs_are_shown_except_of_zero():
    assert numerals.signed(1.26) == "+1.3"
    assert numerals.signed(-2.0) == f"{MINUS}2.0"
    assert numerals.signed(-0.04) == "0.0"


def test_a_change_is_strong_only_where_it_is_sure():
    shown = numerals.interval(1.0, -0.1, 2.0, sure=True)
    assert shown == ("+1.0", " ", f"({MINUS}0.1 to +2.0)")
    assert isinstance(shown[0], Strong)
    assert isinstance(shown[2], Aside)
    assert type(numerals.interval(1.0, 0.1, 2.0)[0]) is str
    assert numerals.interval(1.0, NAN, NAN) == "+1.0"
    assert numerals.interval(NAN, NAN, NAN) == ""


def test_shares_are_in_percent_with_their_bounds():
    assert numerals.shares(0.5, 0.25, 0.75) == ("50.0", " ", "(25.0 to 75.0)")
    assert numerals.shares(0.5, NAN, NAN) == "50.0"
    assert numerals.shares(NAN, NAN, NAN) == ""


def test_a_small_p_is_not_zero():
    assert numerals.probability(0.0002).replace("\N{NO-BREAK SPACE}", " ") == "< 0.001"
    assert numerals.probability(0.0312) == "0.031"
    assert numerals.probability(NAN) == ""
