"""Calls that keep a scope: what is made in it goes when the program has no more use for it."""

from __future__ import annotations

import select

from cuddy import files
from cuddy.engine import scopes
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.library.serving import Call

LOOK_MS = 1000
"""How long the answer to a signal that came at the wrong moment may take."""


def scope(call: Call) -> None:
    """Keep a new one, whose label is an item, until the program closes the call or ends."""
    scopes.collect(call.home)
    name = files.name_temporary()
    undo = Undo()
    undo.add(scopes.end, call.home, name)
    try:
        call.item({scopes.LABEL: name})
        # Else the news that the program has left could come twice, and end what takes things back.
        call.settle()
        poll = select.poll()
        poll.register(call.socket, select.POLLRDHUP)
        while not poll.poll(LOOK_MS):
            continue  # signals are answered between two looks
    finally:
        undo.run()


def end_scope(call: Call, name: str) -> None:
    """Remove what was made in it, now."""
    scopes.end(call.home, name)
