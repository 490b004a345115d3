"""How names are found inside a container: the text of its resolv.conf(5) and hosts(5). Pure.

The host's name servers are usable inside unless they listen on the host's loopback, which is not
the container's: those are left out, and systemd-resolved's stub is replaced by the servers behind
it. Nothing from the host's text reaches a container but the three directives known here.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.network import ipam
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PATH = "/etc/resolv.conf"
STUB = "127.0.0.53"
UPSTREAM_PATH = "/run/systemd/resolve/resolv.conf"
"""Where systemd-resolved writes the servers behind its stub; callers read it."""

OWN_SERVER = "127.0.0.11"
"""Where our resolver is reached from inside a container; Docker's is at the same address."""

DEFAULT_SERVERS = ("8.8.8.8", "8.8.4.4")
MAX_TEXT = 1 << 16
MAX_WORDS = 64
MAX_NAME = 253  # RFC 1035, section 2.3.4, less the final dot

HOST_NAMES = ("host.docker.internal", "host.containers.internal")
"""The host's names inside a container: those of Docker Desktop and of podman."""

LOCAL_HOSTS = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::0", "ip6-localnet"),
    ("ff00::0", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)


class Resolver(NamedTuple):
    """What a resolv.conf says."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse(text: str) -> Resolver:
    """The directives of a resolv.conf; of all `search` and `domain` lines the last one counts.

    Lines that make no sense are passed over: the file is the host's, and the host lives with it.
    """
    nameservers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    for line in text[:MAX_TEXT].splitlines():
        words = line.split("#")[0].split(";")[0].split()
        directive, values = (words[0], words[1:]) if len(words) > 1 else ("", [])
        if directive == "nameserver" and ipam.is_address(values[0]):
            nameservers.append(values[0])
        elif directive in ("search", "domain"):
            search = values
        elif directive == "options":
            options += values
    return Resolver(
        tuple(nameservers[:MAX_WORDS]), tuple(search[:MAX_WORDS]), tuple(options[:MAX_WORDS])
    )


def nameservers(host_text: str, upstream_text: str = "") -> tuple[str, ...]:
    """The host's name servers that a container can reach, IPv4 only as its bridge is."""
    return tuple(
        server
        for server in host_resolver(host_text, upstream_text).nameservers
        if ":" not in server and not is_loopback(server)
    )


def host_resolver(host_text: str, upstream_text: str) -> Resolver:
    """What the host asks; `upstream_text`, if there is one, where it asks systemd's stub only."""
    resolver = parse(host_text)
    if upstream_text and set(resolver.nameservers) == {STUB}:
        return parse(upstream_text)
    return resolver


def resolv_conf(
    host_text: str,
    *,
    dns: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    upstream_text: str = "",
    on_host: bool = False,
    forwarder: str = "",
) -> str:
    """The resolv.conf of a container. Each of the three lists replaces the host's.

    `search` of "." alone means none. Without any name server, Docker's default ones are used.
    `on_host`: the container has the host's network, so all of the host's servers are reachable.
    `forwarder`: where it reaches one that is on the host's loopback only.
    Raises InvalidArgument.
    """
    host = parse(host_text) if on_host else host_resolver(host_text, upstream_text)
    servers = tuple(check_address(server) for server in dns)
    if not servers:
        reachable = host.nameservers if on_host else nameservers(host_text, upstream_text)
        is_hidden = bool(forwarder and host.nameservers)
        servers = reachable or ((forwarder,) if is_hidden else DEFAULT_SERVERS)
    domains = tuple(check_word(word, "search domain") for word in search) or host.search
    flags = tuple(check_word(word, "DNS option") for word in options) or host.options
    return format_resolv_conf(
        Resolver(servers, tuple(word for word in domains if word != "."), flags)
    )


def own_resolver(
    host_text: str, *, search: Sequence[str] = (), options: Sequence[str] = ()
) -> Resolver:
    """What a container is told that asks our resolver; the lists replace the host's.

    Names of one label are asked as they are before any search domain is tried (`ndots:0`), as those
    of containers are; whoever sets ndots means it. Raises InvalidArgument.
    """
    host = parse(host_text)
    domains = tuple(check_word(word, "search domain") for word in search) or host.search
    flags = tuple(check_word(word, "DNS option") for word in options) or host.options
    flags = tuple(word for word in flags if not word.startswith("ndots:") or ndots((word,)) >= 0)
    if ndots(flags) < 0:
        flags += ("ndots:0",)
    return Resolver((OWN_SERVER,), tuple(word for word in domains if word != "."), flags)


def own_resolv_conf(
    host_text: str,
    *,
    dns: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
) -> str:
    """The resolv.conf of a container that asks our resolver. `dns`: whom that asks in its turn.

    Raises InvalidArgument.
    """
    others = " ".join(check_address(server) for server in dns) or "the host's servers"
    text = format_resolv_conf(own_resolver(host_text, search=search, options=options))
    head = f"# Names of containers are answered by cuddy's resolver, others by {others}.\n"
    return head + text


def ndots(options: Sequence[str]) -> int:
    """The value of the last option "ndots:N"; -1 without one that makes sense."""
    for word in reversed(options):
        name, _, value = word.partition(":")
        if name == "ndots" and value.isascii() and value.isdecimal() and len(value) < 4:
            return int(value)
    return -1


def format_resolv_conf(resolver: Resolver) -> str:
    """The text of a resolv.conf."""
    lines = [f"nameserver {server}" for server in resolver.nameservers]
    if resolver.search:
        lines.append(f"search {' '.join(resolver.search)}")
    if resolver.options:
        lines.append(f"options {' '.join(resolver.options)}")
    return "".join(f"{line}\n" for line in lines)


def hosts(
    names: Sequence[str], addresses: Sequence[str], extra: Iterable[tuple[str, str]] = ()
) -> str:
    """The hosts file of a container that is found at `addresses` under its own `names`.

    No line of its own without an address (`--network none`). `extra`: (name, address), as
    `parse_extra_host` reads them. Raises InvalidArgument.
    """
    lines = list(LOCAL_HOSTS)
    lines += [(check_address(at), check_word(name, "host name")) for name, at in extra]
    return "".join(f"{at}\t{name}\n" for at, name in lines) + format_own(names, addresses)


def format_own(names: Sequence[str], addresses: Sequence[str]) -> str:
    """The lines of a hosts file for the container itself. Raises InvalidArgument."""
    if not names:
        return ""
    words = " ".join(check_word(name, "host name") for name in names)
    return "".join(f"{check_address(address)}\t{words}\n" for address in addresses)


def host_names(address: str, text: str) -> list[tuple[str, str]]:
    """The names that lead to the host, as `hosts` takes them, but those that `text` has already.

    `text`: other lines of the file; whoever wrote them meant another machine. No `address`, no
    names: the host cannot be reached.
    """
    taken = {name.lower() for name, _ in parse_hosts(text)}
    return [(name, address) for name in HOST_NAMES if address and name not in taken]


def parse_hosts(text: str) -> list[tuple[str, str]]:
    """Names and addresses of a hosts file; what stands for an address is anything."""
    lines = [line.partition("#")[0].split() for line in text[:MAX_TEXT].splitlines()]
    return [(name, words[0]) for words in lines for name in words[1:]]


def format_hosts(extra: Iterable[tuple[str, str]]) -> str:
    """Names and addresses as lines of a hosts file."""
    return "".join(f"{address}\t{name}\n" for name, address in extra)


def parse_extra_host(text: str, *, gateway: str = "") -> tuple[str, str]:
    """`--add-host NAME:ADDRESS` (or NAME=ADDRESS); ADDRESS "host-gateway" is the bridge's own.

    Raises InvalidArgument.
    """
    name, _, address = text.partition("=" if "=" in text else ":")
    if not name or not address:
        raise InvalidArgument(f"not a host: {text!r}", hint="write it as NAME:ADDRESS")
    if address == "host-gateway":
        address = gateway
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    return check_word(name, "host name"), check_address(address)


def is_loopback(address: str) -> bool:
    """Whether an address means the machine itself; 0.0.0.0 does too (resolv.conf(5))."""
    number, bits = ipam.parse_address(address)
    return number >> 24 == 127 or number == 0 if bits == 32 else number <= 1


def check_address(text: str) -> str:
    """The text, if it is an IP address. Raises InvalidArgument."""
    ipam.parse_address(text)
    return text


def check_word(text: str, what: str) -> str:
    """The text, if it can stand as one word of a line. Raises InvalidArgument."""
    if not text or len(text) > MAX_NAME or not text.isprintable() or set(text) & set(" #;\t"):
        raise InvalidArgument(f"not a {what}: {text[:64]!r}")
    return text
