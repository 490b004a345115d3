"""The files that tell a container about the world: /etc/resolv.conf, /etc/hosts, /etc/hostname.

They stand beside the container's record and are bound over the image's, unless the user has mounted
something there: then theirs is what the container sees. The container may write to them.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import sharing
from cuddy.network import resolv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cuddy.engine.container import Container
    from cuddy.network.endpoint import Endpoint

MAX_FILE_BYTES = 1 << 20
CAREFULLY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
KEEP = "surrogateescape"
"""Bytes that are no text stay what they are."""


def make(record: Container) -> None:
    """The three files, empty: they are bound into the root before their text is known.

    Those of another container's network are that container's.
    """
    if sharing.peer_of(record["HostConfig"]["NetworkMode"]):
        return
    for path in (record["ResolvConfPath"], record["HostsPath"], record["HostnamePath"]):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.fchmod(fd, 0o644)
        os.close(fd)


def write(
    record: Container, endpoints: Sequence[Endpoint], *, host: str = "",
    linked: Sequence[tuple[str, str]] = (), asks_resolver: bool = False, forwarder: str = "",
) -> None:  # fmt: skip
    """The text of the three files, into the same inodes: the container sees these.

    `host`: the address at which it reaches the host. `asks_resolver`: it asks ours for names.
    `forwarder`: where it reaches a name server on the host's loopback.
    """
    if sharing.peer_of(record["HostConfig"]["NetworkMode"]):
        return
    overwrite(record["HostnamePath"], f"{record['Config']['Hostname']}\n")
    text = resolv_text(record, asks_resolver=asks_resolver, forwarder=forwarder)
    overwrite(record["ResolvConfPath"], text)
    overwrite(record["HostsPath"], hosts_text(record, endpoints, host=host, linked=linked))


def resolv_text(record: Container, *, asks_resolver: bool, forwarder: str = "") -> str:
    """/etc/resolv.conf, as the host's is now."""
    host_config = record["HostConfig"]
    if asks_resolver:
        return resolv.own_resolv_conf(
            read_text(resolv.PATH),
            dns=host_config["Dns"],
            search=host_config["DnsSearch"],
            options=host_config["DnsOptions"],
        )
    return resolv.resolv_conf(
        read_text(resolv.PATH),
        dns=host_config["Dns"],
        search=host_config["DnsSearch"],
        options=host_config["DnsOptions"],
        upstream_text=read_text(resolv.UPSTREAM_PATH),
        on_host=host_config["NetworkMode"] == "host",
        forwarder=forwarder,
    )


def hosts_text(
    record: Container, endpoints: Sequence[Endpoint], *, host: str = "",
    linked: Sequence[tuple[str, str]] = (),
) -> str:  # fmt: skip
    """/etc/hosts: the container's own name, --add-host, and names and addresses of its links."""
    host_config = record["HostConfig"]
    is_on_host = host_config["NetworkMode"] == "host"
    # On the host's own network that is where the host is; without any, nothing is anywhere.
    gateway = host or next((each.gateway for each in endpoints if each.gateway), "127.0.0.1")
    extra = [resolv.parse_extra_host(t, gateway=gateway) for t in host_config["ExtraHosts"]]
    extra += linked
    own = read_text("/etc/hosts") if is_on_host else ""
    own += "\n" if own and not own.endswith("\n") else ""
    others = own + resolv.format_hosts(extra)
    extra += resolv.host_names("127.0.0.1" if is_on_host else host, others)
    if is_on_host:
        return own + resolv.format_hosts(extra)
    where = [address for each in endpoints for address in addresses(each)]
    return resolv.hosts(own_names(record), where, extra)


def own_names(record: Container) -> list[str]:
    """The container's own names for its addresses."""
    config = record["Config"]
    full = [f"{config['Hostname']}.{config['Domainname']}"] if config["Domainname"] else []
    return [*full, config["Hostname"]]


def addresses(place: Endpoint) -> list[str]:
    """The addresses of an endpoint."""
    return [each for each in (place.address, place.address6) if each]


def add_endpoint(record: Container, place: Endpoint) -> None:
    """A running container has another address. What it has written into its files stays."""
    text = resolv.format_own(own_names(record), addresses(place))
    try:
        fd = os.open(record["HostsPath"], os.O_WRONLY | os.O_APPEND | CAREFULLY)
    except OSError:
        return
    try:
        files.write_all(fd, text.encode())
    except OSError:
        pass  # it has filled its disk: then the line is missing to itself only
    finally:
        os.close(fd)


def remove_endpoint(record: Container, gone: Sequence[str]) -> None:
    """Some of a running container's addresses are no longer its own."""

    def change(before: str) -> str:
        lines = before.splitlines(keepends=True)
        return "".join(line for line in lines if line.split("\t")[0] not in gone)

    edit(record["HostsPath"], change)


def lead_to_host(record: Container, before: str, now: str) -> None:
    """The host is reached at another address than before; "" if at none."""
    if before == now:
        return
    old = {f"{before}\t{name}" for name in resolv.HOST_NAMES}

    def change(text: str) -> str:
        own = "".join(f"{line}\n" for line in text.splitlines() if line not in old)
        return own + resolv.format_hosts(resolv.host_names(now, own))

    edit(record["HostsPath"], change)


def renew_resolver(record: Container, *, asks_resolver: bool) -> None:
    """Names are resolved in another way from now on, unless the container has written its own."""
    ours = resolv_text(record, asks_resolver=not asks_resolver)
    now = resolv_text(record, asks_resolver=asks_resolver)
    edit(record["ResolvConfPath"], lambda before: now if before == ours else before)


def edit(path: str, change: Callable[[str], str]) -> None:
    """Change one of the files while the container runs, which can write to it too.

    It can also fill it, or its disk, or keep us waiting by a lease (fcntl(2)): then the file stays
    as it is, which harms nobody else.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | CAREFULLY), errors=KEEP) as file:
            before = file.read(MAX_FILE_BYTES + 1)
        after = change(before)
        if after != before and len(before) <= MAX_FILE_BYTES:
            overwrite(path, after)
    except OSError:
        pass


def read_text(path: str) -> str:
    """A text file; nothing if it is not there."""
    try:
        with open(path, errors="replace") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError:
        return ""


def overwrite(path: str, text: str) -> None:
    """Replace a file's content but not the file."""
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | CAREFULLY)
    try:
        files.write_all(fd, text.encode(errors=KEEP))
    finally:
        os.close(fd)
