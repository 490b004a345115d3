"""A dashboard that runs, for tests that come to it with a browser or without."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from browser import CTRL, Page
from console import TIME_FACTOR, Cuddy, wait_until
from engine_api import Answer

SHOTS = os.environ.get("CUDDY_TESTS_SHOTS")
"""A directory for pictures of what the tests see, for people who want to look."""


class Dashboard(NamedTuple):
    """One that runs."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return self.url.partition("#")[0].rstrip("/")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def own(self) -> dict[str, str]:
        """The headers of its own page."""
        return {"Authorization": f"Bearer {self.token}", "Origin": self.address}

    def ask(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """One request, with these headers and a usual Host, unless they have another."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60 * TIME_FACTOR)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60 * TIME_FACTOR)

    @property
    def token(self) -> str:
        return self.url.partition("#")[2]


@contextmanager
def serving(cuddy: Cuddy, *, opens: bool = False) -> Iterator[Dashboard]:
    """A dashboard; it must end when told to, and say nothing but where it is. `opens`: a browser,
    by itself.
    """
    with cuddy.start("dashboard", *(() if opens else ("--no-open",))) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline().decode()
        assert " http://127.0.0.1:" in first
        yield Dashboard(first.split()[-1], process)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert process.stdout.read() == b"Ctrl-C ends it.\n"
        assert process.stderr.read() == b""


def look(page: Page, name: str) -> None:
    """A picture, if somebody wants to look."""
    if SHOTS:
        page.screenshot(Path(SHOTS, f"{name}.png"))


def open_shell(page: Page, box: str) -> None:
    """A shell that takes lines as they come.

    With its prompt busybox asks the terminal where the cursor is, and loses what is typed within
    some milliseconds of the answer: so it is made to read lines without asking, however often.
    """
    page.run(f"location.hash = '#/containers/{box}/terminal'")
    page.await_text("/ #", ".screen")

    attempts = itertools.count()

    def is_ready() -> bool:
        attempt = next(attempts)
        page.press("c", CTRL)
        page.type(f"echo rea''dy {attempt}; while read -r line; do eval \"$line\"; done\n")
        shown = f"document.querySelector('.screen').innerText.includes('\\nready {attempt}')"
        try:
            page.wait(shown, timeout=2)
        except AssertionError:
            return False
        return True

    wait_until(is_ready)
