"""What the tensors of a public checkpoint tell of its network's size."""

import re
from collections.abc import Mapping
from typing import Any

from echojax.models.mobilenet import STEM, MobileNetV2Settings
from echojax.models.msrresnet import MSRResNetSettings
from echojax.models.resnet import ResNetSettings
from echojax.models.srresnet import SRResNetSettings
from echojax.models.vgg import VGG19Settings
from echojax.weights.kinds import MAX_BLOCKS, MAX_CHANNELS
from echojax.weights.layouts import Layout

Shapes = Mapping[str, tuple[int, ...]]

_MAX_KERNEL = 31


def settings(layout: Layout, shapes: Shapes) -> tuple[Any, dict[str, str]]:
    """The network's settings as its tensors tell them, and our name of every layer to theirs.

    Raises:
        ValueError: sizes that no such network has, or tensors missing that tell them.
    """
    if layout.kind == "resnet18":
        width = _size(shapes, ("conv1.weight", 0), ("bn1.weight", 0))
        classes = _size(shapes, ("fc.weight", 0), ("fc.bias", 0))
        return ResNetSettings(classes=classes, width=width), layout.modules()
    if layout.kind == "vgg19":
        width = _size(shapes, ("features.0.weight", 0), ("features.2.weight", 0))
        return VGG19Settings(width=width), layout.modules()
    if layout.kind == "mobilenetv2":
        stem = "features.0.0.weight"
        return MobileNetV2Settings(
            channels=_size(shapes, (stem, 1)),
            outputs=_size(shapes, ("classifier.1.weight", 0), ("classifier.1.bias", 0)),
            width=_size(shapes, (stem, 0), ("features.0.1.weight", 0)) / STEM,
        ), layout.modules()
    names = list(shapes)
    blocks, stages = layout.count(names, "i", "block"), layout.count(names, "u", "stage")
    if not 1 <= blocks <= MAX_BLOCKS:
        raise ValueError(f"{blocks} residual blocks; expected 1 to {MAX_BLOCKS}")
    modules = layout.modules(blocks, stages)
    generator = _srresnet if layout.kind == "srresnet" else _msrresnet
    return generator(layout, shapes, modules, blocks, stages), modules


def _srresnet(
    layout: Layout, shapes: Shapes, modules: Mapping[str, str], blocks: int, stages: int
) -> SRResNetSettings:
    if stages not in (1, 2, 3):
        raise ValueError(f"{stages} enlargements by 2; expected 1 to 3")
    first, last = (f"{modules[name]}.weight" for name in ("conv1", "conv3"))
    before_norms = [name for name in modules if re.search(r"^blocks.*conv|^conv2", name)]
    end = modules["bn2"]
    shared_slope = shapes.get(f"{end}.weight") == (1,) and f"{end}.bias" not in shapes
    return SRResNetSettings(
        scale=2**stages,
        blocks=blocks,
        **_channels(shapes, first, last),
        first_kernel=_kernel(shapes, first, last),
        last_kernel=_kernel(shapes, last, first),
        bias=any(f"{modules[name]}.bias" in shapes for name in before_norms),
        trunk_end="prelu" if "prelu2" in modules and shared_slope else "bn",
        **layout.known,
    )


def _msrresnet(
    layout: Layout, shapes: Shapes, modules: Mapping[str, str], blocks: int, stages: int
) -> MSRResNetSettings:
    channels = _channels(shapes, "conv_first.weight", "conv_last.weight")
    stage = shapes.get(f"{modules.get('upsample.0')}.weight", (4 * channels["channels"],))
    scale = {(1, 4): 2, (1, 9): 3, (2, 4): 4}.get((stages, stage[0] // channels["channels"]))
    if scale is None:
        raise ValueError(
            f"{stages} enlargements, the first by {stage[0]} / {channels['channels']} channels; "
            "expected one by 4 or 9, or two by 4"
        )
    return MSRResNetSettings(scale=scale, blocks=blocks, **channels, **layout.known)


def _channels(shapes: Shapes, first: str, last: str) -> dict[str, Any]:
    inputs = _size(shapes, (first, 1), (last, 0))
    outputs = _size(shapes, (last, 0), (first, 1))
    if inputs != outputs or inputs not in (1, 3):
        raise ValueError(
            f"makes images of {outputs} channels from images of {inputs}; expected 1 or 3 for both"
        )
    channels = _size(shapes, (first, 0), (last, 1))
    return {"channels": channels, "in_channels": inputs, "out_channels": outputs}


def _kernel(shapes: Shapes, name: str, other: str) -> int:
    size = _size(shapes, (name, 2), (other, 2))
    if size % 2 == 0 or size > _MAX_KERNEL:
        raise ValueError(f"{name} has a kernel of {size}; expected odd and at most {_MAX_KERNEL}")
    return size


def _size(shapes: Shapes, *places: tuple[str, int]) -> int:
    """The length of the first of those axes that is there."""
    for name, axis in places:
        shape = shapes.get(name, ())
        if len(shape) > axis:
            if not 1 <= shape[axis] <= MAX_CHANNELS:
                raise ValueError(f"{name} is {shape}; expected sizes of 1 to {MAX_CHANNELS}")
            return shape[axis]
    names = " and ".join(dict.fromkeys(name for name, _ in places))
    raise ValueError(f"{names} are missing or have too few axes, so its size is unknown")
