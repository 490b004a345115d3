"""Is there a resolver for the containers that need one? Both its processes may have been killed."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import containers, liveness, resolver, resolver_roll
from cuddy.image.finding import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home


def examine(home: Home, *, repairing: bool) -> Iterator[Finding]:
    """Whether names are answered; if not, the next container that starts would see to it too."""
    needy = [
        container_id
        for container_id in files.list_directory(home.run_root)
        if len(container_id) == containers.ID_LENGTH
        and os.path.exists(resolver_roll.registration_path(home, container_id))
        and liveness.monitor_lives(home.run_dir(container_id))
    ]
    if not needy:
        yield from _socket_of_nobody(home, repairing)
    elif not resolver.is_running(home):
        count = f"{len(needy)} running containers" if len(needy) > 1 else "a running container"
        yield Finding("resolver", f"it is gone, and {count} cannot resolve names", "start it")
        if repairing:
            resolver.ensure(home)


def _socket_of_nobody(home: Home, repairing: bool) -> Iterator[Finding]:
    """That of a resolver which was killed with all who needed it; the next one replaces it."""
    path = f"{home.run_root}/{resolver_roll.SOCKET}"
    if not os.path.lexists(path):
        return
    with resolver_roll.Gate(home):
        if not resolver.is_running(home):
            yield Finding("resolver", "it was killed", "remove its socket", is_broken=False)
            if repairing:
                files.remove_tree(path)
