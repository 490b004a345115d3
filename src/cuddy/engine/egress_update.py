"""Another policy for a container under egress control, also while it runs.

The rules are replaced in one transaction and what names have led to is forgotten; connections that
exist go on.
"""

from __future__ import annotations

import os

from cuddy.engine import (
    connection,
    egress,
    egress_powers,
    etc_files,
    live_netns,
    live_network,
    sharing,
)
from cuddy.errors import Conflict, InvalidArgument, NotRunning
from cuddy.network.egress import is_confined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


def change(record: Container, texts: Iterable[str]) -> dict[str, str]:
    """HostConfig.Egress after an update. Raises InvalidArgument, Conflict, SystemFailure."""
    config = record["HostConfig"]
    text = str(egress.parse(texts))
    if sharing.peer_of(config["NetworkMode"]):
        hint = "it is that of the container whose network it is"
        raise InvalidArgument("conflicting options: egress and its network mode", hint=hint)
    if is_confined(text):
        egress.check_host()
        egress_powers.check(
            config["NetworkMode"], config["PidMode"], privileged=config["Privileged"],
            cap_add=config["CapAdd"],
        )  # fmt: skip
        if record["State"]["Running"] and not is_confined(config.get("Egress", "")):
            hint = "stop it before, or make it with --egress"
            raise Conflict("its programs have powers that reach round the rules", hint=hint)
    return {"Egress": text}


def put_in_force(home: Home, record: Container, config: dict[str, Any]) -> None:
    """Replace the rules of a running container. The caller has its lock. Raises SystemFailure."""
    before = record["HostConfig"].get("Egress", "")
    if not record["State"]["Running"] or not (is_confined(before) or is_confined(config["Egress"])):
        return
    changed: Container = {**record, "HostConfig": config}
    try:
        netns_fd = live_netns.open_of(home, record)
    except NotRunning:
        return  # it has just ended: its next life will have them
    try:
        places = live_network.places(home, record)
        host = connection.host_address(places)
        hosts = etc_files.hosts_text(changed, [place.endpoint for place in places], host=host)
        egress.begin(home, changed, netns_fd, record["State"]["Pid"], hosts, anew=True)
    finally:
        os.close(netns_fd)
