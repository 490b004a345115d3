"""What a container may ask its resolver, and what becomes of the answers: the door of the resolver
for policies, and the policy of those that have none.

A policy lives in the resolver's worker, one object for each container, made by `open_policy` when
the container is registered, and again when a worker was killed and a new one took over. All of it
is called from the worker's loop: nothing in it may wait.
"""

from __future__ import annotations

from cuddy.network.dns_messages import REFUSED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from cuddy.engine.resolver_roll import Asker

    Watch = Callable[[int, Callable[[], None]], None]
    """`watch(fd, ready)`: have `ready` called whenever `fd` can be read; after `close` no more."""

    class Policy(Protocol):
        """What is asked before a name is answered, and told before the answer is sent."""

        refusal: int
        """The code of the answer where something is not allowed: `dns_messages.NXDOMAIN` ..."""

        def allows(self, name: str, qtype: int, *, is_own: bool) -> bool:
            """Whether a question may be answered or forwarded.

            `name`: in lower case, without the final dot; bytes that are not ASCII as \\ddd.
            `is_own`: it is the name of a container on a network of the asker's.
            """

        def pin(self, name: str, addresses: Sequence[str], ttl_s: int) -> None:
            """An answer has these addresses, IPv4 and IPv6; the container gets it afterwards.

            Only those that the name leads to, by way of its CNAMEs. `ttl_s`: the least of all
            records on that way; 0 for names of containers, which are asked for each time.
            """

        def close(self) -> None:
            """The container has ended: close what was opened."""


class Free:
    """The policy of a container that has none: it may ask anything."""

    refusal = REFUSED  # which it never says

    def allows(self, name: str, qtype: int, *, is_own: bool) -> bool:
        """Yes."""
        return True

    def pin(self, name: str, addresses: Sequence[str], ttl_s: int) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing was opened."""


def open_policy(asker: Asker, netns_fd: int, watch: Watch) -> Policy:
    """The policy of a container that has been registered. Raises OSError.

    `netns_fd`: its network namespace, which the policy may enter (`namespaces.Joined`); it stays
    open as long as the policy. `watch`: for sockets of the policy's own.
    """
    if asker.egress is None:
        return Free()
    # Imported here: few containers are under egress control.
    from cuddy.engine import egress_policy

    return egress_policy.Confined(asker.egress, netns_fd, watch)
