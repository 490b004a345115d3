"""A build at a terminal: all steps at once, redrawn in place by `rich`.

It is drawn by a timer's signal, since whoever builds waits for its workers meanwhile. A build that
is over before the timer first fires, because all of it was cached, is written once, and `rich` is
never imported.
"""

from __future__ import annotations

import _signal
import os
import sys
import time

from cuddy.cli import build_frame
from cuddy.cli.build_lines import warnings_text, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType
    from typing import Any

    from rich.live import Live

    from cuddy.builder.report import Event

EVERY_S = 0.15
COLOURS = {"blue": "34", "red": "31", "yellow": "33"}


class View:
    """The terminal on standard error, until `close`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._frame = build_frame.Frame()
        self._has_colours = not environment.get("NO_COLOR")
        self._live: Live | None = None
        self._is_busy = False
        self._previous: Any = _signal.signal(_signal.SIGALRM, self._tick)
        # Nobody's system call is to fail for a picture.
        _signal.siginterrupt(_signal.SIGALRM, False)
        _signal.setitimer(_signal.ITIMER_REAL, EVERY_S, EVERY_S)

    def __call__(self, event: Event) -> None:
        self._is_busy = True
        try:
            self._frame.hear(event)
        finally:
            self._is_busy = False

    def close(self) -> None:
        """Draw how it ended, all of it, and give the terminal back."""
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        _signal.signal(_signal.SIGALRM, self._previous)
        rows = self._frame.rows(time.time(), finished=True)
        if self._live is not None:
            self._live.update(self._text(rows, self._live.console.width))
            self._live.stop()
        elif len(rows) > 1:
            write_error(self._plain(rows))
        if text := warnings_text(self._frame.warnings):
            write_error(text)

    def _tick(self, number: int, frame: FrameType | None) -> None:
        """Redraw, unless the signal came in the middle of something that drawing would use."""
        if self._is_busy or not self._frame.is_active() or _is_importing(frame):
            return
        self._is_busy = True
        try:
            if self._live is None:
                self._live = _open_live()
                self._live.start()
            console = self._live.console
            rows = self._frame.rows(time.time(), finished=False)
            rows = build_frame.fit(rows, max(1, console.height - 1))
            self._live.update(self._text(rows, console.width), refresh=True)
        finally:
            self._is_busy = False

    def _text(self, rows: list[build_frame.Row], columns: int) -> Any:
        from rich.text import Text

        lines = [Text(build_frame.lay_out(row, columns), style=row.style) for row in rows]
        return Text("\n", no_wrap=True, overflow="crop", end="").join(lines)

    def _plain(self, rows: list[build_frame.Row]) -> str:
        columns = os.get_terminal_size(2).columns or 80
        found = []
        for row in rows:
            line = build_frame.lay_out(row, columns)
            colour = COLOURS.get(row.style, "") if self._has_colours else ""
            found.append(f"\x1b[{colour}m{line}\x1b[0m\n" if colour else f"{line}\n")
        return "".join(found)


def _open_live() -> Live:
    from rich.console import Console
    from rich.live import Live

    return Live(
        console=Console(file=sys.stderr, highlight=False),
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is half imported just now: to import another then could meet it."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
