"""How the page about a file of weights looks."""

from collections.abc import Mapping

LEARNED_FROM = "learned from"  # key of a card: hashes of all frames that a network has seen
NOT_SHOWN = (LEARNED_FROM,)  # values that are long and for programs
_ENDING = "`echojax weights info {file}` shows the same. "


def written_here(page: str, file: str) -> bool:
    """Whether a page is one that `markdown` made about a file."""
    return _ENDING.format(file=file) in page


def markdown(file: str, network: str, card: Mapping[str, str], *, enlarges: bool) -> str:
    """A page about a network.

    Args:
        file: the name of its file.
        network: what it is, in a line.
        card: what else is known of it; its `title`, if it has one, becomes the page's.
        enlarges: whether it makes images.
    """
    rows = {"network": network, **card}
    title = rows.pop("title", file)
    table = "\n".join(
        f"| {key} | {' '.join(value.split()).replace('|', '/')} |"
        for key, value in rows.items()
        if value
    )
    warning = "Research software, not a medical device"
    if enlarges:
        warning += ": enlarged frames may show detail that was never there"
    return f"# {title}\n\n| | |\n|---|---|\n{table}\n\n{_ENDING.format(file=file)}{warning}.\n"


def shown(card: Mapping[str, str]) -> dict[str, str]:
    """What of a card is for people to read."""
    return {key: value for key, value in card.items() if key not in NOT_SHOWN}
