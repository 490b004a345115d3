"""Which hosts are reached through a proxy: http_proxy, https_proxy and no_proxy, as Go reads them.

    no_proxy   example.com        the host and all below it
               .example.com       only those below it; so does *.example.com
               10.0.0.0/8         addresses of a network
               example.com:8080   only this port
               *                  everything

What is on this machine is never reached through a proxy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def choose(proxies: Mapping[str, str], scheme: str, host: str, port: int) -> str:
    """The URL of the proxy for a host, "" for none. `proxies`: see `Settings.proxies`."""
    chosen = proxies.get(scheme, "")
    if not chosen or is_loopback(host):
        return ""
    direct = [entry.strip().lower() for entry in proxies.get("no", "").split(",")]
    return "" if any(_matches(entry, host.lower(), port) for entry in direct if entry) else chosen


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone: nothing is looked up."""
    return host in ("localhost", "::1") or (
        host.startswith("127.") and not host.strip("0123456789.")
    )


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return in_network(entry, host)
    name, its_port = _split_port(entry)
    if its_port and its_port != str(port):
        return False
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, rest.removeprefix(":")
    name, colon, port = entry.rpartition(":")
    return (name, port) if colon and ":" not in name and port.isdigit() else (entry, "")


def in_network(network: str, host: str) -> bool:
    """Whether a host is an address in a network, both as text."""
    if not (":" in host or host.replace(".", "").isdigit()):
        return False  # a name: nothing to import for it
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
