import pytest

from echojax.wording import count, one_line, shown


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
