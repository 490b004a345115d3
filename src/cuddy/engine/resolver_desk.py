"""One container's place in the resolver: its sockets, its questions under way, its policy.

What a container does to its resolver it does to itself: it has so many questions under way and so
many connections, and datagrams that come faster than they are read are lost.
"""

from __future__ import annotations

import _socket
import os
import time

from cuddy.engine import resolver_roll
from cuddy.engine.resolver_stream import Stream
from cuddy.kernel import namespaces
from cuddy.network import dns, dns_messages, egress_rules
from cuddy.network.dns_messages import BADVERS, NOERROR, SERVFAIL, Malformed, Query
from cuddy.network.upstream import Exchange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.resolver_policy import Policy
    from cuddy.engine.resolver_roll import Entry
    from cuddy.engine.resolver_worker import Worker
    from cuddy.network.upstream import Reply
    from cuddy.network.zones import Zone

    Send = Callable[[bytes], None]
    Client = tuple[str, int]

MAX_QUESTIONS = 1024  # as Docker
MAX_ASKED = 128
"""Of these, how many are asked of others at a time: a flood would drown a small server, and with it
everybody's questions. The others wait."""
PATIENCE_S = 4.0  # whoever has waited so long is not there any more
MAX_STREAMS = 64
MAX_QUERY_BYTES = 4096
DATAGRAMS_A_TURN = 8


class Desk:
    """Where one container is answered, until `close`."""

    def __init__(
        self, worker: Worker, entry: Entry, policy: Policy, watched: list[int]
    ) -> None:  # fmt: skip
        self.asker = entry.asker
        self.policy = policy
        self.under_way: dict[object, Exchange] = {}
        self._queue: dict[object, tuple[Exchange, float]] = {}  # and since when
        self._worker = worker
        self._watched = watched  # descriptors of the policy's
        self._netns_fd = entry.netns
        # Copies of its own: the others are kept for a worker that takes over.
        self._udp = _socket.socket(fileno=os.dup(entry.udp))
        self._tcp = _socket.socket(fileno=os.dup(entry.tcp))
        self._streams: set[Stream] = set()
        worker.poll.watch(self._udp.fileno(), self._read)
        worker.poll.watch(self._tcp.fileno(), self._accept)

    def close(self) -> None:
        """The container has ended, or another process serves it."""
        for listener in (self._udp, self._tcp):
            self._worker.poll.forget(listener.fileno())
            listener.close()
        for stream in list(self._streams):
            stream.close()
        for exchange in list(self.under_way.values()):
            exchange.close()
        self.under_way.clear()
        self._queue.clear()
        for fd in self._watched:
            self._worker.poll.forget(fd)
        self.policy.close()

    def give_up_one(self) -> None:
        """The question that waits longest is not answered: its room is needed."""
        next(iter(self.under_way.values())).give_up()

    def _read(self) -> None:
        for _ in range(DATAGRAMS_A_TURN):
            try:
                data, client = self._udp.recvfrom(MAX_QUERY_BYTES)
            except OSError:
                return
            self._serve(data, client)

    def _serve(self, data: bytes, client: Client) -> None:
        self._answer(data, lambda answer: self._send(answer, client), client)

    def _send(self, answer: bytes, client: Client) -> None:
        try:
            self._udp.sendto(answer, client)
        except OSError:
            pass  # a full buffer, or a port that is gone: it will ask again

    def _accept(self) -> None:
        connection = resolver_roll.accept(self._tcp)
        if connection is None:
            return
        connection.setblocking(False)
        if len(self._streams) >= MAX_STREAMS:
            connection.close()
            return

        def ask(question: bytes, send: Send) -> None:
            self._answer(question, send, None)

        self._streams.add(Stream(self._worker.poll, connection, ask, self._streams.discard))

    def _answer(self, data: bytes, send: Send, client: Client | None) -> None:
        """Answer a question, or have others answer it. `client`: None of a stream."""
        is_udp = client is not None
        try:
            query = dns_messages.read_query(data)
        except Malformed as error:
            if error.code >= 0:
                send(dns_messages.refuse(data, error.code))
            return
        if query.edns_version:
            send(dns_messages.reply(query, BADVERS, is_udp=is_udp))
            return
        zones = self._worker.zones.of(self.asker.id)
        own = dns.decide(zones, self.asker.id, query, has_ndots=self.asker.has_ndots)
        if not self.policy.allows(query.name, query.qtype, is_own=own is not None):
            send(dns_messages.reply(query, self.policy.refusal, is_udp=is_udp))
            return
        if own is None:
            self._forward(query, data, zones, send, client)
            return
        if not self._pin(query, own.addresses, dns.TTL_S):
            send(dns_messages.reply(query, SERVFAIL, is_udp=is_udp))
            return
        turn = self._worker.turn_of(query) if len(own.addresses) > 1 else 0
        answers = own.records(turn)
        send(dns_messages.reply(query, NOERROR, answers, is_udp=is_udp, is_own=True))

    def _pin(self, query: Query, addresses: tuple[str, ...], ttl_s: int) -> bool:
        """Tell the policy of addresses that are about to be told; False if that cannot be done."""
        try:
            if addresses:
                self.policy.pin(query.name, addresses, ttl_s)
        except OSError:
            return False
        return True

    def _forward(
        self, query: Query, data: bytes, zones: list[Zone], send: Send, client: Client | None
    ) -> None:
        """Have other servers answer. One question is asked once, however often it is repeated."""
        key = (client, query.id, query.question) if client is not None else object()
        if repeated := self.under_way.get(key):
            repeated.nudge()
        if key in self.under_way or key in self._queue:
            return
        servers = self._servers(zones)
        if not servers or len(self.under_way) + len(self._queue) >= MAX_QUESTIONS:
            send(dns_messages.reply(query, SERVFAIL, is_udp=client is not None))
            return
        is_udp = client is not None

        def done(reply: Reply | None) -> None:
            self.under_way.pop(key, None)
            if self._queue and len(self.under_way) == MAX_ASKED - 1:
                self._worker.poll.after(0, self._ask_more)
            send(self._judged(query, reply, is_udp=is_udp))

        exchange = Exchange(
            self._worker.poll, query, data, servers, done,
            make_socket=self._make_socket, is_udp=is_udp, note=self._worker.note,
        )  # fmt: skip
        self._queue[key] = exchange, time.monotonic()
        self._ask_more()

    def _ask_more(self) -> None:
        """Ask what waits, as long as there is room."""
        limit = time.monotonic() - PATIENCE_S
        while self._queue and len(self.under_way) < MAX_ASKED:
            key, (exchange, since) = next(iter(self._queue.items()))
            del self._queue[key]
            if since < limit:
                exchange.give_up()
                continue
            self.under_way[key] = exchange
            exchange.begin()

    def _judged(self, query: Query, reply: Reply | None, *, is_udp: bool) -> bytes:
        """What becomes of the answer of others. To hear a refusal is to have failed: the C library
        musl, when it reads REFUSED, goes on waiting.
        """
        if (
            reply is None
            or not self._pin(query, reply.answer.addresses, reply.answer.ttl_s)
        ):  # fmt: skip
            return dns_messages.reply(query, SERVFAIL, is_udp=is_udp)
        return dns_messages.pass_on(query, reply.data, is_udp=is_udp)

    def _servers(self, zones: list[Zone]) -> list[str]:
        """Who is asked: the user's servers, reached as the container reaches them; or the host's,
        for a container that is on any network that leads outside.
        """
        if self.asker.servers:
            servers = self.asker.servers
        elif any(not zone.internal for zone in zones):
            servers = self._worker.host_servers()
        else:
            return []
        return self._worker.ranking.order(servers, time.monotonic())

    def _make_socket(self, family: int, kind: int) -> _socket.socket:
        if not self.asker.servers:
            return self._worker.make_socket(family, kind)
        namespaces.setns(self._netns_fd, namespaces.CLONE_NEWNET)
        try:
            made = self._worker.make_socket(family, kind)
            if self.asker.egress is not None:
                made.setsockopt(_socket.SOL_SOCKET, egress_rules.SO_MARK, egress_rules.ASKING)
            return made
        finally:
            namespaces.setns(self._worker.netns_fd, namespaces.CLONE_NEWNET)
