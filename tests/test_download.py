import fcntl
import hashlib
import io
import re
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import numpy as np
import pytest

from echojax import download
from echojax.errors import EchojaxError, InputError

OLD, NEW = (np.random.default_rng(seed).bytes(300_000) for seed in (1, 2))
HALF = 120_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Source:
    """A web server with one file, and what goes wrong with it."""

    content: bytes = OLD
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"old"'})
    ranges: bool = True
    heeds_if_range: bool = True
    shift: int = 0  # of the bytes a range is answered with
    says_length: bool = True
    break_after: int | None = None
    status: int = 200
    leads_to: str = ""
    requests: list[Message] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    address: str = ""

    @property
    def url(self) -> str:
        return f"{self.address}/folder/weights.pth"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(handler.headers)
        if self.leads_to and not handler.path.startswith("/elsewhere/"):
            handler.send_response(302)
            handler.send_header("Location", self.leads_to)
            handler.end_headers()
            return
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        version = handler.headers.get("If-Range")
        whole, start = len(self.content), 0
        extra = dict(self.headers)
        status = self.status
        if asked and self.ranges and (version in self.headers.values() or not self.heeds_if_range):
            start = int(asked[1]) + self.shift
            status = 206 if start < whole else 416
            extra["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
            if status == 416:
                extra["Content-Range"] = f"bytes */{whole}"
        body = self.content[start:]
        handler.send_response(status)
        for name, value in extra.items():
            handler.send_header(name, value)
        if self.says_length:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        body = body[: self.break_after]
        self.sent.append(len(body))
        with suppress(ConnectionError):  # the client need not listen to the end
            handler.wfile.write(body)


@pytest.fixture
def source(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    it = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            it.answer(self)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        it.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield it
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "cache" / "weights.pth"


def names(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()}


@pytest.fixture
def broken_off(source, target) -> None:
    """The first HALF bytes of OLD are there."""
    source.break_after = HALF
    with pytest.raises(EchojaxError, match="broke off"):
        download.download(source.url, target)
    source.break_after = None
    source.requests.clear()
    source.sent.clear()


def test_a_file_comes_whole_into_a_new_folder_and_nothing_else(source, target):
    download.download(source.url, target, sha256=sha256(OLD))
    assert target.read_bytes() == OLD
    assert names(target) == {"weights.pth"}
    assert "Range" not in source.requests[0]
    assert source.requests[0]["User-Agent"].startswith("echojax/")


def test_a_file_that_is_there_is_not_downloaded_again_and_kept_if_its_hash_is_another(
    source, target
):
    download.download(source.url, target)
    download.download(source.url, target, sha256=sha256(OLD))
    with pytest.raises(EchojaxError, match=rf"{target}: its sha256 .*delete it to download"):
        download.download(source.url, target, sha256=sha256(NEW))
    assert target.read_bytes() == OLD
    assert len(source.requests) == 1


def test_leading_digits_of_the_hash_are_enough_in_either_case(source, target):
    download.download(source.url, target, sha256=sha256(OLD)[:20].upper())
    assert target.read_bytes() == OLD


@pytest.mark.parametrize("wrong", ["1234567", "0" * 65, "resnet18"])
def test_what_is_no_hash_is_refused_before_anything_is_asked(source, target, wrong):
    with pytest.raises(InputError, match="8 to 64 hex digits"):
        download.download(source.url, target, sha256=wrong)
    assert not source.requests


def test_a_wrong_hash_is_said_and_leaves_nothing(source, target):
    with pytest.raises(EchojaxError) as caught:
        download.download(source.url, target, sha256="0123456789")
    text = str(caught.value)
    assert text.startswith(f"{source.url}: ")
    assert f"begins with {sha256(OLD)[:10]}, not with 0123456789; it was deleted" in text
    assert names(target) == set()


@pytest.mark.usefixtures("broken_off")
def test_a_wrong_hash_after_going_on_leaves_nothing(source, target):
    source.content = NEW  # without another ETag
    with pytest.raises(EchojaxError, match="it was deleted"):
        download.download(source.url, target, sha256=sha256(NEW))
    assert names(target) == set()
    download.download(source.url, target, sha256=sha256(NEW))
    assert target.read_bytes() == NEW


def test_a_broken_download_says_how_far_it_came_and_how_to_go_on(source, target):
    source.break_after = HALF
    with pytest.raises(EchojaxError) as caught:
        download.download(source.url, target)
    assert str(caught.value) == (
        f"{source.url}: broke off at 0.1 of 0.3 MB; run the same command again to go on"
    )
    assert not target.exists()
    assert target.with_name("weights.pth.part").read_bytes() == OLD[:HALF]


@pytest.mark.usefixtures("broken_off")
def test_another_call_asks_only_for_the_rest_however_often_it_breaks_off(source, target):
    source.break_after = 1000
    with pytest.raises(EchojaxError, match="broke off"):
        download.download(source.url, target)
    source.break_after = None
    download.download(source.url, target, sha256=sha256(OLD))
    assert target.read_bytes() == OLD
    ranges = [asked["Range"] for asked in source.requests]
    assert ranges == [f"bytes={HALF}-", f"bytes={HALF + 1000}-"]
    assert {asked["If-Range"] for asked in source.requests} == {'"old"'}
    assert source.sent == [1000, len(OLD) - HALF - 1000]
    assert names(target) == {"weights.pth"}


@pytest.mark.usefixtures("broken_off")
@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_a_file_that_changed_meanwhile_is_not_spliced(source, target, heeds_if_range):
    source.content, source.headers = NEW, {"ETag": '"new"'}
    source.heeds_if_range = heeds_if_range
    download.download(source.url, target)
    assert target.read_bytes() == NEW


@pytest.mark.usefixtures("broken_off")
def test_a_version_is_forgotten_with_its_bytes(source, target):
    source.content, source.headers, source.break_after = NEW, {}, HALF
    with pytest.raises(EchojaxError, match="broke off"):
        download.download(source.url, target)
    source.content, source.headers, source.break_after = OLD, {"ETag": '"old"'}, None
    download.download(source.url, target)
    assert target.read_bytes() == OLD


@pytest.mark.usefixtures("broken_off")
def test_a_range_that_begins_elsewhere_is_not_appended(source, target):
    source.shift = 7
    download.download(source.url, target)
    assert target.read_bytes() == OLD


@pytest.mark.usefixtures("broken_off")
def test_a_part_that_is_whole_is_taken_without_its_bytes_again(source, target):
    target.with_name("weights.pth.part").write_bytes(OLD)
    download.download(source.url, target, sha256=sha256(OLD))
    assert target.read_bytes() == OLD
    assert [asked["Range"] for asked in source.requests] == [f"bytes={len(OLD)}-"]


@pytest.mark.usefixtures("broken_off")
def test_a_part_longer_than_the_file_is_thrown_away(source, target):
    target.with_name("weights.pth.part").write_bytes(OLD + b"more")
    download.download(source.url, target)
    assert target.read_bytes() == OLD


def test_without_a_version_a_download_starts_again(source, target):
    source.headers = {}
    source.break_after = HALF
    with pytest.raises(EchojaxError, match="run the same command again to start again"):
        download.download(source.url, target)
    source.break_after, source.content = None, NEW
    download.download(source.url, target)
    assert target.read_bytes() == NEW
    assert "Range" not in source.requests[1]


def test_a_date_is_a_version_where_the_tag_is_weak(source, target):
    date = "Mon, 06 Jan 2025 08:00:00 GMT"
    source.headers = {"ETag": 'W/"weak"', "Last-Modified": date}
    source.break_after = HALF
    with pytest.raises(EchojaxError, match="to go on"):
        download.download(source.url, target)
    source.break_after = None
    download.download(source.url, target)
    assert source.requests[1]["If-Range"] == date
    assert source.sent == [HALF, len(OLD) - HALF]
    assert target.read_bytes() == OLD


def test_a_file_of_unsaid_length_is_read_to_its_end_without_a_bar(source, target, capsys):
    source.says_length = False
    download.download(source.url, target, sha256=sha256(OLD))
    assert target.read_bytes() == OLD
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, r"the server says 404 Not Found; give --mirror URL"),
        (503, r"the server says 503 Service Unavailable; try again later; give --mirror URL"),
        (416, r"the server says 416 "),
        (204, r"unexpected answer 204; give --mirror URL"),
    ],
)
def test_a_server_without_the_file_is_one_line_and_leaves_nothing(source, target, status, says):
    source.status = status
    source.says_length = status != 204
    with pytest.raises(EchojaxError, match=says) as caught:
        download.download(source.url, target)
    text = str(caught.value)
    assert text.startswith(f"{source.url}: ")
    assert text.endswith(f"or put the file at {target} by hand")
    assert "\n" not in text
    assert names(target) == set()


@pytest.mark.usefixtures("broken_off")
def test_a_server_out_of_order_does_not_cost_what_is_there(source, target):
    source.status, source.ranges = 503, False
    with pytest.raises(EchojaxError, match="503"):
        download.download(source.url, target)
    source.status, source.ranges = 200, True
    download.download(source.url, target)
    assert source.requests[-1]["Range"] == f"bytes={HALF}-"
    assert target.read_bytes() == OLD


def test_a_web_page_is_not_taken_for_weights(source, target):
    source.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(EchojaxError, match="is a web page"):
        download.download(source.url, target)
    assert names(target) == set()


def test_a_server_that_is_not_there(target, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/weights.pth"
    with pytest.raises(EchojaxError, match=rf"^{url}: cannot be read \(.*refused\); give --mirror"):
        download.download(url, target)
    assert names(target) == set()


def silence(*_, **__):
    """What the standard library does when a server says nothing for so long."""
    raise TimeoutError("timed out")


@pytest.fixture
def falls_silent(monkeypatch):
    """After HALF bytes of an answer nothing more comes."""

    def read(answer, amount):
        left = HALF - came.get(answer, 0)
        chunk = hear(answer, min(amount, left)) if left else silence()
        came[answer] = came.get(answer, 0) + len(chunk)
        return chunk

    came, hear = {}, HTTPResponse.read
    with monkeypatch.context() as patch:
        patch.setattr(HTTPResponse, "read", read)
        yield patch


@pytest.mark.parametrize(
    ("owner", "name"), [(socket, "create_connection"), (HTTPConnection, "getresponse")]
)
def test_a_silent_server_is_given_up(source, target, monkeypatch, owner, name):
    monkeypatch.setattr(owner, name, silence)
    with pytest.raises(EchojaxError, match=r"cannot be read \(timed out\)"):
        download.download(source.url, target)


def test_a_server_may_be_silent_for_half_a_minute(source, target, monkeypatch):
    connect, allowed = socket.create_connection, []

    def note(address, timeout, *rest):
        allowed.append(timeout)
        return connect(address, timeout, *rest)

    monkeypatch.setattr(socket, "create_connection", note)
    download.download(source.url, target)
    assert allowed == [30]


def test_a_server_that_falls_silent_on_the_way_is_given_up_and_gone_on_with(
    source, target, falls_silent
):
    with pytest.raises(EchojaxError, match=r"broke off at 0\.1 of 0\.3 MB \(timed out\); run"):
        download.download(source.url, target)
    falls_silent.undo()
    download.download(source.url, target)
    assert source.sent[1] == len(OLD) - HALF
    assert target.read_bytes() == OLD


@pytest.mark.usefixtures("falls_silent")
def test_a_file_of_unsaid_length_that_broke_off_does_not_count(source, target):
    source.says_length = False
    with pytest.raises(EchojaxError, match=r"broke off at 0\.1 MB \(timed out\)"):
        download.download(source.url, target)
    assert not target.exists()


def test_a_redirect_is_followed_with_the_range(source, target):
    source.leads_to = "/elsewhere/weights.pth"
    source.break_after = HALF
    with pytest.raises(EchojaxError, match="broke off"):
        download.download(source.url, target)
    source.break_after = None
    download.download(source.url, target)
    assert target.read_bytes() == OLD
    assert source.sent == [HALF, len(OLD) - HALF]


@pytest.mark.parametrize("leads_to", ["ftp://127.0.0.1/weights.pth", "file:///etc/hostname", "/a"])
def test_a_redirect_to_another_kind_of_address_or_in_a_circle_is_refused(source, target, leads_to):
    source.leads_to = leads_to
    with pytest.raises(EchojaxError, match=f"^{source.url}: "):
        download.download(source.url, target)
    assert names(target) == set()


def test_a_redirect_from_https_to_http_is_refused():
    # Asked of the handler itself: an https server would need a certificate.
    old, new = Request("https://host/weights.pth"), "http://host/weights.pth"
    with pytest.raises(URLError, match="from https to http://host"):
        download._Redirects().redirect_request(old, io.BytesIO(), 302, "Found", Message(), new)


@pytest.mark.parametrize("url", ["ftp://host/a.pth", "/data/weights.pth", "http:/a"])
def test_other_kinds_of_address_are_refused(target, url):
    with pytest.raises(InputError, match=f"^{url}: expected an address .*https://"):
        download.download(url, target)


def test_two_downloads_of_one_file_do_not_mix(source, target):
    target.parent.mkdir()
    with target.with_name("weights.pth.part").open("ab") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        with pytest.raises(EchojaxError, match="another process is downloading"):
            download.download(source.url, target)
    download.download(source.url, target)
    assert target.read_bytes() == OLD


def test_progress_is_shown_in_megabytes(source, target, capsys):
    source.content = OLD * 8
    download.download(source.url, target)
    assert capsys.readouterr().err == "Downloading weights.pth (MB): 3/3  done\n"


def test_progress_begins_where_the_download_broke_off(source, target, monkeypatch):
    source.content, source.break_after = OLD * 8, 2_100_000
    with pytest.raises(EchojaxError, match=r"broke off at 2\.1 of 2\.4 MB"):
        download.download(source.url, target)
    source.break_after = None
    begun = []
    shown = download.bar
    monkeypatch.setattr(download, "bar", lambda *given: begun.append(given) or shown(*given))
    download.download(source.url, target)
    assert begun == [("Downloading weights.pth (MB)", 3, 2)]
    assert target.read_bytes() == OLD * 8


def test_a_mirror_may_be_a_folder_on_disk(tmp_path, target):
    folder = tmp_path / "my copies"
    folder.mkdir()
    (folder / "weights.pth").write_bytes(OLD)
    url = download.mirrored("https://host/models/weights.pth", folder.as_uri())
    download.download(url, target, sha256=sha256(OLD)[:8])
    assert target.read_bytes() == OLD
    assert names(target) == {"weights.pth"}


def test_a_file_missing_from_a_mirror_on_disk(tmp_path, target):
    url = download.mirrored("https://host/weights.pth", tmp_path.as_uri())
    with pytest.raises(EchojaxError, match=r"cannot be read \(.*No such file"):
        download.download(url, target)
    assert names(target) == set()


def test_a_mirror_holds_the_file_under_the_same_name():
    url = "https://host/a/b/weights-8c4a7569.pth.tar?download=true"
    copy = "http://copy/models/weights-8c4a7569.pth.tar"
    assert download.mirrored(url, "http://copy/models/") == copy
    assert download.mirrored(url, None) == url


def test_a_mirror_without_a_scheme_is_refused():
    with pytest.raises(InputError, match=r"^/data/models: expected an address"):
        download.mirrored("https://host/a.pth", "/data/models")


@pytest.mark.parametrize(
    ("file", "digits"),
    [
        ("SRGAN_x4-ImageNet-8c4a7569.pth.tar", "8c4a7569"),
        (f"generator-{sha256(OLD)}.pth", sha256(OLD)),
        ("resnet18-F37072FD.pth", "f37072fd"),
        ("weights-abc1234.pth", None),
        ("weights-20240131.pth", None),
        ("weights_dcbb9e9d.pth", None),
        ("dcbb9e9d", None),
    ],
)
def test_the_hash_in_a_file_s_name(file, digits):
    assert download.hash_in_name(file) == digits


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("https://host/resolve/main/a.pth.tar?download=true", "a.pth.tar"),
        ("file:///data/my%20copies/my%20weights.pth", "my weights.pth"),
        ("https://host/..%2F..%2Fweights.pth", "weights.pth"),
    ],
)
def test_the_name_of_the_file_an_address_leads_to(url, file):
    assert download.file_name(url) == file


@pytest.mark.parametrize("url", ["https://host/", "https://host/a/%2E%2E"])
def test_an_address_without_a_file_is_refused(url):
    with pytest.raises(InputError, match="names no file"):
        download.file_name(url)
