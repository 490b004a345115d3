"""The networks of an ordinary user's containers.

Their bridges cannot be in the machine's own network namespace, which is root's. Whatever makes
links or rules for a network calls `enter` first, as an ordinary user: there a monitor is to join
the user's own network namespace, from which a program of the user's leads out.
"""

from __future__ import annotations

from cuddy.errors import NotPermitted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.home import Home


def enter(home: Home) -> NoReturn:
    """Join the network namespace in which the user's bridges are. Raises NotPermitted."""
    raise NotPermitted(
        "an ordinary user's containers cannot be on a network yet",
        hint="--network none, or --network host for the host's own",
    )
