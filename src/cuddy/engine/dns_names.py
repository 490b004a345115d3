"""The names by which a container is known on its networks."""

from __future__ import annotations

from cuddy.engine import endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.container import Container, Status
    from cuddy.engine.home import Home

SHORT_ID = 12


def names_of(record: Container, aliases: Iterable[str] = ()) -> list[str]:
    """Docker's `DNSNames`: its name, the aliases it has on that network, its short id, and the
    host name that it was given. The first one is its own, which an address is called by.
    """
    names = [record["Name"].removeprefix("/"), *aliases, record["Id"][:SHORT_ID]]
    return list(dict.fromkeys([*names, record["Config"].get("Hostname") or names[0]]))


def renew(home: Home, record: Container) -> None:
    """Have others find a running container by the names that its record has by now.

    Raises OSError, CorruptContent, NoSuchContainer.
    """
    # Imported here: a birth knows its names already.
    from cuddy.engine import container
    from cuddy.network import ipam
    from cuddy.network import network as networks

    found = {
        name: names_of(record, config.get("Aliases") or ())
        for name, config in endpoint.asked(record).items()
    }
    named = {name: facts for name, facts in endpoint.facts(record).items() if name in found}
    for name, facts in named.items():
        if facts.get("NetworkID"):
            path = networks.leases_path(home.networks_run_dir, facts["NetworkID"])
            ipam.set_names(path, record["Id"], found[name])

    def change(status: Status) -> None:
        for name, facts in (status.get("NetworkSettings", {}).get("Networks") or {}).items():
            if name in found and facts.get("DNSNames"):
                facts["DNSNames"] = found[name]

    if any(facts.get("DNSNames") for facts in named.values()):
        container.change_status(home, record["Id"], change, durable=False)
