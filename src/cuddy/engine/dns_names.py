"""The names by which a container is known on its networks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.container import Container

SHORT_ID = 12


def names_of(record: Container, aliases: Iterable[str] = ()) -> list[str]:
    """Docker's `DNSNames`: its name, the aliases it has on that network, its short id, and the
    host name that it was given. The first one is its own, which an address is called by.
    """
    names = [record["Name"].removeprefix("/"), *aliases, record["Id"][:SHORT_ID]]
    return list(dict.fromkeys([*names, record["Config"].get("Hostname") or names[0]]))
