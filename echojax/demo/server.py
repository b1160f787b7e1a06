"""The server of the page: this machine's alone if not told otherwise, and one page at a time."""

import asyncio
import contextlib
import ipaddress
import socket as sockets
from dataclasses import dataclass, field
from importlib import resources
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from echojax.demo.frames import Clip
from echojax.demo.sight import Sight
from echojax.demo.stream import Stream, newest
from echojax.errors import InputError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection
    from starlette.websockets import WebSocket
    from uvicorn import Server

MOST_BYTES = 8 << 20  # of a picture from a camera
# The browser itself sees to it that the page talks to nobody else.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
_REFUSED, _LATER = 1008, 1013  # codes by which a WebSocket is closed


def check_installed() -> None:
    """See that what serves the page is there.

    Raises:
        InputError: it is not.
    """
    for name in ("starlette", "uvicorn", "websockets"):
        if find_spec(name) is None:
            raise InputError(
                f"the live page needs {name}, which is not installed: pip install 'echojax[demo]'"
            )


@dataclass(frozen=True)
class Page:
    """The page and what it shows.

    Attributes:
        sight: looks at frames.
        facts: what the page says of it, for JSON.
        longest: of the sides of a frame; larger ones are reduced.
        clip: what is played; None for a camera alone.
        local: whether only this machine may ask for it.
    """

    sight: Sight
    facts: dict[str, Any]
    longest: int
    clip: Clip | None = None
    local: bool = True
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def app(self) -> "Starlette":
        """The page as an application of ASGI."""
        from starlette.applications import Starlette
        from starlette.responses import HTMLResponse, PlainTextResponse, Response
        from starlette.routing import Route, WebSocketRoute

        text = resources.files("echojax.demo").joinpath("page.html").read_text("utf-8")

        async def index(request: "HTTPConnection") -> Response:
            if not self._may(request):
                return PlainTextResponse("This page is for its own machine alone", 403)
            return HTMLResponse(text, headers=_HEADERS)

        return Starlette(routes=[Route("/", index), WebSocketRoute("/frames", self._serve)])

    def _may(self, request: "HTTPConnection") -> bool:
        """Whether the page itself asks, not another that is open in the same browser."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if self.local and not is_local(urlsplit(f"//{host}").hostname or ""):
            return False
        return origin is None or urlsplit(origin).netloc == host

    async def _serve(self, socket: "WebSocket") -> None:
        from starlette.websockets import WebSocketDisconnect

        if not self._may(socket):
            await socket.close(_REFUSED)
            return
        await socket.accept()
        if self._busy.locked():
            await socket.send_json({"error": "another page is open; close it and reload this one"})
            await socket.close(_LATER)
            return
        async with self._busy:
            with contextlib.suppress(WebSocketDisconnect):
                await self._show(socket)

    async def _show(self, socket: "WebSocket") -> None:
        await socket.send_json(self.facts)
        stream = Stream(self.sight.stream(), self.clip, self.longest)
        async with contextlib.aclosing(newest(socket)) as messages:
            async for message in messages:
                answer = await stream.answer(message)
                if isinstance(answer, str):
                    await socket.send_text(answer)
                else:
                    await socket.send_bytes(answer)


def is_local(host: str) -> bool:
    """Whether a host is this machine, and nothing beyond it hears of what is sent there."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def listen(host: str, port: int) -> sockets.socket:
    """A socket on which the page can be asked for; 0 for any free port.

    Raises:
        InputError: the port is taken, or the host is none of this machine's.
    """
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    try:
        return sockets.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"{host}:{port}: cannot be listened on ({error.strerror or error}); pass another --port"
        ) from error


def address(listener: sockets.socket) -> str:
    """Where a browser finds the page."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def server(page: Page) -> "Server":
    """What serves the page on a socket, by `run`, until it is told to stop."""
    from uvicorn import Config, Server

    return Server(
        Config(
            page.app(),
            ws="websockets-sansio",
            ws_max_size=MOST_BYTES,
            ws_per_message_deflate=False,  # of pictures that are compressed already
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
    )
