"""Docker's endpoints that have nothing behind them here: Swarm and what belongs to it, plugins.

Clients ask them in passing (SDKs leave a swarm after every test, `docker inspect` looks for
plugins), and go on when they hear the usual words.
"""

from __future__ import annotations

from cuddy.errors import CuddyError, NoSuchPlugin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.api.http import Call

SWARM = ("swarm", "nodes", "services", "tasks", "secrets", "configs")
METHODS = ("GET", "POST", "PUT", "DELETE")


class NoSwarm(CuddyError):
    """What only a member of a swarm could answer."""

    http_status = 503


class NotAnswered(CuddyError):
    """What cuddy will never do."""

    http_status = 501


def leads_no_swarm(call: Call) -> NoReturn:
    """A question to a manager of a swarm."""
    raise NoSwarm(
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to '
        "connect this node to swarm and try again."
    )


def is_in_no_swarm(call: Call) -> NoReturn:
    """A question to a member of a swarm."""
    raise NoSwarm("This node is not part of a swarm")


def no_swarm(call: Call) -> NoReturn:
    """The wish to have one."""
    raise NotAnswered("cuddy is not part of swarms, and makes none")


def plugins(call: Call) -> None:
    """The list of plugins."""
    call.answer([])


def no_plugin(call: Call) -> NoReturn:
    """A plugin by name."""
    raise NoSuchPlugin(call.ref)


def no_plugins(call: Call) -> NoReturn:
    """The wish to have one."""
    raise NotAnswered("cuddy has no plugins: what docker has as plugins is part of it")
