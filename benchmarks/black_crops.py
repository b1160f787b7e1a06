"""How many training crops are mostly black: python benchmarks/black_crops.py DATA_DIR.

DATA_DIR is where `echojax prepare camus` put the frames.
"""

import argparse
from pathlib import Path

import numpy as np

from echojax.data import camus
from echojax.data.crops import crop_batches

BLACK = 4  # gray levels, and below
BATCHES, BATCH, SIDE = 500, 16, 96


def main() -> None:
    """Print the shares of crops that are more than 50 and 90 % black."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    batches = crop_batches(camus.load(parser.parse_args().data_dir), SIDE, BATCH, seed=0)
    crops = np.concatenate([batches[k] for k in range(BATCHES)])[..., 0]
    black = (crops <= BLACK).mean((1, 2))
    for share in (0.5, 0.9):
        print(f"more than {share:.0%} black: {np.mean(black > share):.2%} of {len(crops)} crops")


if __name__ == "__main__":
    main()
