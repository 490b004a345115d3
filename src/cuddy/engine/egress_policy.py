"""The policy of a container under egress control, inside the resolver process: which names it may
ask for, where their answers let it go, and the log of what it tries.
"""

from __future__ import annotations

import time

from cuddy.engine import egress_attempts
from cuddy.engine.egress_attempts import ALLOWED, REFUSED
from cuddy.kernel import namespaces, nflog, nftables
from cuddy.network import egress, egress_rules
from cuddy.network.dns_messages import NXDOMAIN
from cuddy.network.egress_pins import Pins
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cuddy.engine.resolver_policy import Watch

COUNT_EVERY_S = 1.0
"""How often the packets are counted that a flood left out of the log."""


class Confined:
    """Rules that are in force in a container's network namespace, and what the resolver does for
    them: see `resolver_policy.Policy`.
    """

    refusal = NXDOMAIN
    """Not REFUSED: the resolver of musl goes on waiting after that one."""

    def __init__(self, wanted: Mapping[str, Any], netns_fd: int, watch: Watch) -> None:
        """`wanted`: from `engine.egress.begin`. Raises OSError."""
        with Undo() as undo:
            self._log = egress_attempts.Writer(wanted["log"])
            undo.add(self._log.close)
            self._pins = Pins(egress.read(wanted["policy"]), netns_fd, wanted["hosts"])
            undo.add(self._pins.close)
            with namespaces.Joined(netns_fd, "network"):
                self._firewall = nftables.open()
                undo.add(self._firewall.close)
                self._packets = nflog.Log(nflog.bind(egress_rules.LOG_GROUP))
                undo.add(self._packets.close)
            watch(self._packets.fileno(), self.note_packets)
        self._counted = 0.0

    def allows(self, name: str, qtype: int, *, is_own: bool) -> bool:
        """Whether a question may be answered; one that may not is an attempt."""
        if self._pins.allows(name):
            return True
        self._log.write(REFUSED, name=name, port=53, protocol="dns")
        return False

    def pin(self, name: str, addresses: Sequence[str], ttl_s: int) -> None:
        """The container may reach these addresses now."""
        self._pins.pin(name, addresses, ttl_s)

    def note_packets(self) -> None:
        """Write down what the rules have seen."""
        for packet in self._packets.read():
            self._log.write(
                ALLOWED if packet.prefix == egress_rules.ALLOWED else REFUSED,
                name=self._pins.name_of(packet.address), address=packet.address,
                port=packet.port, protocol=packet.protocol,
            )  # fmt: skip
        self._log.leave_out(self._packets.take_lost())
        now = time.monotonic()
        if now - self._counted >= COUNT_EVERY_S:
            self._counted = now
            self.count_left_out()

    def count_left_out(self) -> None:
        """Write down how many packets were only counted."""
        table, counter = egress_rules.TABLE, egress_rules.LEFT_OUT
        try:
            count = nftables.take_count(self._firewall, egress_rules.FAMILY, table, counter)
        except OSError:  # somebody with more power than the container took the rules away
            return
        self._log.leave_out(count)

    def close(self) -> None:
        """The container has ended."""
        self.note_packets()
        self.count_left_out()
        self._packets.close()
        self._firewall.close()
        self._pins.close()
        self._log.close()
