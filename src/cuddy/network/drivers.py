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

        def ensure(self, network: Network) -> None:
            """Have all that the network needs on the host, whatever of it is there."""

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
    raise NoSuchPlugin(network.driver)
