"""How far predicted coherence moves when a frame's gain or compression is changed.

    python benchmarks/coherence_gain.py RUN/coherence.safetensors DATA_DIR [--frames 40]

DATA_DIR holds a prepared dataset, as real frames. Coherence comes before gain and compression in a
scanner, so that it should not move at all. Of each change it prints the mean absolute change of
predicted coherence inside the sector, its mean with its sign, and how well the two agree pixel by
pixel (Pearson); beside them what the frame's own gray levels do, which is what a control that knows
no gain would follow.
"""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from echojax import text_table
from echojax.data import camus
from echojax.data.source import evenly
from echojax.inference.coherence import CoherenceNetwork
from echojax.inference.sector import sector

GAMMAS = 0.75, 0.9, 1.1, 1.25
GAINS = 0.5, 0.75, 1.25, 1.5


def changes() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """What is done to frames in [0, 1], by name."""
    powers = {f"gamma {g:g}": lambda frame, g=g: frame**g for g in GAMMAS}
    gains = {f"gain {g:g}": lambda frame, g=g: np.minimum(g * frame, 1) for g in GAINS}
    return {**powers, **gains}


def changed(frame: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A uint8 frame, changed."""
    return np.round(255 * change(frame / 255)).astype(np.uint8)


@click.command()
@click.argument("network", type=click.Path(path_type=Path))
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.option("--frames", "number", default=40, help="How many frames, evenly spread.")
def main(network: Path, data_dir: Path, number: int) -> None:
    """Print how far coherence and gray levels move by each change."""
    predict = CoherenceNetwork.load(network)
    frames = camus.load(data_dir)
    shown = [frames.images[n] for n in evenly(len(frames), number)]
    insides = [sector(frame) for frame in shown]
    before = [predict(frame) for frame in shown]
    table = [["", "coherence moves", "mean change", "Pearson", "gray levels move"]]
    for name, change in changes().items():
        rows = []
        for frame, inside, was in zip(shown, insides, before, strict=True):
            other = changed(frame, change)
            now, old = predict(other)[inside], was[inside]
            moved = np.abs(other[inside] / 255 - frame[inside] / 255).mean()
            rows.append(
                (np.abs(now - old).mean(), (now - old).mean(), np.corrcoef(now, old)[0, 1], moved)
            )
        table.append([name, *(f"{value:+.3f}" for value in np.mean(rows, axis=0))])
    click.echo(f"{len(shown)} frames, means inside the sector")
    click.echo(text_table.plain(table))


if __name__ == "__main__":
    main()
