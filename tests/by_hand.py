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
    """LeakyReLU; ReLU with a slope of 0."""
    return np.where(x >= 0, x, slope * x)


def prelu(x, layer):
    """PReLU of one slope."""
    return leaky(x, float(layer.negative_slope[...]))


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


def pooled(x):
    """The largest of 3x3 pixels, every second one, padded by one on every side."""
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return windows[:, ::2, ::2].max((-2, -1))


def srresnet(model, x, batch=False):
    """The generator of SRGAN's Fig. 4; its trunk ends with BatchNorm or with PReLU."""
    first = y = prelu(conv(x, model.conv1), model.prelu1)
    for block in model.blocks:
        z = prelu(norm(conv(y, block.conv1), block.bn1, batch), block.prelu)
        y = y + norm(conv(z, block.conv2), block.bn2, batch)
    y = conv(y, model.conv2)
    y = first + (norm(y, model.bn2, batch) if hasattr(model, "bn2") else prelu(y, model.prelu2))
    for stage in model.upsample:
        y = prelu(shuffled(conv(y, stage.conv), 2), stage.prelu)
    return conv(y, model.conv3)


def resnet18(model, x, batch=False):
    """ResNet-18 as torchvision lays it out: logits (n, classes)."""
    x = pooled(leaky(norm(conv(x, model.conv1, stride=2), model.bn1, batch), 0))
    for stage in range(4):
        for k in range(2):
            block = model.layers[stage][k]
            stride = 2 if stage > 0 and k == 0 else 1
            y = leaky(norm(conv(x, block.conv1, stride), block.bn1, batch), 0)
            y = norm(conv(y, block.conv2), block.bn2, batch)
            if stride == 2:
                x = norm(conv(x, block.downsample_conv, 2), block.downsample_bn, batch)
            x = leaky(x + y, 0)
    return dense(x.mean((1, 2)), model.fc)


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
