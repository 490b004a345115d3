"""What a server says of its work on standard error, when somebody wants to know (--debug)."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.connection import Peer
    from cuddy.api.http import Call


def is_wanted() -> bool:
    """Whether somebody wants to know."""
    return os.environ.get("CUDDY_DEBUG") == "1"


def say(line: str) -> None:
    """Say something that must be known, wanted or not."""
    os.write(2, f"{line}\n".encode("utf-8", "replace"))


def note(line: str) -> None:
    """Say something to those who want to know."""
    if is_wanted():
        say(line)


def request(peer: Peer, call: Call, target: str, took_s: float) -> None:
    """One line for a request that has been answered."""
    note(f"{peer}: {call.method} {target} {call.status} {took_s * 1000:.1f} ms")


def trace(error: BaseException) -> None:
    """Show where an error came from."""
    if is_wanted():
        sys.excepthook(type(error), error, error.__traceback__)
