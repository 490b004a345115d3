"""Which module makes the links of a network: its driver.

A container's monitor leases an endpoint, has the driver `ensure` the network's own link, and
`attach`es; when a container leaves a network before its end it `detach`es.
"""

from __future__ import annotations

from cuddy.errors import NoSuchPlugin
from cuddy.network import bridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from cuddy.network.endpoint import Endpoint
    from cuddy.network.network import Network

    class Driver(Protocol):
        """What a module has to offer. All raise SystemFailure, Conflict."""

        def check(self, network: Network) -> None:
            """Refuse options that make no sense, before anything is made. InvalidArgument."""

        def ensure(self, network: Network, *, owner: str = "") -> None:
            """Have all that the network needs on the host, whatever of it is there.

            `owner`: the directory of the network's record; links made here are named after it.
            """

        def is_ready(self, network: Network) -> bool:
            """Whether `ensure` would find nothing to do."""

        def attach(self, network: Network, endpoint: Endpoint, netns_fd: int) -> None:
            """Give a network namespace its link and addresses."""

        def detach(self, network: Network, endpoint: Endpoint, netns_fd: int) -> None:
            """Take them from a namespace that goes on without."""

        def remove(self, network: Network) -> None:
            """Take away what `ensure` made; no container may be on it."""


NAMES = ("bridge", "macvlan", "ipvlan")


def of(network: Network) -> Driver:
    """The driver of a network. Raises NoSuchPlugin."""
    if network.driver == "bridge":
        return bridge
    # Imported here: most networks are bridges.
    if network.driver == "macvlan":
        from cuddy.network import macvlan

        return macvlan
    if network.driver == "ipvlan":
        from cuddy.network import ipvlan

        return ipvlan
    raise NoSuchPlugin(network.driver)


def unknown_options(network: Network) -> list[str]:
    """Options that mean nothing to the network's driver, nor to Docker's."""
    from cuddy.network import bridge_options, ipvlan, macvlan

    known = {"bridge": bridge_options, "macvlan": macvlan, "ipvlan": ipvlan}[network.driver].KNOWN
    return [name for name in network.options if name not in known]
