"""A headless browser that tests look into, by Chromium's own protocol."""

import json
import shutil
import subprocess
import time
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

PATIENCE = 120.0  # seconds
_LOADED = "location.href !== 'about:blank' && document.readyState === 'complete'"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--window-size=1400,900",
    # A camera that shows a moving figure, which nobody is asked about.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def until(look, what):
    """The first answer of `look` that is one, asked again until patience ends."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, f"in vain waited for {what}"
        time.sleep(0.05)  # between two looks
    return found


class Tab:
    """A page in the browser."""

    def __init__(self, socket):
        self._socket, self._number = socket, 0

    def call(self, method, **parameters):
        """Call a method of the protocol."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(asked))
        while (told := json.loads(self._socket.recv(PATIENCE))).get("id") != self._number:
            pass
        assert "error" not in told, told
        return told["result"]

    def value(self, expression):
        """The value of an expression of JavaScript, once it is known."""
        told = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def picture(self, path):
        """Save a screenshot as PNG."""
        Path(path).write_bytes(b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def opened(url, folder):
    """A tab that shows an address; a test that asks for it is skipped where there is no browser.

    Args:
        url: the address.
        folder: for what the browser keeps, made for it.
    """
    from websockets.sync.client import connect

    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    folder.mkdir()
    port = folder / "DevToolsActivePort"
    words = [program, *_SWITCHES, f"--user-data-dir={folder}", url]
    with (folder / "log").open("w") as log, subprocess.Popen(words, stderr=log) as process:
        try:
            # The file is there before it is written.
            lines = until(lambda: port.is_file() and port.read_text().splitlines()[1:], "Chromium")
            assert lines
            number = port.read_text().splitlines()[0]

            def page():
                with urlopen(f"http://127.0.0.1:{number}/json", timeout=PATIENCE) as answer:
                    tabs = [tab for tab in json.load(answer) if tab["url"].startswith(url)]
                return tabs and tabs[0]["webSocketDebuggerUrl"]

            with connect(until(page, url), max_size=None, open_timeout=PATIENCE) as socket:
                tab = Tab(socket)
                until(lambda: tab.value(_LOADED), "the page")
                yield tab
        finally:
            process.terminate()
            process.wait(PATIENCE)
