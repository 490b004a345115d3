"""What `--publish` and `--expose` say: which port of the host leads to which port of a container.

    -p [[HOST_IP:]HOST_PORT[-END]:]PORT[-END][/PROTOCOL]      -p published=8080,target=80
    -p [::1]:8080:80

Docker's grammar and words (docker/go-connections, nat). Pure; `publish.py` does what is said here.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.network import ipam
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
"""Numbers of /etc/protocols."""

MAX_PORT = 65535
LONG_FIELDS = ("published", "target", "protocol")


class Port(NamedTuple):
    """A port of a container."""

    number: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


class Binding(NamedTuple):
    """A wish: this port shall be reached at the host's. `first` 0: at any port that is free."""

    port: Port
    host_ip: str = ""  # "": every address of the host, of each layer that the network has
    first: int = 0
    last: int = 0  # any free one from `first` to here


class Range(NamedTuple):
    """Ports from `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def parse_port(text: str) -> Port:
    """A key of Docker's documents: "80/tcp". Raises InvalidArgument."""
    number, _, protocol = text.partition("/")
    return Port(parse_range(number, "port").first, check_protocol(protocol or "tcp"))


def parse_expose(text: str) -> list[Port]:
    """`--expose PORT[-END][/PROTOCOL]`. Raises InvalidArgument."""
    if ":" in text:
        raise InvalidArgument(f"invalid port format for --expose: {text}")
    words, slash, protocol = text.partition("/")
    try:
        found = parse_range(words, "port")
    except InvalidArgument:
        hint = "such as 8080, 8080/udp or 8000-8010"
        raise InvalidArgument(f"invalid range format for --expose: {text}", hint=hint) from None
    kind = check_protocol(protocol if slash else "tcp")
    return [Port(number, kind) for number in range(found.first, found.last + 1)]


def parse_publish(text: str) -> list[Binding]:
    """`--publish`, in its short or its long form. Raises InvalidArgument."""
    words = _shorten(text) if "=" in text else text
    rest, _, container = words.rpartition(":")
    host_ip, colon, host = rest.rpartition(":")
    if not colon:
        host_ip = ""
    container, slash, protocol = container.partition("/")
    if not container:
        raise InvalidArgument(f"no port specified: {text or '<empty>'}", hint="-p 8080:80")
    protocol = check_protocol(protocol if slash else "tcp")
    host_ip = check_host_ip(host_ip)
    inside = parse_range(container, "containerPort")
    outside = parse_range(host, "hostPort") if host else Range(0, 0)
    return _pair(inside, outside, host_ip, protocol, f"{container} and {host}")


def _pair(inside: Range, outside: Range, host_ip: str, protocol: str, ranges: str) -> list[Binding]:
    """Each port with its own of the host; a single one with any of the host's range."""
    if not outside.first and len(outside) == 1:
        return [
            Binding(Port(number, protocol), host_ip)
            for number in range(inside.first, inside.last + 1)
        ]
    if len(inside) == 1:
        return [Binding(Port(inside.first, protocol), host_ip, outside.first, outside.last)]
    if len(inside) != len(outside):
        message = f"invalid ranges specified for container and host Ports: {ranges}"
        raise InvalidArgument(message, hint="both ranges must be equally long")
    return [
        Binding(Port(inside.first + n, protocol), host_ip, outside.first + n, outside.first + n)
        for n in range(len(inside))
    ]


def _shorten(text: str) -> str:
    """`published=8080,target=80,protocol=tcp` in the short form."""
    fields: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or key not in LONG_FIELDS:
            raise InvalidArgument(f"invalid publish opts format: {part}", hint="target=80")
        fields[key] = value
    protocol = f"/{fields['protocol']}" if fields.get("protocol") else ""
    return f"{fields.get('published', '')}:{fields.get('target', '')}{protocol}"


def parse_range(text: str, what: str) -> Range:
    """`80` or `80-90`. Raises InvalidArgument."""
    first, dash, last = text.partition("-")
    last = last if dash else first
    for word in (first, last):
        if not (word.isascii() and word.isdecimal() and len(word) <= 5 and int(word) <= MAX_PORT):
            raise InvalidArgument(f"invalid {what}: {text}", hint=f"a number up to {MAX_PORT}")
    if int(last) < int(first):
        raise InvalidArgument(f"invalid {what}: {text}", hint="the range ends before it begins")
    return Range(int(first), int(last))


def check_protocol(protocol: str) -> str:
    """The protocol in lower case, if it is one that has ports. Raises InvalidArgument."""
    if protocol.lower() not in PROTOCOLS:
        raise InvalidArgument(f"invalid proto: {protocol}", hint=f"one of {', '.join(PROTOCOLS)}")
    return protocol.lower()


def check_host_ip(text: str) -> str:
    """An address of the host's, in its usual form; "" for all. Raises InvalidArgument."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not bare:
        return ""
    try:
        return ipam.format_address(*ipam.parse_address(bare))
    except InvalidArgument:
        raise InvalidArgument(f"invalid IP address: {text}") from None


def bindings_document(bindings: Iterable[Binding]) -> dict[str, list[dict[str, str]]]:
    """HostConfig.PortBindings, as Docker has it."""
    found: dict[str, list[dict[str, str]]] = {}
    for binding in bindings:
        host = f"{binding.first}" if binding.first else ""
        if binding.last > binding.first:
            host += f"-{binding.last}"
        found.setdefault(str(binding.port), []).append(
            {"HostIp": binding.host_ip, "HostPort": host}
        )
    return found


def read_bindings(document: dict[str, list[dict[str, str]] | None]) -> list[Binding]:
    """HostConfig.PortBindings -> wishes. Raises InvalidArgument."""
    found = []
    for key, entries in document.items():
        port = parse_port(key)
        for entry in entries or [{}]:
            host = entry.get("HostPort") or ""
            outside = parse_range(host, "hostPort") if host else Range(0, 0)
            host_ip = check_host_ip(entry.get("HostIp") or "")
            found.append(Binding(port, host_ip, outside.first, outside.last))
    return found
