from pathlib import Path

from echojax.report import page

NAN = float("nan")


def test_only_html_is_left_unescaped():
    assert page.text("<b>") == "&lt;b&gt;"
    assert page.text(page.Html("<b>")) == "<b>"
    assert "<td>&lt;i&gt;</td><td><b>x</b></td>" in page.table(
        ["a", "b"], [["<i>", page.Html("<b>x</b>")]]
    )


def test_signs_are_shown_except_of_zero():
    assert page.signed(1.26) == "+1.3"
    assert page.signed(-2.0) == "\N{MINUS SIGN}2.0"
    assert page.signed(-0.04) == "0.0"


def test_a_change_is_bold_only_where_it_is_sure():
    assert page.interval(1.0, 0.1, 2.0, sure=True).startswith("<b>+1.0<")
    assert page.interval(1.0, 0.1, 2.0).startswith("<span>+1.0<")
    assert page.interval(1.0, NAN, NAN).startswith("<span>+1.0<")
    assert page.interval(NAN, NAN, NAN) == ""


def test_a_figure_carries_its_file_and_an_escaped_caption(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"png")
    html = page.figure(tmp_path / "a.png", 'a "<b>"')
    assert "base64,cG5n" in html
    assert html.count("a &quot;&lt;b&gt;&quot;") == 2
