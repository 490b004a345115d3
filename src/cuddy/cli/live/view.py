"""The way into the live view and out of it: the terminal is given back however it ends."""

from __future__ import annotations

import _signal
import os
import select
import sys

from cuddy.cli.live import feed
from cuddy.errors import NotFound, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cuddy.engine.home import Home

BACK = (
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"  # the mouse
    "\x1b[?2004l\x1b[?1004l\x1b[?2048l\x1b[<u"  # pasting, focus, sizes, keys
    "\x1b[?7h\x1b[?1049l\x1b[?25h\x1b[0m"  # lines wrap, the usual screen, the cursor
)
"""What a terminal has to be told that was not told so in order."""
PATIENCE_S = 3.0
"""For the view to end in order after a signal: a terminal that is stuck would hold it for ever."""


def run(places: Home, environment: Mapping[str, str]) -> int:
    """Show the view until the user has had enough; the exit status. Raises CuddyError."""
    if not os.isatty(0) or not os.isatty(1):
        raise WrongArguments(
            "the live view needs a terminal", hint="'cuddy stats' and 'cuddy top --json' do not"
        )
    if environment.get("TERM") in (None, "", "dumb"):
        raise WrongArguments(
            "the live view needs a terminal that can be drawn on",
            hint="TERM is not set, or 'dumb': 'cuddy stats' does without",
        )
    check()
    link = feed.start(places)  # before anything has threads
    terminal = Terminal()
    try:
        return _show(places, link, environment, terminal)
    finally:
        link.close()
        terminal.give_back()


def check() -> None:
    """Whether textual is there. Raises NotFound."""
    from importlib import util

    try:
        found = util.find_spec("textual")
    except (ImportError, ValueError):
        found = None
    if not found:
        hint = "pip install 'cuddy[tui]', or 'cuddy stats' without it"
        raise NotFound("the live view needs the library textual", hint=hint)


def _show(places: Home, link: feed.Link, environment: Mapping[str, str], terminal: Terminal) -> int:
    from cuddy.cli.live.app import Top

    kept = dict(environment)  # textual takes some variables away
    app = Top(places, link, kept)
    terminal.watch(app.leave_soon)
    code = app.run()
    if app.failure:
        raise app.failure
    return code or 0


class Terminal:
    """How the terminal was, and that it is so again."""

    def __init__(self) -> None:
        import termios

        self._modes = termios.tcgetattr(0)
        self._is_away = False
        # Where textual draws; whatever else than UTF-8 the locale says, bars need it.
        stream = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
        vars(sys)["__stderr__"] = stream

    def watch(self, leave: Callable[[int], None]) -> None:
        """From now on the view has it. `leave` is called with the exit code if a signal ends it."""

        def end(number: int, frame: object) -> None:
            leave(128 + number)
            # A terminal that takes nothing any more would hold the view for ever.
            _signal.signal(_signal.SIGALRM, lambda *_: self._abandon(number))
            _signal.setitimer(_signal.ITIMER_REAL, PATIENCE_S)

        self._is_away = True
        _signal.signal(_signal.SIGINT, end)
        _signal.signal(_signal.SIGTERM, end)
        # Nobody is there to see anything any more.
        _signal.signal(_signal.SIGHUP, lambda number, _: self._abandon(number))

    def _abandon(self, number: int) -> None:
        self.give_back()
        os._exit(128 + number)

    def give_back(self) -> None:
        """Restore it, as far as it is there."""
        if not self._is_away:
            return
        import termios

        self._is_away = False
        try:
            termios.tcsetattr(0, termios.TCSANOW, self._modes)
            poll = select.poll()
            poll.register(1, select.POLLOUT)
            if poll.poll(0):
                os.write(1, BACK.encode())
        except (OSError, termios.error):
            pass  # it is gone
