"""Small checkpoints with the names that public programs give, and what those programs compute.

Networks are evaluated here with plain convolutions in PyTorch's order of axes, NCHW and OIHW, on
the checkpoint's own tensors: nothing of echojax is used.
"""

from dataclasses import dataclass

import numpy as np
from jax import lax

MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None]
STD = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None]


@dataclass(frozen=True)
class Names:
    """A program's names of SRResNet's layers, in order."""

    first: tuple[str, str]
    blocks: list[tuple[str, str, str, str, str]]
    trunk: tuple[str, str]
    stages: list[tuple[str, str]]
    last: str


def lornatang(blocks=2, stages=2, conv="conv"):
    return Names(
        (f"{conv}1.0", f"{conv}1.1"),
        [tuple(f"trunk.{i}.rcb.{k}" for k in range(5)) for i in range(blocks)],
        (f"{conv}2.0", f"{conv}2.1"),
        [tuple(f"upsampling.{u}.upsample_block.{k}" for k in (0, 2)) for u in range(stages)],
        f"{conv}3",
    )


def leftthomas(blocks=5, stages=2):
    parts = ("conv1", "bn1", "prelu", "conv2", "bn2")
    after, end = f"block{blocks + 2}", f"block{blocks + 3}"
    return Names(
        ("block1.0", "block1.1"),
        [tuple(f"block{i}.{part}" for part in parts) for i in range(2, blocks + 2)],
        (f"{after}.0", f"{after}.1"),
        [(f"{end}.{u}.conv", f"{end}.{u}.prelu") for u in range(stages)],
        f"{end}.{stages}",
    )


def sisr(blocks=2, stages=2):
    parts = ("conv1", "bn1", "prelu", "conv2", "bn2")
    return Names(
        ("conv1.0", "conv1.1"),
        [tuple(f"residual.{i}.{part}" for part in parts) for i in range(blocks)],
        ("conv2.0", "conv2.1"),
        [(f"upsample.{u}.conv", f"upsample.{u}.prelu") for u in range(stages)],
        f"upsample.{stages}",
    )


def sgrvinod(blocks=2, stages=2):
    parts = [f"conv_block1.conv_block.{k}" for k in range(3)]
    parts += [f"conv_block2.conv_block.{k}" for k in range(2)]
    return Names(
        ("conv_block1.conv_block.0", "conv_block1.conv_block.1"),
        [tuple(f"residual_blocks.{i}.{part}" for part in parts) for i in range(blocks)],
        ("conv_block2.conv_block.0", "conv_block2.conv_block.1"),
        [
            tuple(f"subpixel_convolutional_blocks.{u}.{part}" for part in ("conv", "prelu"))
            for u in range(stages)
        ],
        "conv_block3.conv_block.0",
    )


class Tensors(dict):
    """Random tensors by name, as if they were trained."""

    def __init__(self, counters=True):
        super().__init__()
        self.rng = np.random.default_rng(0)
        self.counters = counters

    def conv(self, name, outputs, inputs, kernel, bias=True):
        shape = (outputs, inputs, kernel, kernel)
        weight = self.rng.normal(size=shape) / np.sqrt(inputs * kernel**2)
        self[f"{name}.weight"] = weight.astype(np.float32)
        if bias:
            self.around(f"{name}.bias", 0, outputs)

    def around(self, name, center, *shape):
        self[name] = (center + self.rng.uniform(-0.2, 0.2, shape)).astype(np.float32)

    def norm(self, name, channels):
        for leaf, center in {"weight": 1, "bias": 0, "running_mean": 0, "running_var": 1}.items():
            self.around(f"{name}.{leaf}", center, channels)
        if self.counters:
            self[f"{name}.num_batches_tracked"] = np.array(7, np.int64)

    def linear(self, name, outputs, inputs):
        weight = self.rng.normal(size=(outputs, inputs)) / np.sqrt(inputs)
        self[f"{name}.weight"] = weight.astype(np.float32)
        self.around(f"{name}.bias", 0, outputs)


def srresnet(
    names,
    *,
    channels=8,
    images=3,
    kernels=(9, 9),
    bias=False,
    trunk_end="bn",
    counters=True,
):
    """The checkpoint of an SRResNet; `bias` is that of convolutions before a BatchNorm."""
    t = Tensors(counters)
    t.conv(names.first[0], channels, images, kernels[0])
    t.around(f"{names.first[1]}.weight", 0.25, 1)
    for conv1, bn1, prelu, conv2, bn2 in names.blocks:
        t.conv(conv1, channels, channels, 3, bias)
        t.norm(bn1, channels)
        t.around(f"{prelu}.weight", 0.25, 1)
        t.conv(conv2, channels, channels, 3, bias)
        t.norm(bn2, channels)
    t.conv(names.trunk[0], channels, channels, 3, bias)
    if trunk_end == "bn":
        t.norm(names.trunk[1], channels)
    else:
        t.around(f"{names.trunk[1]}.weight", 0.25, 1)
    for conv, prelu in names.stages:
        t.conv(conv, 4 * channels, channels, 3)
        t.around(f"{prelu}.weight", 0.25, 1)
    t.conv(names.last, images, channels, kernels[1])
    return dict(t)


def msrresnet(*, scale=4, channels=8, blocks=2, images=3, body="body.{}", stage="upconv{}"):
    """The checkpoint of a MSRResNet."""
    t = Tensors()
    t.conv("conv_first", channels, images, 3)
    for i in range(blocks):
        t.conv(f"{body.format(i)}.conv1", channels, channels, 3)
        t.conv(f"{body.format(i)}.conv2", channels, channels, 3)
    for number, factor in enumerate({2: [2], 3: [3], 4: [2, 2]}[scale], 1):
        t.conv(stage.format(number), factor**2 * channels, channels, 3)
    t.conv("conv_hr", channels, channels, 3)
    t.conv("conv_last", images, channels, 3)
    return dict(t)


MMAGIC = {"body": "trunk_net.{}", "stage": "upsample{}.upsample_conv"}


def resnet18(*, width=4, classes=1000):
    """The checkpoint of torchvision's ResNet-18."""
    t = Tensors()
    t.conv("conv1", width, 3, 7, bias=False)
    t.norm("bn1", width)
    inputs = width
    for stage in range(1, 5):
        outputs = width * 2 ** (stage - 1)
        for k in range(2):
            name = f"layer{stage}.{k}"
            t.conv(f"{name}.conv1", outputs, inputs, 3, bias=False)
            t.norm(f"{name}.bn1", outputs)
            t.conv(f"{name}.conv2", outputs, outputs, 3, bias=False)
            t.norm(f"{name}.bn2", outputs)
            if inputs != outputs:
                t.conv(f"{name}.downsample.0", outputs, inputs, 1, bias=False)
                t.norm(f"{name}.downsample.1", outputs)
            inputs = outputs
    t.linear("fc", classes, inputs)
    return dict(t)


VGG19 = [1, 1, "M", 2, 2, "M", 4, 4, 4, 4, "M", 8, 8, 8, 8, "M", 8, 8, 8, 8, "M"]
VGG16 = [1, 1, "M", 2, 2, "M", 4, 4, 4, "M", 8, 8, 8, "M", 8, 8, 8, "M"]


def vgg(plan=VGG19, *, width=4, norms=False):
    """The checkpoint of one of torchvision's VGGs, classifier included."""
    t = Tensors()
    number, inputs = 0, 3
    for step in plan:
        if step == "M":
            number += 1
            continue
        t.conv(f"features.{number}", width * step, inputs, 3)
        if norms:
            t.norm(f"features.{number + 1}", width * step)
        number, inputs = number + 2 + norms, width * step
    for name in ("classifier.0", "classifier.3", "classifier.6"):
        t.linear(name, 5, 6)
    return dict(t)


def _mobilenetv2(width):
    """Names of each block's layers, with their sizes: (name, outputs, inputs, kernel, stride)."""

    def scaled(channels):  # alpha times, to a multiple of 8
        return max(8, int(channels * width + 4) // 8 * 8)

    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1))
    inputs, number = scaled(32), 1
    for factor, channels, blocks, first in (*stages, (6, 160, 3, 2), (6, 320, 1, 1)):
        outputs = scaled(channels)
        for k in range(blocks):
            name, inner = f"features.{number}.conv", factor * inputs
            names = ["0", "1", "2", "3"] if factor > 1 else ["", "0", "1", "2"]
            expand = [(f"{name}.0", inner, inputs)] if factor > 1 else []
            depthwise = (f"{name}.{names[1]}", inner, first if k == 0 else 1)
            project = (f"{name}.{names[2]}", f"{name}.{names[3]}", outputs)
            yield expand, depthwise, project, (inputs, inner)
            inputs, number = outputs, number + 1


def mobilenetv2(*, width=0.25, classes=1000):
    """The checkpoint of torchvision's MobileNetV2."""
    t, first = Tensors(), int(32 * width)
    t.conv("features.0.0", first, 3, 3, bias=False)
    t.norm("features.0.1", first)
    last = first
    for expand, depthwise, project, (inputs, inner) in _mobilenetv2(width):
        for name, outputs, _ in expand:
            t.conv(f"{name}.0", outputs, inputs, 1, bias=False)
            t.norm(f"{name}.1", outputs)
        t.conv(f"{depthwise[0]}.0", inner, 1, 3, bias=False)
        t.norm(f"{depthwise[0]}.1", inner)
        t.conv(project[0], project[2], inner, 1, bias=False)
        t.norm(project[1], project[2])
        last = project[2]
    t.conv("features.18.0", 1280, last, 1, bias=False)
    t.norm("features.18.1", 1280)
    t.linear("classifier.1", classes, 1280)
    return dict(t)


def run_mobilenetv2(t, x, *, width=0.25):
    def relu6(x):
        return np.clip(x, 0, 6)

    x = relu6(run_norm(t, "features.0.1", run_conv(t, "features.0.0", x, 2)))
    for expand, (name, inner, stride), (project, norm, outputs), (inputs, _) in _mobilenetv2(width):
        y = x
        for before, _, _ in expand:
            y = relu6(run_norm(t, f"{before}.1", run_conv(t, f"{before}.0", y)))
        y = relu6(run_norm(t, f"{name}.1", run_conv(t, f"{name}.0", y, stride, inner)))
        y = run_norm(t, norm, run_conv(t, project, y))
        x = x + y if stride == 1 and inputs == outputs else y
    x = relu6(run_norm(t, "features.18.1", run_conv(t, "features.18.0", x)))
    return x.mean((2, 3)) @ t["classifier.1.weight"].T + t["classifier.1.bias"]


def run_conv(t, name, x, stride=1, groups=1):
    kernel = t[f"{name}.weight"]
    pad = kernel.shape[-1] // 2
    y = lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        [(pad, pad), (pad, pad)],
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
        feature_group_count=groups,
        precision=lax.Precision.HIGHEST,
    )
    bias = t.get(f"{name}.bias")
    return np.asarray(y) + (0 if bias is None else bias[:, None, None])


def run_norm(t, name, x):
    weight, bias, mean, var = (
        t[f"{name}.{leaf}"][:, None, None]
        for leaf in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * weight + bias


def run_prelu(t, name, x):
    return np.where(x >= 0, x, t[f"{name}.weight"][0] * x)


def leaky(x):
    return np.where(x >= 0, x, 0.1 * x)


def shuffle(x, factor=2):
    """PyTorch's pixel shuffle: channels are (c, row, column)."""
    n, channels, h, w = x.shape
    x = x.reshape(n, channels // factor**2, factor, factor, h, w)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, factor * h, factor * w)


def bilinear(x, factor):
    """PyTorch's bilinear interpolation with align_corners=False."""
    for axis in (2, 3):
        length = x.shape[axis]
        at = np.maximum((np.arange(factor * length) + 0.5) / factor - 0.5, 0)
        low = at.astype(int)
        high = np.minimum(low + 1, length - 1)
        part = (at - low).astype(np.float32).reshape([-1 if k == axis else 1 for k in range(4)])
        x = np.take(x, low, axis) * (1 - part) + np.take(x, high, axis) * part
    return x


def max_pool(x, size, stride, pad):
    x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))
    return windows[:, :, ::stride, ::stride].max((-1, -2))


def run_srresnet(t, names, x, output, *, trunk_end="bn", normalise=False):
    """(n, channels, h, w) in [0, 1] to images as `output` ("clip" or "tanh") leaves them."""
    x = (x - MEAN) / STD if normalise else x
    first = y = run_prelu(t, names.first[1], run_conv(t, names.first[0], x))
    for conv1, bn1, prelu, conv2, bn2 in names.blocks:
        z = run_prelu(t, prelu, run_norm(t, bn1, run_conv(t, conv1, y)))
        y = y + run_norm(t, bn2, run_conv(t, conv2, z))
    end = run_norm if trunk_end == "bn" else run_prelu
    y = first + end(t, names.trunk[1], run_conv(t, names.trunk[0], y))
    for conv, prelu in names.stages:
        y = run_prelu(t, prelu, shuffle(run_conv(t, conv, y)))
    y = run_conv(t, names.last, y)
    return np.clip(y, 0, 1) if output == "clip" else (np.tanh(y) + 1) / 2


def run_msrresnet(t, x, *, scale=4, blocks=2, body="body.{}", stage="upconv{}", after=leaky):
    y = leaky(run_conv(t, "conv_first", x))
    for i in range(blocks):
        z = np.maximum(run_conv(t, f"{body.format(i)}.conv1", y), 0)
        y = y + run_conv(t, f"{body.format(i)}.conv2", z)
    for number, factor in enumerate({2: [2], 3: [3], 4: [2, 2]}[scale], 1):
        y = after(shuffle(run_conv(t, stage.format(number), y), factor))
    return run_conv(t, "conv_last", leaky(run_conv(t, "conv_hr", y))) + bilinear(x, scale)


def run_resnet18(t, x):
    x = np.maximum(run_norm(t, "bn1", run_conv(t, "conv1", x, 2)), 0)
    x = max_pool(x, 3, 2, 1)
    for stage in range(1, 5):
        for k in range(2):
            name = f"layer{stage}.{k}"
            stride = 2 if stage > 1 and k == 0 else 1
            y = run_norm(t, f"{name}.bn1", run_conv(t, f"{name}.conv1", x, stride))
            y = run_norm(t, f"{name}.bn2", run_conv(t, f"{name}.conv2", np.maximum(y, 0)))
            if stride == 2:
                down = run_conv(t, f"{name}.downsample.0", x, 2)
                x = run_norm(t, f"{name}.downsample.1", down)
            x = np.maximum(x + y, 0)
    return x.mean((2, 3)) @ t["fc.weight"].T + t["fc.bias"]


def run_vgg19(t, x):
    number = 0
    for step in VGG19[:-1]:
        if step == "M":
            x = max_pool(x, 2, 2, 0)
            number += 1
            continue
        x = np.maximum(run_conv(t, f"features.{number}", x), 0)
        number += 2
    return x
