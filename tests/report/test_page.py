from pathlib import Path

from echojax.report import page
from echojax.report.blocks import (
    Aside,
    Box,
    Bullets,
    Code,
    Details,
    Figure,
    Heading,
    Lack,
    Listing,
    Paragraph,
    Strong,
    Table,
)

HOME = Path("run")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8) + (1000).to_bytes(4) + (500).to_bytes(4)


def test_words_are_escaped_and_their_kinds_are_elements():
    assert page.words("<b>&") == "&lt;b&gt;&amp;"
    told = ("a ", Strong("<x>"), Code("y"), Aside("z"), Lack("none"))
    assert page.words(told) == (
        "a <b>&lt;x&gt;</b><code>y</code><small>z</small><span class=missing>none</span>"
    )


def test_a_table_links_its_numbers_and_its_latex():
    table = Table(["a"], [["<i>"]], "what", "why", "small", "large")
    html = page.document("title", [table], HOME)
    assert "<caption>what</caption>" in html
    assert "<td>&lt;i&gt;</td>" in html
    assert 'why <a href="tables/large.csv">CSV</a>, <a href="tables/small.tex">LaTeX</a>' in html
    assert "tables/" not in page.document("title", [Table(["a"], [["b"]])], HOME)


def test_a_table_of_many_columns_is_printed_smaller():
    many, few = (page.document("", [Table(["a"] * n, [["b"] * n])], HOME) for n in (9, 5))
    assert 'class="scroll wide"' in many
    assert 'class="scroll wide"' not in few


def test_a_figure_carries_its_file_and_links_the_others(tmp_path: Path):
    path = tmp_path / "figures" / "a.png"
    path.parent.mkdir()
    path.write_bytes(PNG)
    html = page.document("", [Figure(path, 'a "<b>"')], tmp_path)
    assert "base64,iVBOR" in html
    assert html.count("a &quot;&lt;b&gt;&quot;") == 2
    assert "width=640 " in html
    assert 'href="figures/a.svg"' in html
    assert 'href="figures/a.pdf"' in html


def test_blocks_within_blocks_are_all_there():
    inner = [Heading("<h>", 3), Paragraph("p", "note"), Bullets(["one", "two"]), Listing("<l>")]
    html = page.document("", [Box([Details("more", inner)])], HOME)
    for part in ("<h3>&lt;h&gt;</h3>", "<p class=note>p</p>", "<li>two</li>", "<pre>&lt;l&gt;"):
        assert part in html
