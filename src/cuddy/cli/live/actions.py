"""What can be done to a container from the live view: each is a command of `cuddy`, run as such.

So an action has the checks, the words and the rights of the command, and nothing is forked off a
process that has threads.
"""

from __future__ import annotations

import sys

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.home import Home
    from cuddy.engine.samples import Row

SHELL = ("sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash; exec sh")


class Action(NamedTuple):
    """One. `doing`: how the container is meanwhile; `fits`: whether it makes sense."""

    key: str
    words: tuple[str, ...]
    question: str  # "": it is not asked
    doing: str
    done: str
    fits: Callable[[Row], bool]


def _is_up(row: Row) -> bool:
    return row.is_running or row.status == "restarting"


_ALL = ", with all it has changed?"
ACTIONS = (
    Action("s", ("stop",), "Stop {}?", "stopping", "stopped", _is_up),
    Action("s", ("start",), "", "starting", "started", lambda row: not _is_up(row)),
    Action("r", ("restart",), "Restart {}?", "restarting", "restarted", lambda row: True),
    Action("p", ("pause",), "Pause {}?", "pausing", "paused", lambda row: row.status == "running"),
    Action("p", ("unpause",), "", "going on", "goes on", lambda row: row.status == "paused"),
    Action(
        "K", ("kill",), "Kill {} without letting it end by itself?", "killing", "killed", _is_up
    ),
    Action(
        "D",
        ("rm", "-f"),
        f"Kill and remove {{}}{_ALL}",
        "removing",
        "removed",
        _is_up,
    ),
    Action("D", ("rm",), f"Remove {{}}{_ALL}", "removing", "removed", lambda row: not _is_up(row)),
)


def find(key: str, row: Row) -> Action | None:
    """What a key means for a container as it is; None: nothing."""
    return next((each for each in ACTIONS if each.key == key and each.fits(row)), None)


def command(places: Home, *words: str) -> list[str]:
    """A command line of this very program, on the same home."""
    package = __file__.rpartition("/cli/")[0]
    python = [sys.executable, "-I", "-S", "-X", f"packages={package.rpartition('/')[0]}"]
    homes = ["--root", places.root, "--runroot", places.run_root]
    return [*python, f"{package}/__main__.py", *homes, *words]


def shell(places: Home, container_id: str) -> list[str]:
    """The command that opens a shell in a container."""
    return command(places, "exec", "-it", container_id, *SHELL)
