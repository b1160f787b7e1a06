"""The words of a report in HTML: numbers, tables, figures and the page around them."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path


class Html(str):
    """Text that is HTML already; all other text is escaped."""

    __slots__ = ()


MISSING = Html("<span class=missing>missing</span>")


def text(value: str) -> str:
    """Text as HTML, escaped unless it is `Html` already."""
    return value if isinstance(value, Html) else escape(value)


def absent(sentence: str) -> str:
    """A paragraph that says what the run does not have."""
    return f"<p class=missing>{text(sentence)}</p>"


def signed(value: float) -> str:
    """A number with its sign and one decimal."""
    rounded = round(value, 1)
    return f"{rounded:+.1f}".replace("-", "\N{MINUS SIGN}") if rounded else "0.0"


def percent(value: float) -> str:
    """A change that is in percent already."""
    return f"{signed(value)}\N{NO-BREAK SPACE}%"


def share(value: float) -> str:
    """A share in [0, 1] as percent."""
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def interval(value: float, low: float, high: float, *, sure: bool = False) -> str:
    """A change with its interval, bold if it is sure; empty where it is nan."""
    if math.isnan(value):
        return ""
    bounds = "" if math.isnan(low) else f" <small>({signed(low)} to {signed(high)})</small>"
    kind = "b" if sure else "span"
    return Html(f"<{kind}>{signed(value)}</{kind}>{bounds}")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table with its caption above."""
    heads = "".join(f"<th>{text(name)}</th>" for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{text(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    title = f"<caption>{text(caption)}</caption>" if caption else ""
    return (
        f"<div class=scroll><table>{title}<thead><tr>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def figure(path: Path, caption: str) -> str:
    """A PNG file, carried in the page, with its caption below."""
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<figure><img alt="{text(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def document(title: str, sections: Iterable[str]) -> str:
    """The whole page, which needs no other file."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{_CSS}</style></head>\n<body><main>\n"
        + "\n".join(sections)
        + "\n</main></body></html>\n"
    )


_CSS = """
:root{color-scheme:light dark;--ink:#1c1e21;--paper:#fff;--soft:#5f6670;--line:#d9dce0;
--wash:#f5f6f8;--accent:#0072b2}
@media(prefers-color-scheme:dark){:root{--ink:#e4e6ea;--paper:#17191c;--soft:#a2a9b3;
--line:#3a3f46;--wash:#212429;--accent:#6cb8ea}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}
h1{font-size:2rem;line-height:1.2;margin:0}
h2{font-size:1.4rem;margin:3.2rem 0 .8rem;padding-top:1rem;border-top:1px solid var(--line)}
h3{font-size:1.1rem;margin:2rem 0 .5rem}
p{max-width:48rem}
.run,.source,figcaption,caption,summary{color:var(--soft)}
.run{margin:.3rem 0 1.5rem}
.question{font-size:1.15rem;font-style:italic}
.note{border-left:4px solid #e69f00;background:var(--wash);padding:.7rem 1rem;font-weight:600}
.answer{border-left:4px solid var(--accent);background:var(--wash);padding:.3rem 1.2rem}
.answer p{margin:.8rem 0 .3rem}
.answer ul{margin:.3rem 0;padding-left:1.2rem;max-width:48rem}
.answer li{margin:.2rem 0}
.key{color:var(--soft);font-size:.9rem}
.missing{color:var(--soft);font-style:italic}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.4rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}
th{font-weight:600;vertical-align:bottom;border-bottom:2px solid var(--soft)}
small{color:var(--soft);white-space:nowrap}
figure{margin:1.5rem 0}
img{max-width:100%;height:auto;background:#fff;border-radius:6px;padding:.6rem;
border:1px solid var(--line)}
figcaption,summary{font-size:.9rem}
summary{cursor:pointer}
pre,code{font:.85rem/1.5 ui-monospace,monospace}
pre{background:var(--wash);padding:1rem;overflow-x:auto}
"""
