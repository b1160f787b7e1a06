"""The live page: served in this process, asked by a client of ours and by a browser."""

import io
import json
import socket
import struct
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import av
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from echojax.cli import main
from echojax.demo import frames, server, sight
from echojax.demo.server import Page
from echojax.demo.sight import Sight
from echojax.demo.stream import Stream
from echojax.errors import InputError
from echojax.inference.enhance import Interpolation, Network, enhance
from echojax.inference.grade import Following
from echojax.inference.grade_lines import LINES
from echojax.inference.regions import REGIONS
from echojax.inference.scorers import Pixels
from echojax.inference.segment import SIZE, Segmentation
from echojax.models.srresnet import SRResNet, SRResNetSettings
from echojax.models.unet import UNet, UNetSettings
from echojax.report.grade_colours import colour_of, legend
from echojax.weights import networks
from tests import browser
from tests.inference.test_grade import MASK, SPACING, Counting, frame_of

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
client = pytest.importorskip("websockets.sync.client")

PATIENCE = browser.PATIENCE
FACTS = {
    "method": "CR inside the sector",
    "reason": "",
    "enhancement": "bicubic",
    "regions": REGIONS,
    "legend": [(word, colour.hex) for word, colour in legend()],
    "longest": 300,
    "clip": "a.mp4",
}


def known_mask(levels):
    """What a network would find, had it learned from these frames."""
    small = Image.fromarray(MASK).resize(levels.shape[::-1], Image.Resampling.NEAREST)
    return Segmentation(np.asarray(small))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    rows, columns = (side // 2 * 2 for side in MASK.shape)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20, options={"crf": "10"})
        stream.height, stream.width, stream.pix_fmt = rows, columns, "yuv420p"
        for number in range(6):
            frame = frame_of(MASK, seed=number)[:rows, :columns]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "gray")))
        container.mux(stream.encode(None))
    return path


def grading():
    return Sight(sight.bicubic, Pixels("cr", "literature", LINES["cr", "literature"]), known_mask)


@contextmanager
def served(page):
    """The page on a free port; gives its address."""
    with server.listen("127.0.0.1", 0) as listener:
        running = server.server(page)
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            yield server.address(listener)
        finally:
            running.should_exit = True
            thread.join(PATIENCE)
    assert not thread.is_alive()


@contextmanager
def connected(address, **more):
    target = address.replace("http", "ws") + "frames"
    with client.connect(target, max_size=None, open_timeout=PATIENCE, **more) as socket:
        yield socket


@pytest.fixture(scope="module")
def page(clip):
    with served(Page(grading(), FACTS, 300, frames.read(clip, 300))) as address:
        yield address


def greeted(page):
    with connected(page) as socket:
        return "regions" in json.loads(socket.recv(PATIENCE))


def exchanged(socket, message):
    socket.send(message)
    return socket.recv(PATIENCE)


def jpeg(levels, kind="JPEG"):
    file = io.BytesIO()
    Image.fromarray(levels).save(file, kind)
    return file.getvalue()


def unpacked(message):
    (length,) = struct.unpack(">I", message[:4])
    told = json.loads(message[4 : 4 + length])
    pictures = message[4 + length :]
    split = told["size"]
    return told, *(
        np.asarray(Image.open(io.BytesIO(each))) for each in (pictures[:split], pictures[split:])
    )


def test_the_page_is_one_file_that_asks_nothing_of_anybody_else(page):
    with urlopen(page, timeout=PATIENCE) as answer:
        text = answer.read().decode()
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_a_frame_of_the_clip_comes_back_graded_and_enhanced(page):
    with connected(page) as socket:
        assert json.loads(socket.recv(PATIENCE))["clip"] == "a.mp4"
        socket.send("next")
        told, original, enhanced = unpacked(socket.recv(PATIENCE))
    rows, columns = (side // 2 * 2 for side in MASK.shape)
    assert enhanced.shape == (4 * rows, 4 * columns)
    assert original.ndim == 3  # drawn over in colour
    assert np.ptp(original.astype(int), axis=2).max() > 100
    assert len(told["regions"]) == len(REGIONS)
    for region in told["regions"]:
        assert 1 <= region["grade"] <= 5
        assert region["colour"] == colour_of(region["grade"]).hex
    assert set(told["times"]) == {"segment", "grade", "draw", "enhance", "encode"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_of_a_camera_is_answered(page, kind):
    levels = np.repeat(frame_of(MASK)[..., None], 3, axis=2)  # as cameras have it
    with connected(page) as socket:
        socket.recv(PATIENCE)
        socket.send(jpeg(levels, kind))
        told, _, enhanced = unpacked(socket.recv(PATIENCE))
    assert enhanced.shape == tuple(4 * n for n in MASK.shape)
    assert not any(region["reason"] for region in told["regions"])


def test_what_is_too_large_or_no_picture_is_refused_and_the_page_goes_on(page, monkeypatch):
    with connected(page) as socket:
        socket.recv(PATIENCE)
        monkeypatch.setenv("ECHOJAX_MAX_PIXELS", "1000")
        socket.send(jpeg(frame_of(MASK)))
        assert "more than 1,000" in json.loads(socket.recv(PATIENCE))["error"]
        monkeypatch.delenv("ECHOJAX_MAX_PIXELS")
        for bad in (b"GIF89a", jpeg(frame_of(MASK))[:200], b"-"):
            socket.send(bad)
            assert "cannot be read as JPEG or PNG" in json.loads(socket.recv(PATIENCE))["error"]
        socket.send(jpeg(frame_of(MASK)))
        assert isinstance(socket.recv(PATIENCE), bytes)


def test_an_upload_of_too_many_bytes_ends_the_connection(page):
    from websockets.exceptions import ConnectionClosed

    with connected(page) as socket:
        socket.recv(PATIENCE)
        with pytest.raises(ConnectionClosed):
            exchanged(socket, bytes(server.MOST_BYTES + 1))
    browser.until(lambda: greeted(page), "the page to be served again")


def test_one_page_at_a_time_and_the_next_when_it_is_closed(page):
    with connected(page) as first:
        first.recv(PATIENCE)
        with connected(page) as second:
            assert "another page is open" in json.loads(second.recv(PATIENCE))["error"]

    browser.until(lambda: greeted(page), "the first page to be let go")


def test_of_frames_that_wait_only_the_newest_is_looked_at():
    seen, go = [], threading.Event()

    def slow(levels):
        seen.append(levels.shape)
        assert go.wait(PATIENCE)
        return levels

    with served(Page(Sight(slow), FACTS, 300)) as address, connected(address) as socket:
        socket.recv(PATIENCE)
        for side in range(20, 30):
            socket.send(jpeg(np.zeros((side, side), np.uint8)))
            if side == 20:
                browser.until(lambda: seen, "the first frame to be looked at")
        socket.ping().wait(PATIENCE)  # all of them have arrived
        go.set()
        first, last = (unpacked(socket.recv(PATIENCE))[2] for _ in range(2))
    assert [first.shape, last.shape] == [(20, 20), (29, 29)]
    assert seen == [(20, 20), (29, 29)]


@pytest.mark.parametrize(
    "headers", [{"Host": "attacker.example"}, {"Origin": "http://attacker.example"}]
)
def test_another_page_in_the_same_browser_gets_nothing(page, headers):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(HTTPError) as refused:
        urlopen(Request(page, headers=headers), timeout=PATIENCE)
    assert refused.value.code == 403
    refused.value.close()
    if "Origin" in headers:
        with pytest.raises(InvalidStatus), connected(page, origin=headers["Origin"]):
            pass


def test_who_is_this_machine():
    assert all(map(server.is_local, ("localhost", "127.0.0.1", "127.3.2.1", "::1")))
    assert not any(map(server.is_local, ("0.0.0.0", "10.0.0.1", "localhost.attacker.example", "")))


def test_a_port_that_is_taken_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"127.0.0.1:{port}: cannot be listened on"):
            server.listen("127.0.0.1", port)


def test_a_clip_is_reduced_and_its_millimetres_stay(clip):
    whole, small = frames.read(clip, 10_000), frames.read(clip, 50)
    assert max(small.levels[0].shape) == 50
    assert small.levels[0].dtype == np.uint8
    assert len(small.levels) == 6
    assert small.rate == 20
    for one, other, *steps in zip(
        whole.levels[0].shape, small.levels[0].shape, whole.spacing, small.spacing, strict=True
    ):
        assert one * steps[0] == pytest.approx(other * steps[1])
    assert np.array_equal(small.at(8).levels, small.levels[2])  # again from the beginning
    assert small.at(8).moment == pytest.approx(0.1)


def test_a_long_clip_fills_no_more_memory_than_is_allowed(clip, monkeypatch):
    pixels = MASK.shape[0] * MASK.shape[1]
    monkeypatch.setenv("ECHOJAX_MAX_PIXELS", str(pixels))
    monkeypatch.setattr(frames, "max_bytes", lambda: 3 * pixels)
    cut = frames.read(clip, 10_000)
    assert len(cut.levels) == 3
    assert not cut.whole


def test_bicubic_is_that_of_the_project():
    frame = frame_of(MASK)[:40, :50]
    exact = enhance(frame, Interpolation("bicubic", sight.SCALE), mode="upscale", high=255)
    assert np.abs(sight.bicubic(frame).astype(int) - exact).max() <= 1


def test_a_network_enhances_as_the_command_does(random_network):
    settings = SRResNetSettings(blocks=1, channels=4)
    enlarger = Network(random_network(lambda: SRResNet(settings, rngs=nnx.Rngs(0))))
    frame = frame_of(MASK)[:40, :48]
    found = sight.network(enlarger, "restore")(frame)
    assert np.array_equal(found, enhance(frame, enlarger, mode="restore", high=255))


def test_points_are_averaged_with_those_of_frames_just_before():
    def points_after(*moments):
        following, shift = Following(Counting()), 4
        for number, moment in enumerate(moments):
            mask = np.roll(MASK, number * shift, axis=0)
            found = following(frame_of(mask), mask, SPACING, moment)
        return found.seen.regions.masks

    alone = points_after(0)
    with pytest.raises(AssertionError):
        np.testing.assert_array_equal(points_after(0, 0.05), np.roll(alone, 4, axis=1))
    for far in ((0, 5), (5, 0)):  # a slow machine; a clip that begins anew
        np.testing.assert_array_equal(points_after(*far), np.roll(alone, 4, axis=1))


def test_without_a_clip_asking_for_it_is_an_error_in_words():
    import asyncio

    answer = asyncio.run(Stream(Sight(sight.bicubic).stream(), None, 64).answer("next"))
    assert "--clip FILE" in json.loads(answer)["error"]


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "websockets"])
def test_without_the_extra_the_command_says_what_to_install(missing, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["demo"]) == 2
    said = capsys.readouterr().err
    assert missing in said
    assert "pip install 'echojax[demo]'" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "coherence"], "coherence needs a network; pass --grader"),
        (["--method", "gcnr", "--grader", "x"], "gcnr needs no network"),
        (["--mode", "restore"], "--mode is of a network"),
        (["--segmenter", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--clip", "none.mp4"], "none.mp4: no such file"),
    ],
)
def test_what_cannot_be_is_refused_at_once(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def pages(monkeypatch):
    """What a command would have served."""
    found = []
    monkeypatch.setattr("echojax.cli.demo._run", lambda page, listener: found.append(page))
    return found


def test_the_command_without_a_segmenter_says_why_there_are_no_grades(clip, pages, capsys):
    assert main(["demo", "--clip", str(clip), "--port", "0", "--longest", "64"]) == 0
    (page,) = pages
    assert page.sight.scorer is None
    assert page.local
    assert "--segmenter FILE" in page.facts["reason"]
    printed = capsys.readouterr()
    assert "http://127.0.0.1:" in printed.out
    assert "Frames never leave this machine" in printed.err


def test_the_command_with_networks_grades_and_enhances(clip, pages, random_network, tmp_path):
    segmenter, generator = tmp_path / "segmenter.safetensors", tmp_path / "sr.safetensors"
    settings = UNetSettings(encoder=(4, 6), decoder=(4,))
    networks.save(random_network(lambda: UNet(settings, rngs=nnx.Rngs(0))), segmenter, {SIZE: "16"})
    made = random_network(
        lambda: SRResNet(SRResNetSettings(blocks=1, channels=4), rngs=nnx.Rngs(0))
    )
    networks.save(made, generator)
    words = ("--segmenter", segmenter, "--weights", generator, "--mode", "restore", "--clip", clip)
    assert main(["demo", *map(str, words), "--view", "4CH", "--port", "0", "--longest", "64"]) == 0
    (page,) = pages
    assert page.facts["regions"][0] == "basal septal"
    assert page.facts["enhancement"] == "sr, x4 smaller and back"
    shown = page.sight.stream()(page.clip.at(0))
    assert max(Image.open(io.BytesIO(shown.enhanced)).size) == 64
    assert shown.graded is not None
    assert shown.graded.seen.mask is not None


FILLED = """
["original", "enhanced"].every(id => {
  const canvas = document.getElementById(id);
  const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(all.filter((_, n) => n % 4 === 0)).size > 20;
})
"""
RATE = "Number(document.getElementById('rate').textContent)"


@pytest.mark.parametrize("source", ["clip", "camera"])
def test_a_browser_shows_both_halves_and_a_rate(page, source, tmp_path):
    with browser.opened(page, tmp_path / "browser") as tab:
        browser.until(lambda: tab.value("at('source').length") == 2, "a clip and a camera")
        if source == "camera":
            tab.value("at('source').selectedIndex = 1, at('source').onchange(), 0")
            browser.until(lambda: tab.value("video.videoWidth > 0"), "the camera")
            tab.value("shown.length = 0, at('rate').textContent = '0', 0")
        browser.until(lambda: tab.value(f"{RATE} > 0"), "a frame rate")
        assert tab.value(FILLED)
        assert tab.value("at('regions').childElementCount") == len(REGIONS)
        assert not tab.value("at('said').textContent")
        tab.picture(tmp_path / "page.png")
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.width > 1000


def test_the_page_is_in_the_package():
    assert (Path(server.__file__).parent / "page.html").is_file()
