"""`cuddy port`: which ports of the host lead to a container's."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command
from cuddy.engine import containers
from cuddy.errors import InvalidArgument, NotFound
from cuddy.network import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.publishing import Document


def port(home: Home, args: Args) -> int:
    name, *wanted = args.names
    published: Document = containers.find(home, name)["NetworkSettings"].get("Ports") or {}
    if wanted:
        for place in published.get(_key(wanted[0])) or _refuse(wanted[0], name):
            print(_text(place))
        return 0
    for key in sorted(published, key=ports.parse_port):
        for place in published[key] or ():
            print(f"{key} -> {_text(place)}")
    return 0


def _key(text: str) -> str:
    """`80` or `80/udp` as documents have it. Raises InvalidArgument."""
    number, slash, protocol = text.partition("/")
    try:
        return str(ports.parse_port(f"{number}/{protocol if slash else 'tcp'}"))
    except InvalidArgument:
        raise InvalidArgument(f"invalid port ({text})", hint="such as 80 or 53/udp") from None


def _refuse(wanted: str, name: str) -> list[dict[str, str]]:
    protocol = "" if "/" in wanted else "/tcp"
    raise NotFound(f"no public port '{wanted}{protocol}' published for {name}")


def _text(place: dict[str, str]) -> str:
    address = place["HostIp"]
    return f"{f'[{address}]' if ':' in address else address}:{place['HostPort']}"


COMMAND = Command(
    summary="List port mappings or a specific mapping for the container",
    arguments="CONTAINER [PRIVATE_PORT[/PROTO]]",
    least=1,
    most=2,
    action=port,
)
