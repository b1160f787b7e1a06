import pytest

from echojax import wording
from echojax.wording import count, one_line, shown


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (3.14, "3.1 s"),
        (42.4, "42 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7140, "119 min"),
        (7200, "2.0 h"),
        (35_000, "9.7 h"),
        (104_276, "29 h"),
        (6_000_000, "1,667 h"),
    ],
)
def test_times_have_the_unit_that_people_would_use(seconds, said):
    assert wording.duration(seconds) == said


def test_sizes_are_of_megabytes_or_gigabytes():
    assert wording.size(120_000) == "0.1 MB"
    assert wording.size(15_240_000_000) == "15.2 GB"


def test_a_noun_follows_its_number():
    assert [count(n, "fold") for n in (0, 1, 2)] == ["0 folds", "1 fold", "2 folds"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("torch.nn.Linear", "torch.nn.Linear"),
        ("Herz-Überblick 心.png", "Herz-Überblick 心.png"),
        ("a\nb\r\tc", "a b c"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x9b2J", r"\x9b2J"),  # the same as escape and bracket, in one letter
        ("gnp\u202e.exe", r"gnp\u202e.exe"),  # would be read from right to left
        ("\udcff.png", r"\udcff.png"),  # a file name that is no UTF-8
    ],
)
def test_nothing_in_a_line_steers_a_terminal(text, line):
    assert one_line(text) == line
    assert one_line(text).isprintable()


def test_what_others_say_is_cut_and_named_by_its_type_if_it_is_no_text():
    assert shown("a\x1b[2J") == r"a\x1b[2J"
    assert shown(400 * "a") == 300 * "a" + "..."
    assert shown("patient", longest=3) == "pat..."
    assert shown(3) == "int"
