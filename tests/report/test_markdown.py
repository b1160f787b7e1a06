from pathlib import Path

from echojax.report import markdown
from echojax.report.blocks import (
    Box,
    Bullets,
    Code,
    Details,
    Figure,
    Heading,
    Listing,
    Paragraph,
    Strong,
    Table,
)

HOME = Path("/runs/one")


def test_signs_of_markdown_are_escaped():
    assert markdown.words("a*b|c<d>\ne") == r"a\*b\|c\<d\> e"
    assert markdown.words((Strong("x"), Code("y`z"))) == "**x**`y'z`"


def test_every_kind_of_block_is_written():
    text = markdown.document(
        [
            Heading("Title", 1),
            Paragraph("Beware", "note"),
            Box([Details("More", [Bullets(["one", "two"])])]),
            Figure(HOME / "figures" / "a.png", "What"),
            Listing("[study]"),
        ],
        HOME,
    )
    assert text.split("\n\n") == [
        "# Title",
        "> **Beware**",
        "**More**",
        "- one\n- two",
        "![What](figures/a.png)",
        "*What*",
        "````\n[study]\n````\n",
    ]


def test_a_table_has_caption_note_and_files():
    text = markdown.document([Table(["a", "b"], [["1", "2"]], "what", "why", "t", "n")], HOME)
    assert text.split("\n\n") == [
        "what",
        "| a | b |\n| --- | ---: |\n| 1 | 2 |",
        "why",
        "[numbers](tables/n.csv), [LaTeX](tables/t.tex)\n",
    ]
