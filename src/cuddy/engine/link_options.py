"""What can be asked of a container's link to a network, in Docker's `DriverOpts` of an endpoint.

    com.docker.network.endpoint.ifname     uplink                               its name inside
    com.docker.network.endpoint.sysctls    net.ipv4.conf.IFNAME.log_martians=1,...

A kernel setting of a link has the link's name in its own; IFNAME stands for it, because which
name the link will have is known to nobody who asks.
"""

from __future__ import annotations

from cuddy.errors import Conflict, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.options import ContainerOptions

NAME = "com.docker.network.endpoint.ifname"
SYSCTLS = "com.docker.network.endpoint.sysctls"
DOCKERS = "com.docker.network."
PLACEHOLDER = ("IFNAME", "ifname")  # Docker takes both
PROTOCOLS = ("ipv4", "ipv6", "mpls")
MAX_NAME_BYTES = 15  # IFNAMSIZ without the NUL at its end
NOT_A_NAME = frozenset("/:%")
RESERVED = ("lo", "all", "default", ".", "..")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
FIRST_LINK = "eth0"


def check(config: EndpointConfig) -> None:
    """Refuse what no link can have, and what we do not know. Raises InvalidArgument.

    Options under other names than Docker's are somebody's own: they are kept and mean nothing.
    """
    for key in config.get("DriverOpts") or {}:
        if key not in (NAME, SYSCTLS) and key.startswith(DOCKERS):
            raise InvalidArgument(
                f"unknown driver option {key!r} of a container's link",
                hint=f"there are {NAME} and {SYSCTLS}",
            )
    name_of(config)
    sysctls_of(config)


def name_of(config: EndpointConfig) -> str:
    """The name that a link is to have; "" if nobody says. Raises InvalidArgument."""
    options = config.get("DriverOpts") or {}
    name = options.get(NAME, "")
    if NAME not in options:
        return ""
    is_odd = not name.isprintable() or " " in name or NOT_A_NAME.intersection(name)
    if not name or len(name.encode()) > MAX_NAME_BYTES or is_odd or name in RESERVED:
        raise InvalidArgument(
            f"invalid name of a link: {name!r}",
            hint=f"1 to {MAX_NAME_BYTES} letters and digits, and not 'lo'",
        )
    return name


def sysctls_of(config: EndpointConfig) -> tuple[tuple[str, str], ...]:
    """Kernel settings of a link: paths below /proc/sys with `{}` for its name, and values.

    Raises InvalidArgument.
    """
    text = (config.get("DriverOpts") or {}).get(SYSCTLS, "")
    return tuple(_parse(each.strip()) for each in text.split(",")) if text else ()


def _parse(text: str) -> tuple[str, str]:
    """One setting, by Docker's rule. Raises InvalidArgument."""
    name, equals, value = text.partition("=")
    parts = name.split(".")
    is_known = len(parts) == 5 and parts[0] == "net" and parts[1] in PROTOCOLS
    if not is_known or parts[3] not in PLACEHOLDER or not all(parts):
        raise InvalidArgument(
            f"unrecognised network interface sysctl '{text}'; represent 'net.X.Y.ethN.Z=V' as"
            " 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'"
        )
    if not equals or not LETTERS.issuperset(parts[2] + parts[4]):
        raise InvalidArgument(f"invalid sysctl '{text}'", hint="net.X.Y.IFNAME.Z=VALUE")
    return f"net/{parts[1]}/{parts[2]}/{{}}/{parts[4]}", value


def is_ipv6_off(sysctls: Mapping[str, str], config: EndpointConfig) -> bool:
    """Whether a kernel setting of the container, or of this link, says so."""
    names = [f"net.ipv6.conf.{which}.disable_ipv6" for which in ("all", "default")]
    own = ("net/ipv6/conf/{}/disable_ipv6", "1")
    return any(sysctls.get(name) == "1" for name in names) or own in sysctls_of(config)


def check_names(configs: Iterable[EndpointConfig], taken: Iterable[str] = ()) -> None:
    """Two links of a container cannot have one name. Raises Conflict."""
    seen = set(taken)
    for name in filter(None, map(name_of, configs)):
        if name in seen:
            raise Conflict(f"two links of the container would have the name {name}")
        seen.add(name)


def free_name(usual: str, slot: int, configs: Mapping[str, EndpointConfig]) -> str:
    """What a link is called that nobody named: as usual, by its number, if no other is to be.

    Steps as long as there are links keep two of them from meeting.
    """
    asked = {name_of(config) for config in configs.values()}
    prefix, number = usual.removesuffix(str(slot)), slot
    while f"{prefix}{number}" in asked:
        number += len(configs)
    return f"{prefix}{number}"


def split(sysctls: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The container's own kernel settings, and those of its first link with a placeholder."""
    of_link = {name: _with_placeholder(name) for name in sysctls}
    own = {name: value for name, value in sysctls.items() if not of_link[name]}
    return own, [f"{of_link[n]}={value}" for n, value in sysctls.items() if of_link[n]]


def _with_placeholder(name: str) -> str:
    parts = name.split(".")
    is_links = len(parts) == 5 and parts[0] == "net" and parts[1] in PROTOCOLS
    if not is_links or parts[2] not in ("conf", "neigh") or parts[3] in ("all", "default", "lo"):
        return ""
    return ".".join((*parts[:3], PLACEHOLDER[0], parts[4]))


def check_sysctls(options: ContainerOptions) -> None:
    """`--sysctl` knows links only as eth0, and only those of the container. Raises InvalidArgument.

    Which link has a later number is up to the order of the networks.
    """
    for text in options.sysctls:
        name = text.partition("=")[0]
        if not _with_placeholder(name):
            continue
        mode = options.network
        if name.split(".")[3] != FIRST_LINK or mode == "none" or mode.startswith("container:"):
            raise InvalidArgument(
                f"unable to determine network endpoint for sysctl {name}",
                hint=f"use driver option '{SYSCTLS}' of --network to set per-interface sysctls",
            )
