"""What needs no network: ridge regression on thumbnails of 8 by 8 pixels."""

import numpy as np

SIZE = 8
_PENALTY = 1.0  # on standardised pixels; a usual default, not chosen on any data


def regression(learned: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Ridge regression of numbers on gray levels.

    Args:
        learned: thumbnails to learn from, (n, SIZE, SIZE).
        targets: their numbers, (n,).
        asked: thumbnails to ask about, (m, SIZE, SIZE).

    Returns:
        The number of each, (m,).
    """
    x, new = (frames.reshape(len(frames), -1).astype(np.float64) for frames in (learned, asked))
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    x, new = (x - mean) / deviation, (new - mean) / deviation
    inner = x.T @ x + _PENALTY * np.eye(x.shape[1])
    weights = np.linalg.solve(inner, x.T @ (targets - targets.mean()))
    return np.asarray(new @ weights + targets.mean())


def probabilities(learned: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Answers of a ridge regression of the labels on gray levels.

    Args:
        learned: thumbnails to learn from, (n, SIZE, SIZE).
        labels: their classes, 0 or 1, (n,).
        asked: thumbnails to ask about, (m, SIZE, SIZE).

    Returns:
        What stands for the probability of class 1, in [0, 1], (m,); 0.5 is the decision.
    """
    return np.clip((regression(learned, 2.0 * labels - 1, asked) + 1) / 2, 0, 1)
