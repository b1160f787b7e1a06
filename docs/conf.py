"""Settings of Sphinx for `scripts/docs.sh`.

The sources are the texts of the repository where they lie, README first, so that one link is right
in a checkout and on the pages.
"""

from sphinx.application import Sphinx

from echojax.version import __version__

project = "echojax"
release = __version__
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "docs/*.md", "docs/*.rst", "benchmarks/RESULTS.md"]
exclude_patterns = [".venv", "build", "dist", "data", "runs", "quickstart"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]

html_theme = "furo"
html_title = f"echojax {release}"
html_copy_source = False
smartquotes = False  # they make one dash of the two of an option
highlight_language = "sh"
myst_heading_anchors = 3

default_role = "code"  # docstrings write `names` with single backticks
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_use_rtype = False
nitpicky = True
# What is not ours, and what lies inside of networks, is not documented here.
nitpick_ignore_regex = [
    ("py:.*", r"(?!echojax\.).*"),
    ("py:.*", r"echojax\.(models|inference\.tiles)\..*"),
]

CONTENTS = {
    "Guide": ["recordings", "camus", "report", "weights"],
    "Reference": ["commands", "api"],
    "Behind it": ["adding", "notes", "/benchmarks/RESULTS", "/CHANGELOG"],
}


def _add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """The table of contents, of which a reader of README.md elsewhere sees nothing."""
    del app
    if page != root_doc:
        return
    for caption, pages in CONTENTS.items():
        lines = (f"/docs/{each}" if not each.startswith("/") else each for each in pages)
        tree = "\n".join([":hidden:", f":caption: {caption}", "", *lines])
        source[0] += f"\n```{{toctree}}\n{tree}\n```\n"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _add_contents)
