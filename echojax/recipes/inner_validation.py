"""Threshold and temperature of a classifier, set on training patients that are kept back."""

import numpy as np
from flax import nnx
from scipy.optimize import minimize
from scipy.special import logit

from echojax import devices
from echojax.inference.classify import probabilities
from echojax.models.resnet import ResNet18
from echojax.recipes.classifier import ClassifierConfig, Labelled


def kept_back(config: ClassifierConfig, group: np.ndarray, seed: int) -> np.ndarray:
    """Which training frames are of the inner validation patients, a mask (n,).

    Args:
        config: says which share of the patients.
        group: the person of each frame.
        seed: of the draw.
    """
    persons = np.random.default_rng(seed).permutation(np.unique(group))
    return np.isin(group, persons[: round(config.inner * len(persons))])


def calibrated(model: ResNet18, frames: Labelled) -> ResNet18:
    """A network of one head whose threshold and temperature fit frames it did not learn from.

    The log odds of its answers become a line of themselves, the one of Platt's method with his
    smoothed labels (Advances in Large Margin Classifiers, 1999), by changing the last layer; where
    the frames are of one class, nothing changes.
    """
    labels = frames.labels[:, 0]
    positive, negative = int(labels.sum()), int((1 - labels).sum())
    if not positive or not negative:
        return model
    answers = probabilities(model, frames.frames, devices.data_mesh())[:, 0]
    odds = logit(np.clip(answers.astype(np.float64), 1e-6, 1 - 1e-6))
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(line: np.ndarray) -> float:
        z = np.exp(line[0]) * odds + line[1]  # the slope stays positive: no answer is turned round
        return float(np.mean(np.logaddexp(0, z) - target * z))

    slope, shift = minimize(loss, np.zeros(2)).x
    head = nnx.to_pure_dict(nnx.state(model.fc))
    shifted = (head["bias"] * np.exp(slope)).at[1].add(shift)
    scaled = {"kernel": head["kernel"] * np.exp(slope), "bias": shifted}
    nnx.update(model.fc, nnx.State(scaled))
    return model
