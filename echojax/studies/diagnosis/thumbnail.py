"""What needs no network: ridge regression on thumbnails of 8 by 8 pixels."""

import numpy as np

SIZE = 8
_PENALTY = 1.0  # on standardised pixels; a usual default, not chosen on any data


def probabilities(learned: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Answers of a ridge regression of the labels on gray levels.

    Args:
        learned: thumbnails to learn from, (n, SIZE, SIZE).
        labels: their classes, 0 or 1, (n,).
        asked: thumbnails to ask about, (m, SIZE, SIZE).

    Returns:
        What stands for the probability of class 1, in [0, 1], (m,); 0.5 is the decision.
    """
    x, new = (frames.reshape(len(frames), -1).astype(np.float64) for frames in (learned, asked))
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    x, new = (x - mean) / deviation, (new - mean) / deviation
    target = 2.0 * labels - 1
    inner = x.T @ x + _PENALTY * np.eye(x.shape[1])
    weights = np.linalg.solve(inner, x.T @ (target - target.mean()))
    return np.clip((new @ weights + target.mean() + 1) / 2, 0, 1)
