"""The resolver as its clients see it: who registers a container, and how the process comes to be.

A container on a user network, or with an egress policy, asks 127.0.0.11 (`resolv.own_resolver`).
In its network namespace two sockets, UDP and TCP, are what it reaches there; `begin` makes them and
hands them to the one resolver process of the Home, which is started if it does not run.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


def begin(home: Home, record: Container, netns_fd: int, pid: int, *, egress: Any = None) -> None:
    """Have the resolver answer a container from now on; names can be asked when this returns.

    `netns_fd`: its network namespace. `pid`: its first process, whose end is the registration's.
    `egress`: what its policy is made of, see `resolver_policy`. A container that is registered
    already is so anew. Raises SystemFailure.
    """
