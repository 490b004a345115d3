"""Where ports lead that are carried, as no rule of the host's firewall leads there: those of an
ordinary user's containers. `port_proxy.py` reads it, and goes where it says.
"""

from __future__ import annotations

from cuddy import files
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home
    from cuddy.network.endpoint import Endpoint
    from cuddy.network.publish import Published


def note(home: Home, container_id: str, place: Endpoint, published: Iterable[Published]) -> None:
    """Write it down: an address, in the container's own network namespace."""
    document = state.read(home.run_root, container_id)
    where = {
        "address": place.address or place.address6,
        "inside": [document["pid"], document["startTime"]],
        "ports": [
            [entry.port.protocol, entry.host_ip, entry.host_port, entry.port.number]
            for entry in published
        ],
    }
    files.write_json(home.ports_path(container_id), where, durable=False)
