"""Improve, grade and honestly evaluate poor echocardiography frames.

What a caller needs is here, and is imported when it is first used: `import echojax` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from echojax.version import __version__ as __version__

if TYPE_CHECKING:
    from echojax.data.camus import load as load_camus
    from echojax.inference.classify import load as load_classifier
    from echojax.inference.enhance import Interpolation, Network, enhance
    from echojax.media import open_recording
    from echojax.weights.networks import load as load_network

_FACE = {
    "Interpolation": ("echojax.inference.enhance", "Interpolation"),
    "Network": ("echojax.inference.enhance", "Network"),
    "enhance": ("echojax.inference.enhance", "enhance"),
    "load_camus": ("echojax.data.camus", "load"),
    "load_classifier": ("echojax.inference.classify", "load"),
    "load_network": ("echojax.weights.networks", "load"),
    "open_recording": ("echojax.media", "open_recording"),
}
__all__ = [
    "Interpolation",
    "Network",
    "enhance",
    "load_camus",
    "load_classifier",
    "load_network",
    "open_recording",
]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module 'echojax' has no attribute {name!r}")
    module, attribute = _FACE[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
