"""Tables of a report as LaTeX, for `booktabs`."""

from __future__ import annotations

import re

from echojax.report.blocks import Code, Emphasis, Strong, Table, Words, pieces

_NAMES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\n": " ",
    **{sign: f"\\{sign}" for sign in "#$%&_{}"},
}
_SPECIAL = re.compile("|".join(map(re.escape, _NAMES)))


def table(of: Table) -> str:
    """A `table` environment, for the package booktabs."""
    lines = [" & ".join(map(words, row)) + r" \\" for row in of.rows]
    caption = " ".join(text for text in (of.caption, of.note) if text)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{words(caption)}}}",
            rf"\label{{tab:{of.name}}}",
            rf"\begin{{tabular}}{{{'l' * len(of.head)}}}",
            r"\toprule",
            " & ".join(map(words, of.head)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def words(of: Words) -> str:
    """Words with LaTeX's own signs escaped."""
    return "".join(map(_piece, pieces(of)))


def _piece(text: str) -> str:
    plain = _SPECIAL.sub(lambda found: _NAMES[found.group()], text)
    for kind, command in ((Strong, "textbf"), (Emphasis, "emph"), (Code, "texttt")):
        if isinstance(text, kind):
            return rf"\{command}{{{plain}}}"
    return plain
