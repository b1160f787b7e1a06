from pathlib import Path

import pytest

from echojax.report import page

NAN = float("nan")


def test_only_html_is_left_unescaped():
    assert page.text("<b>") == "&lt;b&gt;"
    assert page.text(page.Html("<b>")) == "<b>"
    assert "<td>&lt;i&gt;</td><td><b>x</b></td>" in page.table(
        ["a", "b"], [["<i>", page.Html("<b>x</b>")]]
    )


@pytest.mark.parametrize(
    ("value", "shown"), [(1.26, "+1.3"), (-2.0, "\N{MINUS SIGN}2.0"), (-0.04, "0.0")]
)
def test_signs_are_shown_except_of_zero(value, shown):
    assert page.signed(value) == shown


@pytest.mark.parametrize(
    ("low", "high", "start"), [(0.1, 2.0, "<b>"), (-1.0, 2.0, "<span>"), (NAN, NAN, "<span>")]
)
def test_a_change_is_bold_only_where_its_interval_excludes_zero(low, high, start):
    assert page.interval(1.0, low, high).startswith(f"{start}+1.0<")


def test_nothing_is_shown_for_a_change_that_is_not_known():
    assert page.interval(NAN, NAN, NAN) == ""


def test_a_figure_carries_its_file_and_an_escaped_caption(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"png")
    html = page.figure(tmp_path / "a.png", 'a "<b>"')
    assert "base64,cG5n" in html
    assert html.count("a &quot;&lt;b&gt;&quot;") == 2
