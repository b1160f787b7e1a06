"""Improve, grade and honestly evaluate poor echocardiography frames.

What a caller needs is here, and is imported when it is first used: `import echojax` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from echojax.errors import EchojaxError as EchojaxError
from echojax.version import __version__ as __version__

if TYPE_CHECKING:
    from echojax.face import camus, load, load_classifier, read

__all__ = ["EchojaxError", "camus", "load", "load_classifier", "read"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'echojax' has no attribute {name!r}")
    return getattr(importlib.import_module("echojax.face"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
