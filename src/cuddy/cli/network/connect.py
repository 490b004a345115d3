"""`cuddy network connect`: let a container join a network."""

from __future__ import annotations

from cuddy.cli import values
from cuddy.cli.flags import INT, LIST, STRING, STRINGS, Args, Command, Flag
from cuddy.engine import connect as engine_connect
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.endpoint import EndpointConfig, IPAMConfig
    from cuddy.engine.home import Home


def connect(home: Home, args: Args) -> int:
    network, container = args.names
    engine_connect.connect(home, network, container, wish(args))
    return 0


def wish(args: Args) -> EndpointConfig:
    """What is asked of the network, only what says something. Raises InvalidArgument."""
    found: EndpointConfig = {}
    addresses: IPAMConfig = {}
    if args.ip:
        addresses["IPv4Address"] = args.ip
    if args.ip6:
        addresses["IPv6Address"] = args.ip6
    if link_local := values.comma_separated(args.link_local_ip):
        addresses["LinkLocalIPs"] = link_local
    if addresses:
        found["IPAMConfig"] = addresses
    if aliases := values.comma_separated(args.alias):
        found["Aliases"] = aliases
    if args.link:
        found["Links"] = list(args.link)
    if options := values.comma_separated(args.driver_opt):
        if not all("=" in option for option in options):
            raise InvalidArgument("invalid key/value pair format in driver options", hint="a=b")
        found["DriverOpts"] = values.pairs(options)
    if args.gw_priority:
        found["GwPriority"] = args.gw_priority
    return found


COMMAND = Command(
    summary="Connect a container to a network",
    arguments="NETWORK CONTAINER",
    flags=(
        Flag("alias", "", STRINGS, "Add network-scoped alias for the container"),
        Flag("driver-opt", "", STRINGS, "driver options for the network"),
        Flag("gw-priority", "", INT, "Highest gw-priority provides the default gateway. "
             "Accepts positive and negative values"),
        Flag("ip", "", STRING, 'IPv4 address (e.g., "172.30.100.104")'),
        Flag("ip6", "", STRING, 'IPv6 address (e.g., "2001:db8::33")'),
        Flag("link", "", LIST, "Add link to another container"),
        Flag("link-local-ip", "", STRINGS, "Add a link-local address for the container"),
    ),
    least=2,
    most=2,
    action=connect,
)  # fmt: skip
