"""TLS with client certificates, in a process of its own beside that of the connection.

    client ══ TLS ══ this process ── socket pair ── the connection's process

Everything above sees an ordinary socket, of which either end may be closed alone: a closed half is
a close_notify of TLS and the other way round (RFC 8446, 6.1).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import ssl
import time

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.api.connection import Peer

HANDSHAKE_S = 20
READ_BYTES = 1 << 16


def make_context(ca: str, certificate: str, key: str) -> ssl.SSLContext:
    """Who we are, and whose clients may come. Raises InvalidArgument."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    # A session taken up again would not show its certificate again, which may have ended since.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    path = ca
    try:
        context.load_verify_locations(ca)
        path = f"{certificate} and {key}"
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise InvalidArgument(f"cannot use {path} for TLS: {error}") from None
    return context


def _no_password() -> NoReturn:
    raise ValueError("the key has a password")


def enter(client: socket.socket, peer: Peer, context: ssl.SSLContext) -> tuple[socket.socket, Peer]:
    """A plain socket in place of the client's. Raises ssl.SSLError, OSError when TLS fails."""
    session = Session(client, context)
    session.shake_hands()
    plain, ours = socket.socketpair()
    if os.fork() == 0:
        try:
            plain.close()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            session.pump(ours)
        finally:
            os._exit(0)
    ours.close()
    client.close()
    return plain, peer._replace(server_name=session.server_name, subject=session.subject())


class Session:
    """One client's TLS, on its socket."""

    def __init__(self, client: socket.socket, context: ssl.SSLContext) -> None:
        self.client = client
        self.server_name = ""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context.sni_callback = self._note_name
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _note_name(self, tls: object, name: str | None, context: object) -> None:
        self.server_name = name or ""

    def subject(self) -> str:
        """The common name in the client's certificate."""
        certificate = self._tls.getpeercert() or {}
        rows = certificate.get("subject", ())
        names = [str(pair[1]) for row in rows for pair in row if pair[0] == "commonName"]
        return names[0] if names else ""

    def shake_hands(self) -> None:
        """Agree on keys. Raises ssl.SSLError, OSError, TimeoutError among them."""
        deadline_s = time.monotonic() + HANDSHAKE_S
        while True:
            problem = None
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError as error:
                problem = error
            finally:  # an alert tells the client why it failed
                self.client.settimeout(max(0.001, deadline_s - time.monotonic()))
                self.client.sendall(self._outgoing.read())
            if not problem:
                return
            data = self.client.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError("the client left during the handshake")
            self._incoming.write(data)

    def pump(self, plain: socket.socket) -> None:
        """Carry bytes both ways until either side has gone. Raises OSError."""
        Pump(self.client, plain, self._tls, self._incoming, self._outgoing).run()


class Pump:
    """Bytes both ways, as much at a time as the other side takes."""

    def __init__(
        self,
        client: socket.socket,
        plain: socket.socket,
        tls: ssl.SSLObject,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
    ) -> None:
        self._client, self._plain, self._tls = client, plain, tls
        self._incoming, self._outgoing = incoming, outgoing
        self._up, self._down = bytearray(), bytearray()  # to the server, to the client
        self._client_wrote_all = self._server_wrote_all = False
        client.setblocking(False)
        plain.setblocking(False)

    def run(self) -> None:
        """Until either side has gone. Raises OSError."""
        self._decrypt()  # what came with the end of the handshake
        while True:
            poll = select.poll()
            wants = self._interest(self._up, self._down, self._client_wrote_all)
            if wants:  # else a client that has gone would wake us for nothing
                poll.register(self._client, wants)
            poll.register(self._plain, self._interest(self._down, self._up, self._server_wrote_all))
            ready = dict(poll.poll())
            if ready.get(self._plain.fileno(), 0) & (select.POLLHUP | select.POLLERR):
                self._finish()
                return
            if ready.get(self._client.fileno(), 0) & ~select.POLLOUT and not self._up:
                data = self._client.recv(READ_BYTES)
                if not data:
                    return  # without a word of parting: whatever it sent may be cut short
                self._incoming.write(data)
                self._decrypt()
            if ready.get(self._plain.fileno(), 0) & select.POLLIN and not self._down:
                self._encrypt(self._plain.recv(READ_BYTES))
            self._flush()

    @staticmethod
    def _interest(read_into: bytearray, written_from: bytearray, is_over: bool) -> int:
        wants = select.POLLIN if not read_into and not is_over else 0
        return wants | (select.POLLOUT if written_from else 0)

    def _decrypt(self) -> None:
        try:
            while data := self._tls.read(READ_BYTES):
                self._up += data
            self._client_wrote_all = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._client_wrote_all = True

    def _encrypt(self, data: bytes) -> None:
        if data:
            self._tls.write(data)
            return
        self._server_wrote_all = True
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # it has written that it is the end, and would like to read the same

    def _flush(self) -> None:
        self._down += self._outgoing.read()
        _send(self._client, self._down)
        _send(self._plain, self._up)
        if self._client_wrote_all and not self._up:
            try:
                self._plain.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has been
        if self._server_wrote_all and not self._down:
            try:
                self._client.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def _finish(self) -> None:
        """The connection's process has gone: the client gets what that wrote last."""
        try:
            while data := self._plain.recv(READ_BYTES):
                self._tls.write(data)
        except OSError:
            pass
        if not self._server_wrote_all:
            self._encrypt(b"")
        self._client.settimeout(HANDSHAKE_S)
        self._client.sendall(bytes(self._down) + self._outgoing.read())


def _send(sock: socket.socket, buffer: bytearray) -> None:
    """Send what goes. Raises OSError."""
    if buffer:
        try:
            del buffer[: sock.send(buffer)]
        except BlockingIOError:
            pass
