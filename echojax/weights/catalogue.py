"""Public checkpoints that can be fetched by a short name."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from echojax.download import file_name, hash_in_name
from echojax.errors import InputError


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights that somebody else trained and published.

    `sha256` holds 64 hex digits, or is None if the publisher names no hash. `gray` says whether it
    can be made a network of gray images.
    """

    name: str
    url: str
    what: str
    licence: str
    source: str
    sha256: str | None = None
    gray: bool = True

    @property
    def file(self) -> str:
        """The file's name, under which it is kept and mirrored."""
        return file_name(self.url)

    @property
    def expected_hash(self) -> str | None:
        """What the file's sha256 begins with, if that is known (64 hex digits, or at least 8)."""
        return self.sha256 or hash_in_name(self.file)


_CACHE = "~/.cache/echojax/weights"
_SRGAN_PYTORCH = "https://huggingface.co/ChangyuLiu/SRGAN-PyTorch/resolve/main"
_SRGAN_PAPER = "Ledig et al., CVPR 2017, arXiv:1609.04802"
_SRGAN_LICENCE = "Apache-2.0 (the repository's)"
_OPENMMLAB = "https://download.openmmlab.com/mmediting/restorers/srresnet_srgan"
_OPENMMLAB_LICENCE = "Apache-2.0 (the repository's); DIV2K: academic research only"
_TORCHVISION = "https://download.pytorch.org/models"
_TORCHVISION_LICENCE = "BSD-3-Clause (torchvision's)"
_MOBILENETV2_PAPER = "Sandler et al., CVPR 2018, arXiv:1801.04381"

# The files on the Hugging Face hub carry no hash in their names, so they are checked by their
# length only, unless the user gives --sha256. Older releases of the same networks did carry one
# (SRResNet_x4-ImageNet-6dd5216c.pth.tar, SRGAN_x4-ImageNet-8c4a7569.pth.tar), but lie in a folder
# of Google Drive, which has no address for a single file: download by hand, then convert.
CHECKPOINTS = {
    checkpoint.name: checkpoint
    for checkpoint in (
        Checkpoint(
            name="srresnet-x4",
            url=f"{_SRGAN_PYTORCH}/SRResNet_x4-ImageNet.pth.tar",
            what="SRResNet x4, RGB, trained on ImageNet with MSE",
            licence=_SRGAN_LICENCE,
            source=f"github.com/Lornatang/SRGAN-PyTorch; {_SRGAN_PAPER}",
        ),
        Checkpoint(
            name="srgan-x4",
            url=f"{_SRGAN_PYTORCH}/SRGAN_x4-ImageNet.pth.tar",
            what="generator of SRGAN x4, RGB, trained on ImageNet",
            licence=_SRGAN_LICENCE,
            source=f"github.com/Lornatang/SRGAN-PyTorch; {_SRGAN_PAPER}",
        ),
        Checkpoint(
            name="msrresnet-x4",
            url=f"{_OPENMMLAB}/msrresnet_x4c64b16_1x16_300k_div2k_20200521-61556be5.pth",
            what="MSRResNet x4 (no BatchNorm), RGB, trained on DIV2K with L1",
            licence=_OPENMMLAB_LICENCE,
            source=f"github.com/open-mmlab/mmagic; {_SRGAN_PAPER}",
        ),
        Checkpoint(
            name="msrgan-x4",
            url=f"{_OPENMMLAB}/srgan_x4c64b16_1x16_1000k_div2k_20200606-a1f0810e.pth",
            what="generator of SRGAN x4 (MSRResNet), RGB, trained on DIV2K",
            licence=_OPENMMLAB_LICENCE,
            source=f"github.com/open-mmlab/mmagic; {_SRGAN_PAPER}",
        ),
        Checkpoint(
            name="resnet18",
            url=f"{_TORCHVISION}/resnet18-f37072fd.pth",
            what="ResNet-18, RGB, trained on ImageNet-1k (IMAGENET1K_V1)",
            licence=_TORCHVISION_LICENCE,
            source="github.com/pytorch/vision; He et al., CVPR 2016, arXiv:1512.03385",
            sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            gray=False,
        ),
        Checkpoint(
            name="vgg19",
            url=f"{_TORCHVISION}/vgg19-dcbb9e9d.pth",
            what="VGG19, RGB, trained on ImageNet-1k (IMAGENET1K_V1), for the perceptual loss",
            licence=_TORCHVISION_LICENCE,
            source="github.com/pytorch/vision; Simonyan & Zisserman, ICLR 2015, arXiv:1409.1556",
            sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            gray=False,
        ),
        Checkpoint(
            name="mobilenetv2",
            url=f"{_TORCHVISION}/mobilenet_v2-b0353104.pth",
            what="MobileNetV2, RGB, trained on ImageNet-1k (IMAGENET1K_V1), for the grader",
            licence=_TORCHVISION_LICENCE,
            source=f"github.com/pytorch/vision; {_MOBILENETV2_PAPER}",
        ),
        Checkpoint(
            name="mobilenetv2-v2",
            url=f"{_TORCHVISION}/mobilenet_v2-7ebf99e0.pth",
            what="MobileNetV2, RGB, trained on ImageNet-1k (IMAGENET1K_V2), for the grader",
            licence=_TORCHVISION_LICENCE,
            source=f"github.com/pytorch/vision; {_MOBILENETV2_PAPER}",
        ),
    )
}


def checkpoint(name: str) -> Checkpoint:
    """The known checkpoint of that name.

    Raises:
        InputError: there is none; the message gives the closest name, or all of them.
    """
    if name in CHECKPOINTS:
        return CHECKPOINTS[name]
    close = difflib.get_close_matches(name.lower(), CHECKPOINTS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(CHECKPOINTS)}"
    raise InputError(f"{name}: no known checkpoint; {hint}")


def cache_dir() -> Path:
    """The folder of fetched weights: `ECHOJAX_WEIGHTS`, or ~/.cache/echojax/weights."""
    return Path(os.environ.get("ECHOJAX_WEIGHTS") or _CACHE).expanduser()


def converted(name: str, *, gray: bool = False) -> Path:
    """Where a known checkpoint is kept once it is converted."""
    return cache_dir() / f"{name}{'-gray' if gray else ''}.safetensors"


def locate(weights: str, *, gray: bool = False) -> Path:
    """The file that is meant by the name of a known checkpoint, or by a path.

    Args:
        weights: a name of `CHECKPOINTS`, or a path.
        gray: whether the network of gray images is meant.

    Raises:
        InputError: a known checkpoint that was not fetched yet.
    """
    if weights not in CHECKPOINTS:
        return Path(weights).expanduser()
    file = converted(weights, gray=gray)
    if not file.is_file():
        option = " --gray" if gray else ""
        raise InputError(
            f"{weights}: not fetched yet; run `echojax weights fetch {weights}{option}`"
        )
    return file
