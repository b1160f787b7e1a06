"""Frames to a page and back, as they are asked for: who is late misses some, nothing is queued."""

import asyncio
import contextlib
import json
import math
import struct
import time
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Any

from echojax.demo.frames import Clip, Frame, of_camera
from echojax.demo.sight import Shown
from echojax.errors import InputError
from echojax.inference.grade import Graded
from echojax.report.grade_colours import colour_of
from echojax.vocabulary import grade_word

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

Message = str | bytes  # the next frame of the clip is asked for by a word; a camera's is a picture


async def newest(socket: "WebSocket") -> AsyncGenerator[Message, None]:
    """Messages of a page until it is closed; of several that wait, only the last."""
    waiting: asyncio.Queue[Message | None] = asyncio.Queue(1)

    async def receive() -> None:
        while True:
            event = await socket.receive()
            if waiting.full():
                waiting.get_nowait()
            if event["type"] == "websocket.disconnect":
                waiting.put_nowait(None)
                return
            waiting.put_nowait(event.get("text") or event.get("bytes") or b"")

    receiving = asyncio.create_task(receive())
    try:
        while (message := await waiting.get()) is not None:
            yield message
    finally:
        receiving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await receiving


class Stream:
    """What one page is shown, from when it was opened."""

    def __init__(self, look: Callable[[Frame], Shown], clip: Clip | None, longest: int) -> None:
        """Begin; the clip, if there is one, plays from now on.

        Args:
            look: at frames that follow each other.
            clip: what is played.
            longest: of the sides of a camera's frame.
        """
        self._look, self._clip, self._longest = look, clip, longest
        self._start, self._tick = time.monotonic(), -1

    async def answer(self, message: Message) -> Message:
        """What the page is sent for a message: a packed frame, or JSON that says what is wrong."""
        try:
            if isinstance(message, str):
                shown = await asyncio.to_thread(self._look, await self._next())
            else:
                shown = await asyncio.to_thread(self._look_at_picture, message)
        except InputError as error:
            return json.dumps({"error": str(error)})
        return packed(shown)

    def _look_at_picture(self, data: bytes) -> Shown:
        return self._look(of_camera(data, self._longest, time.monotonic()))

    async def _next(self) -> Frame:
        """The frame of the clip that is due, once it is another than the last one."""
        if self._clip is None:
            raise InputError("there is no clip; start with --clip FILE")
        rate = self._clip.rate
        while (tick := int(rate * (passed := time.monotonic() - self._start))) <= self._tick:
            await asyncio.sleep((self._tick + 1) / rate - passed)
        self._tick = tick
        return self._clip.at(tick)


def packed(shown: Shown) -> bytes:
    """A frame as the page takes it apart: length of the JSON, the JSON, and the two pictures."""
    told = {
        "size": len(shown.original),
        "times": shown.times,
        "regions": [] if shown.graded is None else _regions(shown.graded),
    }
    text = json.dumps(told, allow_nan=False).encode()
    return struct.pack(">I", len(text)) + text + shown.original + shown.enhanced


def _regions(graded: Graded) -> list[dict[str, Any]]:
    return [
        {
            "grade": None if math.isnan(grade) else float(grade),
            "word": grade_word(grade),
            "colour": colour_of(grade).hex,
            "reason": reason,
        }
        for grade, reason in zip(graded.scores.grades, graded.reasons, strict=True)
    ]
