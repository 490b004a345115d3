"""A real browser without a window: Chromium, spoken with by its DevTools protocol over two pipes.

A test that wants it where it is not installed is skipped.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import isolation
from console import TIME_FACTOR, wait_until

ANSWER_S = 60 * TIME_FACTOR
FLAGS = (
    "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-background-networking", "--disable-breakpad", "--disable-component-update",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-sync", "--hide-scrollbars",
    "--no-default-browser-check", "--mute-audio", "--use-mock-keychain",
)  # fmt: skip
KEYS = {"Enter": 13, "Tab": 9, "Escape": 27, "Backspace": 8, "ArrowLeft": 37, "ArrowUp": 38,
        "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35, " ": 32}  # fmt: skip
CTRL, SHIFT = 2, 8


class Browser:
    """A Chromium of the test's own. `directory`: for all that it writes, with a short name: there
    are sockets in it.
    """

    def __init__(self, directory: Path) -> None:
        program = shutil.which("chromium")
        if not program:
            pytest.skip("chromium is not installed")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()

        def arrange() -> None:
            for fd, number in ((os.dup(theirs_in), 3), (os.dup(theirs_out), 4)):
                os.dup2(fd, number)

        home = {"HOME": str(directory), "XDG_RUNTIME_DIR": str(directory), "TMPDIR": str(directory)}
        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={directory}/profile", "about:blank"],
            preexec_fn=arrange, close_fds=False, start_new_session=True,
            env={"PATH": os.environ["PATH"], **home},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._unread = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str = "", **arguments: Any) -> Any:
        """One command of the protocol, and what it answers."""
        self._number += 1
        said = {"id": self._number, "method": method, "params": arguments}
        os.write(self._out, json.dumps(said | ({"sessionId": session} if session else {})).encode())
        os.write(self._out, b"\0")
        while True:
            heard = self._hear(time.monotonic() + ANSWER_S)
            if heard.get("id") == self._number:
                assert "error" not in heard, f"{method}: {heard['error']}"
                return heard["result"]
            self.events.append(heard)

    def _hear(self, deadline_s: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            left_s = max(0.0, deadline_s - time.monotonic())
            ready, _, _ = select.select([self._in], [], [], left_s)
            assert ready, "the browser does not answer"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser has gone"
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        return found

    def open(self, url: str) -> Page:
        """A tab of its own."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, target, attached["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.ask(f"{domain}.enable")
        page.resize(1280, 860)
        page.go(url)
        return page

    def close(self) -> None:
        """Have it end, and all that it has started."""
        try:
            self.ask("Browser.close")
        except (AssertionError, OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self._in)
        os.close(self._out)
        self.process.wait(30 * TIME_FACTOR)


class Page:
    """A tab."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session

    def ask(self, method: str, **arguments: Any) -> Any:
        return self._browser.ask(method, self._session, **arguments)

    def go(self, url: str) -> None:
        self.ask("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def reload(self) -> None:
        self.run("window.isOld = true")
        self.ask("Page.reload")
        self.wait("!window.isOld && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression; of a promise, what it comes to."""
        found = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, (script, found["exceptionDetails"])
        return found["result"].get("value")

    def wait(self, script: str, timeout: float = 30) -> Any:
        """Until an expression is true; its value."""
        deadline = time.monotonic() + timeout * TIME_FACTOR
        while not (value := self.run(script)):
            assert time.monotonic() < deadline, f"not so: {script}\n{self.text()[:3000]}"
            time.sleep(0.05)
        return value

    def text(self, selector: str = "body") -> str:
        found: str = self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return found

    def await_text(self, text: str, selector: str = "body") -> None:
        """Until an element shows a text."""
        where = f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"
        self.wait(f"({where}).includes({json.dumps(text)})")

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of an element."""
        self.wait(f"!!document.querySelector({json.dumps(selector)})")
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, modifiers: int = 0) -> None:
        """One key."""
        code = KEYS.get(key) or ord(key.upper())
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 and not modifiers else "")
        how = {"key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.ask(
            "Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **how
        )
        self.ask("Input.dispatchKeyEvent", type="keyUp", **how)

    def type(self, text: str) -> None:
        """Letters, as a keyboard sends them; \\n is Enter."""
        for letter in text:
            if letter == "\n" or letter.isalnum():
                self.press("Enter" if letter == "\n" else letter)
            else:
                self.ask("Input.insertText", text=letter)

    def emulate(self, **features: str) -> None:
        """Media features such as prefers_color_scheme="dark"."""
        found = [{"name": n.replace("_", "-"), "value": value} for n, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=found)

    def resize(self, width: int, height: int) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def complaints(self) -> list[str]:
        """What the browser has refused, and what scripts have thrown."""
        found = []
        for event in self._browser.events:
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(event["params"]["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded":
                entry = event["params"]["entry"]
                if entry["level"] == "error":
                    found.append(f"{entry['text']} {entry.get('url', '')}")
        return found

    def close(self) -> None:
        self._browser.ask("Target.closeTarget", targetId=self._target)


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser, and none afterwards."""
    with tempfile.TemporaryDirectory(dir=isolation.directory(), prefix="b") as directory:
        browser = Browser(Path(directory))
        try:
            yield browser
        finally:
            browser.close()
            wait_until(lambda: not left(browser.process.pid), what="the browser left processes")


def left(session: int) -> list[int]:
    """The processes of a session that live."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(name))
    return found
