"""Enhancing arrays of any common type, which say themselves what is black and white in them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from echojax.inference.enhance import Enlarger
from echojax.inference.surround import enhance_ultrasound
from echojax.media.stack import Stack, layout, of_array
from echojax.vocabulary import MODES, Mode


@dataclass(frozen=True)
class Enhancer:
    """What enhances frames, for use from Python.

    Attributes:
        enlarger: what does it: a network, or an interpolation.
    """

    enlarger: Enlarger

    @property
    def scale(self) -> int:
        """How many times larger `enhance` makes frames; 1 for a restorer, which keeps the size."""
        return self.enlarger.scale

    def enhance(self, array: Any, *, mode: Mode | None = None) -> np.ndarray:
        """Enlarge or restore frames, as `echojax enhance` does.

        The network does the ultrasound alone: the regions of a `Stack` that has some, a sector on
        black; what lies around is interpolated, or stays. What is no finite number in frames of
        floats is black to the network, and stays so.

        Args:
            array: frames as `media.stack.of_array` takes them: (rows, columns), RGB (rows, columns,
                3), or several along a first axis; uint8, uint16, or floats from 0 to 1. Or a
                `Stack`, as `echojax.read` gives it, with values as its file has them.
            mode: "upscale" (the default), `scale` times larger; or "restore", reduced by `scale`
                first and brought back to its size. A restorer has no mode.

        Returns:
            The frames, with the axes, the type and the range of those given.

        Raises:
            TypeError: values of a type that does not say what is black and white.
            ValueError: another shape, floats outside of 0 to 1, or a mode that is not there.
        """
        mode = self._mode(mode)
        if isinstance(array, Stack):
            stack, lead, channels = array, array.frames.shape[:1], array.frames.shape[3:]
        else:
            array = np.asarray(array)
            stack, (lead, channels) = of_array(array), layout(array)
        enhanced = np.stack(
            [
                enhance_ultrasound(
                    frame,
                    self.enlarger,
                    mode=mode,
                    low=stack.low,
                    high=stack.high,
                    regions=stack.regions,
                )
                for frame in stack.frames
            ]
        )
        return enhanced.reshape(*lead, *enhanced.shape[1:3], *channels)

    def _mode(self, mode: Mode | None) -> Mode:
        if self.scale == 1:
            if mode not in (None, "filter"):
                raise ValueError(f"mode {mode!r}: a restorer keeps the size; leave mode out")
            return "filter"
        if mode is not None and mode not in MODES:
            raise ValueError(f"mode {mode!r}; expected {' or '.join(map(repr, MODES))}")
        return mode or "upscale"
