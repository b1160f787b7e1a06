"""Layers written out with NumPy, the reference that networks are held against."""

import numpy as np


def conv(x, layer, stride=1):
    """A convolution padded by half its kernel on every side, whatever the stride."""
    kernel = np.asarray(layer.kernel[...], np.float64)
    side, _, _, outputs = kernel.shape
    pad = side // 2
    padded = np.pad(np.asarray(x, np.float64), [(0, 0), (pad, pad), (pad, pad), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    windows = windows[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)
    y = windows.reshape(*windows.shape[:3], -1) @ kernel.reshape(-1, outputs)
    return y if layer.bias is None else y + np.asarray(layer.bias[...])


def norm(x, layer, batch):
    """BatchNorm by the statistics of the batch, or by the running ones."""
    mean, var, scale, bias = (
        np.asarray(getattr(layer, name)[...]) for name in ("mean", "var", "scale", "bias")
    )
    if batch:
        mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return (x - mean) / np.sqrt(var + 1e-5) * scale + bias


def leaky(x, slope):
    """LeakyReLU."""
    return np.where(x >= 0, x, slope * x)


def dense(x, layer):
    """A dense layer on (n, features)."""
    return x @ np.asarray(layer.kernel[...], np.float64) + np.asarray(layer.bias[...])


def shuffled(x, factor):
    """Pixel shuffle as a loop: channel (c, row, column) goes to (row, column) of c."""
    n, h, w, channels = x.shape
    y = np.zeros((n, factor * h, factor * w, channels // factor**2))
    for c, row, column in np.ndindex(y.shape[-1], factor, factor):
        y[:, row::factor, column::factor, c] = x[..., (c * factor + row) * factor + column]
    return y


def discriminator(model, x, batch):
    """The discriminator of SRGAN's Fig. 4: logits (n,)."""
    first, *others = model.convolutions
    x = leaky(conv(x, first), 0.2)
    for number, (layer, norm_) in enumerate(zip(others, model.norms, strict=True)):
        x = leaky(norm(conv(x, layer, stride=2 - number % 2), norm_, batch), 0.2)
    x = leaky(dense(x.reshape(len(x), -1), model.dense1), 0.2)  # row, column, channel
    return dense(x, model.dense2)[:, 0]


def vgg19(model, x):
    """VGG19 up to the ReLU of conv5_4."""
    for number, layers in enumerate(model.stages):
        if number:
            n, h, w, c = x.shape
            x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))
        for layer in layers:
            x = leaky(conv(x, layer), 0)
    return x
