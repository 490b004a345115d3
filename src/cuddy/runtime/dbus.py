"""A client of the message bus, as far as asking systemd takes: calls, their answers, signals.

D-Bus specification, "Message Protocol" and "Authentication Protocol" (EXTERNAL: the kernel tells
the other side who we are). Values are in `dbus_values`.
"""

from __future__ import annotations

import os
import socket
import struct
import time

from cuddy.errors import SystemFailure
from cuddy.runtime import dbus_values
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CALL, REPLY, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
FIELD_TYPES = {PATH: "o", REPLY_SERIAL: "u", SIGNATURE: "g"}
HEADER = "yyyyuua(yv)"
FIXED_BYTES = 16
"""Of the header, with the length of what follows it."""
MESSAGE_BYTES = 1 << 24
VERSION = 1
TIMEOUT_S = 25
BUS = "org.freedesktop.DBus"


class BusError(SystemFailure):
    """The other side's refusal; `name` is for programs, such as org.freedesktop.DBus.Error.X."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text or name)
        self.name = name


class Message(NamedTuple):
    """One message; `body` are its values."""

    kind: int
    serial: int
    fields: dict[int, Any]
    body: list[Any]

    def is_signal(self, interface: str, member: str) -> bool:
        """Whether it is that signal."""
        wanted = (SIGNAL, interface, member)
        return (self.kind, self.fields.get(INTERFACE), self.fields.get(MEMBER)) == wanted


def compose(kind: int, serial: int, fields: dict[int, Any], signature: str, *body: Any) -> bytes:
    """A message as bytes. Raises ValueError."""
    content = dbus_values.encode(signature, body)
    if signature:
        fields = fields | {SIGNATURE: signature}
    pairs = [(code, (FIELD_TYPES.get(code, "s"), value)) for code, value in fields.items()]
    start = (ord("l"), kind, 0, VERSION, len(content), serial, pairs)
    header = bytearray(dbus_values.encode(HEADER, start))
    dbus_values.pad(header, 8)
    return bytes(header) + content


def length_of(fixed: bytes) -> int:
    """How many bytes follow the fixed part of a header. Raises ValueError."""
    order = order_of(fixed)
    body, _, fields = struct.unpack(f"{order}III", fixed[4:FIXED_BYTES])
    length = int(fields + -fields % 8 + body)
    if length > MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes")
    return length


def order_of(data: bytes) -> str:
    """The order of bytes, as struct has it. Raises ValueError."""
    orders = {b"l": "<", b"B": ">"}
    if data[:1] not in orders or data[3:4] != bytes([VERSION]):
        raise ValueError("not a message of D-Bus")
    return orders[data[:1]]


def parse(data: bytes) -> Message:
    """A whole message. Raises ValueError."""
    order = order_of(data)
    _, kind, _, _, body_bytes, serial, pairs = dbus_values.decode(HEADER, data, order)
    fields = {code: value for code, (_, value) in pairs}
    signature = fields.get(SIGNATURE, "")
    content = data[len(data) - body_bytes :] if body_bytes else b""
    if not isinstance(signature, str) or body_bytes > len(data):
        raise ValueError("a message of D-Bus contradicts itself")
    return Message(kind, serial, fields, dbus_values.decode(signature, content, order))


class Bus(Closing):
    """A connection to a message bus, under a name that the bus gives it."""

    def __init__(self, path: str) -> None:
        """`path`: of the socket. Raises OSError, BusError."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._serial = 0
        self._signals: list[Message] = []
        try:
            self._socket.settimeout(TIMEOUT_S)
            self._socket.connect(path)
            self._authenticate()
            (self.name,) = self.call(BUS, "/org/freedesktop/DBus", BUS, "Hello")
        except BaseException:
            self._socket.close()
            raise

    def _authenticate(self) -> None:
        """As whom the kernel knows us, which we do not: in a user namespace we have another id."""
        for said, expected in ((b"\0AUTH EXTERNAL", b"DATA"), (b"DATA", b"OK ")):
            self._socket.sendall(said + b"\r\n")
            if not self._line().startswith(expected):
                raise BusError(f"{BUS}.Error.AuthFailed", "the message bus does not let us in")
        self._socket.sendall(b"BEGIN\r\n")

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n") and len(line) < 512:
            line += self._receive(1)
        return line

    def _receive(self, count: int) -> bytes:
        chunks = bytearray()
        while len(chunks) < count:
            chunk = self._socket.recv(count - len(chunks))
            if not chunk:
                raise BusError(f"{BUS}.Error.Disconnected", "the message bus hung up")
            chunks += chunk
        return bytes(chunks)

    def receive(self) -> Message:
        """The next message, whatever it is. Raises BusError, OSError."""
        try:
            fixed = self._receive(FIXED_BYTES)
            return parse(fixed + self._receive(length_of(fixed)))
        except ValueError as error:
            raise BusError(f"{BUS}.Error.InvalidArgs", f"the message bus: {error}") from None

    def send(self, kind: int, fields: dict[int, Any], signature: str = "", *body: Any) -> int:
        """Send a message; its serial number. Raises OSError, ValueError."""
        self._serial += 1
        self._socket.sendall(compose(kind, self._serial, fields, signature, *body))
        return self._serial

    def call(
        self, service: str, path: str, interface: str, method: str, signature: str = "", *body: Any
    ) -> list[Any]:
        """The answer's values. Signals that come meanwhile are kept. Raises BusError, OSError."""
        fields = {DESTINATION: service, PATH: path, INTERFACE: interface, MEMBER: method}
        try:
            serial = self.send(CALL, fields, signature, *body)
        except ValueError as error:
            raise BusError(f"{BUS}.Error.InvalidArgs", str(error)) from None
        while (message := self.receive()).fields.get(REPLY_SERIAL) != serial:
            if message.kind == SIGNAL:
                self._signals.append(message)
        if message.kind == ERROR:
            text = message.body[0] if message.body and isinstance(message.body[0], str) else ""
            raise BusError(str(message.fields.get(ERROR_NAME)), text)
        return message.body

    def watch(self, rule: str) -> None:
        """Have signals sent to us that fit a rule. Raises BusError, OSError."""
        self.call(BUS, "/org/freedesktop/DBus", BUS, "AddMatch", "s", rule)

    def next_signal(self, interface: str, member: str, deadline: float) -> Message | None:
        """The next signal of that name; None when it is too late. Raises BusError, OSError."""
        while True:
            while self._signals:
                message = self._signals.pop(0)
                if message.is_signal(interface, member):
                    return message
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            self._socket.settimeout(left_s)
            try:
                self._signals.append(self.receive())
            except TimeoutError:
                return None
            finally:
                self._socket.settimeout(TIMEOUT_S)

    def close(self) -> None:
        """Leave the bus."""
        self._socket.close()


def socket_path(address: str) -> str:
    """The socket in an address such as `unix:path=/run/dbus/system_bus_socket`; "" if none is.

    An abstract one begins with a NUL. Values are escaped as in URLs.
    """
    for each in address.split(";"):
        transport, _, rest = each.partition(":")
        pairs = dict(pair.partition("=")[::2] for pair in rest.split(","))
        for key, prefix in (("path", ""), ("abstract", "\0")):
            if transport == "unix" and pairs.get(key):
                return prefix + unescape(pairs[key])
    return ""


def unescape(text: str) -> str:
    """`%2f` is a slash."""
    first, *others = text.split("%")
    try:
        parts = [bytes.fromhex(part[:2]) + part[2:].encode() for part in others]
    except ValueError:
        return text
    return os.fsdecode(first.encode() + b"".join(parts))
