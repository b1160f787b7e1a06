"""Downloads that go on where they broke off, and that are checked before they count."""

import fcntl
import hashlib
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPException, HTTPMessage
from io import BufferedRandom, BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.response import addinfourl

from echojax.errors import EchojaxError, InputError
from echojax.progress import bar
from echojax.version import __version__

TIMEOUT = 30.0  # seconds a server may be silent
SCHEMES = ("http", "https", "file")
CHUNK = 1 << 16
MB = 1_000_000
# What opening an address can raise besides an answer of the server: no connection, an answer that
# is not HTTP, characters no URL has.
UNREACHABLE = (OSError, HTTPException, ValueError)


class _UnreachableError(EchojaxError):
    """The file cannot be had at its address; `download` adds what to do."""


def file_name(url: str) -> str:
    """The name of the file an address leads to.

    Raises:
        InputError: the address names a folder.
    """
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if name in ("", ".."):
        raise InputError(f"{url}: names no file")
    return name


def hash_in_name(file: str) -> str | None:
    """The leading hex digits (8 to 64) of its sha256 that a file's name ends with, if it does.

    PyTorch's convention: `vgg19-dcbb9e9d.pth`, `SRGAN_x4-ImageNet-8c4a7569.pth.tar`. A date
    (`model-20240131.pth`) is no hash.
    """
    found = re.search(r"-([0-9a-f]{8,64})(?:\.[a-z]\w*)+$", file, re.IGNORECASE)
    if found is None:
        return None
    digits = found[1].lower()
    date = re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", digits)
    return None if date else digits


def mirrored(url: str, mirror: str | None) -> str:
    """The address of the same file in another folder, or `url` itself without a mirror.

    Raises:
        InputError: the mirror is no http://, https:// or file:// address.
    """
    if mirror is None:
        return url
    _check_scheme(mirror)
    return f"{mirror.rstrip('/')}/{urlsplit(url).path.rpartition('/')[2]}"


def download(url: str, target: Path, *, sha256: str | None = None) -> None:
    """Bring the file at an address to `target`, unless a file is there already.

    The bytes are collected in `<target>.part`, and `target` appears only when they are all there
    and their sha256 is right. What an earlier call left there is gone on with if the server can
    continue (RFC 9110, section 14) and says, by ETag or date (kept in `<target>.part.etag`), that
    its file is still the same; otherwise the download starts again. Progress is shown.

    Args:
        url: An http://, https:// or file:// address.
        target: The file to make; missing folders are made.
        sha256: All 64 hex digits or the leading ones, at least 8; without it only the length is
            checked. A file that is at `target` already is held against it too.

    Raises:
        InputError: another kind of address or not a hash.
        EchojaxError: no such file, no connection, one that broke off, another hash; the message
            says what to do.
    """
    _check_scheme(url)
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{8,64}", sha256):
        raise InputError(f"sha256 = {sha256}: expected 8 to 64 hex digits")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        with target.open("rb") as file:
            found = _another_hash(file, sha256)
        if found:
            raise EchojaxError(
                f"{target}: its sha256 begins with {found}, not with {sha256}; "
                "delete it to download it again"
            )
        return
    part, tag = (target.with_name(target.name + end) for end in (".part", ".part.etag"))
    with _locked(part) as file:
        if target.exists():  # another process finished it while this one opened the part
            return
        try:
            _transfer(url, file, tag, f"Downloading {target.name} (MB)")
        except _UnreachableError as error:
            raise EchojaxError(
                f"{error}; give --mirror URL for a copy, or put the file at {target} by hand"
            ) from error
        found = _another_hash(file, sha256)
        if found:
            part.unlink()
            tag.unlink(missing_ok=True)
            raise EchojaxError(
                f"{url}: the sha256 of what came begins with {found}, not with {sha256}; it was "
                "deleted. Run the same command again; if that does not help, the file there is "
                "another one: give --mirror URL or the right --sha256"
            )
        part.replace(target)
        tag.unlink(missing_ok=True)


def _check_scheme(url: str) -> None:
    if url.partition("://")[0].lower() not in SCHEMES:
        raise InputError(
            f"{url}: expected an address that begins with http://, https:// or file://"
        )


@contextmanager
def _locked(part: Path) -> Iterator[BufferedRandom]:
    """Open a part for one process at a time; an empty one is not left behind."""
    with part.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EchojaxError(
                f"{part}: another process is downloading this file; wait for it, and run again"
            ) from error
        except OSError:
            pass  # a file system without locks
        try:
            yield file
        finally:
            if not file.seek(0, os.SEEK_END):
                part.unlink(missing_ok=True)


def _another_hash(file: BufferedRandom | BufferedReader, sha256: str | None) -> str | None:
    """As many leading digits of the file's hash as were expected, if they are others."""
    if sha256 is None:
        return None
    file.seek(0)
    found = hashlib.file_digest(file, "sha256").hexdigest()[: len(sha256)]
    return None if found == sha256.lower() else found


def _transfer(url: str, file: BufferedRandom, tag: Path, title: str) -> None:
    """Complete what `file` holds, or fill it anew."""
    have = file.seek(0, os.SEEK_END)
    version = tag.read_text(encoding="utf-8") if have and tag.is_file() else ""
    if version:
        # If-Range: the rest, if the file is still that version, otherwise all of it (200).
        rest = {"Range": f"bytes={have}-", "If-Range": version}
        with _answer(url, rest) as answer:
            if answer.status == 416 and _whole_size(answer.headers) == have:
                return  # broken off after the last byte
            if answer.status == 206 and _continues(answer.headers, have, version):
                _receive(answer, file, _whole_size(answer.headers), tag, title)
                return
    with _answer(url, {}) as answer:
        if answer.status not in (200, None):  # None: a file:// address
            raise _UnreachableError(f"{url}: unexpected answer {answer.status}")
        if answer.headers.get_content_type() == "text/html":
            raise _UnreachableError(f"{url}: is a web page, not the file")
        tag.unlink(missing_ok=True)  # before the bytes it spoke of
        file.truncate(0)
        if version := _version(answer.headers):
            tag.write_text(version, encoding="utf-8")
        length = answer.headers.get("Content-Length", "")
        _receive(answer, file, int(length) if length.isdecimal() else None, tag, title)


def _version(headers: Message) -> str:
    """What tells this version of a file from another; weak ETags do not, byte for byte."""
    tag = headers.get("ETag", "")
    return headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag


def _whole_size(headers: Message) -> int | None:
    found = re.fullmatch(r"bytes (?:\d+-\d+|\*)/(\d+)", headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _continues(headers: Message, have: int, version: str) -> bool:
    """Whether a partial answer is the rest of that version; not every server heeds If-Range."""
    size = _whole_size(headers)
    wanted = None if size is None else f"bytes {have}-{size - 1}/{size}"
    return headers.get("Content-Range") == wanted and _version(headers) in ("", version)


def _receive(
    answer: addinfourl, file: BufferedRandom, size: int | None, tag: Path, title: str
) -> None:
    """Append an answer's bytes until there are `size` of them; None: unknown, until it ends."""
    have = file.seek(0, os.SEEK_END)
    broke = ""
    with _megabytes(title, size, have) as count:
        while size is None or have < size:
            try:
                chunk = answer.read(CHUNK)
            except (OSError, HTTPException) as error:
                broke = f" ({_reason(error)})"
                break
            if not chunk:
                break
            file.write(chunk)
            have += len(chunk)
            count(have)
    file.flush()
    if broke or (size is not None and have < size):
        of = "" if size is None else f" of {size / MB:.1f}"
        how = "go on" if tag.exists() else "start again"
        raise EchojaxError(
            f"{answer.url}: broke off at {have / MB:.1f}{of} MB{broke}; "
            f"run the same command again to {how}"
        )


@contextmanager
def _megabytes(title: str, size: int | None, have: int) -> Iterator[Callable[[int], None]]:
    """Show a download of known size; gives what to call with the number of bytes there are."""
    if size is None:
        yield lambda _: None
        return
    total, shown = math.ceil(size / MB), have // MB
    with bar(title, total, shown) as progress:

        def count(bytes_there: int) -> None:
            nonlocal shown
            now = total if bytes_there >= size else bytes_there // MB
            if now > shown:
                progress.advance(now - shown)
                shown = now

        yield count


class _Redirects(request.HTTPRedirectHandler):
    """Follows a server elsewhere, but from https to https only."""

    def redirect_request(
        self,
        req: request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> request.Request | None:
        if req.type == "https" and not newurl.lower().startswith("https://"):
            fp.close()
            raise URLError(f"it leads from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextmanager
def _answer(url: str, headers: dict[str, str]) -> Iterator[addinfourl]:
    """The server's answer, if it has the file; 416 (nothing in that range) is an answer too."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.FileHandler,
        request.UnknownHandler,
        request.HTTPDefaultErrorHandler,
        _Redirects,
        request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    # Some hosts refuse urllib's own name.
    headers = {"User-Agent": f"echojax/{__version__}", **headers}
    try:
        answer = opener.open(request.Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code != 416 or "Range" not in headers:
            with error:
                later = "; try again later" if error.code == 429 or error.code >= 500 else ""
                raise _UnreachableError(
                    f"{url}: the server says {error.code} {_reason(error)}{later}"
                ) from error
        answer = error
    except UNREACHABLE as error:
        raise _UnreachableError(f"{url}: cannot be read ({_reason(error)})") from error
    with answer:
        yield answer


def _reason(error: Exception) -> str:
    """A cause in one line."""
    text = str(error.reason if isinstance(error, URLError) else error)
    return " ".join(text.split()) or type(error).__name__
