"""Public checkpoints' names for the tensors of our networks, and how to tell them apart.

Sources: the code of github.com/Lornatang/SRGAN-PyTorch, leftthomas/SRGAN, XPixelGroup/BasicSR,
open-mmlab/mmagic, sgrvinod/a-PyTorch-Tutorial-to-Super-Resolution and pytorch/vision.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from echojax.weights.state_dict import listed


@dataclass(frozen=True)
class Layout:
    """How one program names the tensors of a network.

    Attributes:
        name: whose layout it is.
        kind: the network, a key of `kinds.KINDS`.
        table: our name of a layer to theirs. {i} counts residual blocks, {block} the same from 2;
            {u} counts enlargements, {stage} the same from 1; {after} is what follows the last
            {block}, {upsampling} what follows that, and {last} what follows the last {u}.
        known: settings that no tensor tells.
        left_out: how the names of tensors begin that our network has no use for.
        hint: what else a file that nearly fits may be.
    """

    name: str
    kind: str
    table: Mapping[str, str]
    known: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    hint: str = ""

    def resemblance(self, names: Collection[str]) -> float:
        """The part of the names that this layout could have, whatever the numbers in them."""
        rows = "|".join(_pattern(row) for row in self.table.values())
        like = re.compile(rf"(?:{rows})\.[a-z_]+")
        alike = sum(bool(like.fullmatch(n)) or n.startswith(self.left_out) for n in names)
        return alike / max(len(names), 1)

    def count(self, names: Collection[str], ours: str, theirs: str) -> int:
        """How many numbers stand where rows for {`ours`} have {`ours`} or {`theirs`}."""
        rows = [row for key, row in self.table.items() if f"{{{ours}}}" in key]
        either = "|".join(_pattern(row, ours, theirs) for row in rows)
        counted = re.compile(rf"(?:{either})\.")
        found = (counted.match(name) for name in names)
        return len({match[match.lastindex] for match in found if match and match.lastindex})

    def modules(self, blocks: int = 0, stages: int = 0) -> dict[str, str]:
        """Our name of every layer to theirs, for so many residual blocks and enlargements."""
        total = {"after": blocks + 2, "upsampling": blocks + 3, "last": stages}
        names = {}
        for ours, theirs in self.table.items():
            times = blocks if "{i}" in ours else stages if "{u}" in ours else 1
            for k in range(times):
                numbers = total | {"i": k, "block": k + 2, "u": k, "stage": k + 1}
                names[ours.format(**numbers)] = theirs.format(**numbers)
        return names


def _pattern(row: str, *counted: str) -> str:
    """A regular expression for a row of a table, capturing the numbers that are counted."""
    parts = re.split(r"(\{\w+\}|\d+)", row)
    wanted = {f"{{{name}}}" for name in counted}
    return "".join(
        ("([0-9]+)" if part in wanted else "[0-9]+") if k % 2 else re.escape(part)
        for k, part in enumerate(parts)
    )


_LORNATANG = {
    "conv1": "conv1.0",
    "prelu1": "conv1.1",
    "blocks.{i}.conv1": "trunk.{i}.rcb.0",
    "blocks.{i}.bn1": "trunk.{i}.rcb.1",
    "blocks.{i}.prelu": "trunk.{i}.rcb.2",
    "blocks.{i}.conv2": "trunk.{i}.rcb.3",
    "blocks.{i}.bn2": "trunk.{i}.rcb.4",
    "conv2": "conv2.0",
    "bn2": "conv2.1",
    "upsample.{u}.conv": "upsampling.{u}.upsample_block.0",
    "upsample.{u}.prelu": "upsampling.{u}.upsample_block.2",
    "conv3": "conv3",
}
_LORNATANG_2022 = _LORNATANG | {
    "conv1": "conv_block1.0",
    "prelu1": "conv_block1.1",
    "conv2": "conv_block2.0",
    "bn2": "conv_block2.1",
    "conv3": "conv_block3",
}
_LEFTTHOMAS = {
    "conv1": "block1.0",
    "prelu1": "block1.1",
    "blocks.{i}.conv1": "block{block}.conv1",
    "blocks.{i}.bn1": "block{block}.bn1",
    "blocks.{i}.prelu": "block{block}.prelu",
    "blocks.{i}.conv2": "block{block}.conv2",
    "blocks.{i}.bn2": "block{block}.bn2",
    "conv2": "block{after}.0",
    "bn2": "block{after}.1",
    "prelu2": "block{after}.1",
    "upsample.{u}.conv": "block{upsampling}.{u}.conv",
    "upsample.{u}.prelu": "block{upsampling}.{u}.prelu",
    "conv3": "block{upsampling}.{last}",
}
_SISR = {
    "conv1": "conv1.0",
    "prelu1": "conv1.1",
    "blocks.{i}.conv1": "residual.{i}.conv1",
    "blocks.{i}.bn1": "residual.{i}.bn1",
    "blocks.{i}.prelu": "residual.{i}.prelu",
    "blocks.{i}.conv2": "residual.{i}.conv2",
    "blocks.{i}.bn2": "residual.{i}.bn2",
    "conv2": "conv2.0",
    "bn2": "conv2.1",
    "prelu2": "conv2.1",
    "upsample.{u}.conv": "upsample.{u}.conv",
    "upsample.{u}.prelu": "upsample.{u}.prelu",
    "conv3": "upsample.{last}",
}
_SGRVINOD = {
    "conv1": "conv_block1.conv_block.0",
    "prelu1": "conv_block1.conv_block.1",
    "blocks.{i}.conv1": "residual_blocks.{i}.conv_block1.conv_block.0",
    "blocks.{i}.bn1": "residual_blocks.{i}.conv_block1.conv_block.1",
    "blocks.{i}.prelu": "residual_blocks.{i}.conv_block1.conv_block.2",
    "blocks.{i}.conv2": "residual_blocks.{i}.conv_block2.conv_block.0",
    "blocks.{i}.bn2": "residual_blocks.{i}.conv_block2.conv_block.1",
    "conv2": "conv_block2.conv_block.0",
    "bn2": "conv_block2.conv_block.1",
    "upsample.{u}.conv": "subpixel_convolutional_blocks.{u}.conv",
    "upsample.{u}.prelu": "subpixel_convolutional_blocks.{u}.prelu",
    "conv3": "conv_block3.conv_block.0",
}
_BASICSR = {
    "conv_first": "conv_first",
    "body.{i}.conv1": "body.{i}.conv1",
    "body.{i}.conv2": "body.{i}.conv2",
    "upsample.{u}": "upconv{stage}",
    "conv_hr": "conv_hr",
    "conv_last": "conv_last",
}
_MMAGIC = _BASICSR | {
    "body.{i}.conv1": "trunk_net.{i}.conv1",
    "body.{i}.conv2": "trunk_net.{i}.conv2",
    "upsample.{u}": "upsample{stage}.upsample_conv",
}
_RESNET18 = {
    "conv1": "conv1",
    "bn1": "bn1",
    "fc": "fc",
    **{
        f"layers.{stage}.{k}.{layer}": f"layer{stage + 1}.{k}.{layer}"
        for stage in range(4)
        for k in range(2)
        for layer in ("conv1", "bn1", "conv2", "bn2")
    },
    **{
        f"layers.{stage}.0.downsample_{layer}": f"layer{stage + 1}.0.downsample.{number}"
        for stage in (1, 2, 3)
        for number, layer in enumerate(("conv", "bn"))
    },
}
_MOBILENETV2 = {
    "stem.conv": "features.0.0",
    "stem.norm": "features.0.1",
    # The first block has no layers that expand, so that its names are shorter.
    "blocks.0.depthwise.conv": "features.1.conv.0.0",
    "blocks.0.depthwise.norm": "features.1.conv.0.1",
    "blocks.0.project.conv": "features.1.conv.1",
    "blocks.0.project.norm": "features.1.conv.2",
    **{
        f"blocks.{k}.{layer}": f"features.{k + 1}.conv.{number}"
        for k in range(1, 17)
        for layer, number in (
            ("expand.conv", "0.0"),
            ("expand.norm", "0.1"),
            ("depthwise.conv", "1.0"),
            ("depthwise.norm", "1.1"),
            ("project.conv", "2"),
            ("project.norm", "3"),
        )
    },
    "head.conv": "features.18.0",
    "head.norm": "features.18.1",
    "classifier": "classifier.1",
}
_FEATURES = ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28, 30, 32, 34))
_VGG19 = {
    f"stages.{stage}.{k}": f"features.{number}"
    for stage, numbers in enumerate(_FEATURES)
    for k, number in enumerate(numbers)
}

LAYOUTS = (
    Layout("Lornatang SRGAN-PyTorch", "srresnet", _LORNATANG, {"activation": "clip"}),
    Layout("Lornatang SRGAN-PyTorch (2022)", "srresnet", _LORNATANG_2022, {"activation": "clip"}),
    Layout("leftthomas SRGAN", "srresnet", _LEFTTHOMAS, {"activation": "tanh"}),
    Layout("SRResNet-SISR", "srresnet", _SISR, {"activation": "tanh"}),
    # Its output is tanh in [-1, 1]; (tanh + 1) / 2 is the same image in [0, 1].
    Layout(
        "sgrvinod super-resolution",
        "srresnet",
        _SGRVINOD,
        {"activation": "tanh", "normalise": True},
    ),
    Layout("BasicSR MSRResNet", "msrresnet", _BASICSR),
    Layout("mmagic MSRResNet", "msrresnet", _MMAGIC, {"leaky_stages": False}),
    Layout(
        "torchvision ResNet-18",
        "resnet18",
        _RESNET18,
        hint="of torchvision's ResNets only ResNet-18 can be converted",
    ),
    Layout(
        "torchvision VGG19",
        "vgg19",
        _VGG19,
        left_out=("classifier.",),
        hint="of torchvision's VGGs only VGG19 without BatchNorm can be converted",
    ),
    Layout(
        "torchvision MobileNetV2",
        "mobilenetv2",
        _MOBILENETV2,
        hint="of torchvision's MobileNets only MobileNetV2 can be converted",
    ),
)


def recognise(names: Collection[str]) -> Layout:
    """The layout that most names are of.

    Raises:
        ValueError: no layout has half of the names.
    """
    best = max(LAYOUTS, key=lambda layout: layout.resemblance(names))
    if best.resemblance(names) < 0.5:
        known = ", ".join(layout.name for layout in LAYOUTS)
        raise ValueError(
            f"names of no known layout: {listed(list(names)[:5])}{', ...' * (len(names) > 5)}; "
            f"known are {known}"
        )
    return best
