"""Egress control of a container: the rules of its network namespace, and its door to names.

The rules are there before its first program is, and end with the namespace; whoever joins it, as
`--network container:X` does, is under them too. What a policy is: `network/egress.py`. Who fills in
addresses and writes the log: `egress_policy.py`, in the resolver process.
"""

from __future__ import annotations

import os

from cuddy.engine import egress_attempts, egress_powers, sharing
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import namespaces, nftables, program
from cuddy.network import egress, egress_rules, resolv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ContainerOptions
    from cuddy.network.egress import Policy

MOST_HOSTS = 256
"""Names of /etc/hosts that a policy can be about."""
NEEDS_NFT = "install nftables: the rules of --egress have no other form"


def parse(texts: Iterable[str]) -> Policy:
    """What `--egress` says. Raises InvalidArgument."""
    policy = egress.parse(texts)
    egress_rules.check(policy)
    return policy


def host_config(options: ContainerOptions, others: Mapping[str, Container]) -> dict[str, Any]:
    """HostConfig.Egress of a new container; whose network another has, has its policy too.

    Raises InvalidArgument, Conflict, SystemFailure.
    """
    text = str(parse(options.egress)) if options.egress else ""
    if sharing.peer_of(options.network) and text:
        raise InvalidArgument(
            "conflicting options: egress and the container type network mode",
            hint="it is that of the other container",
        )
    if "network" in others:
        text = others["network"]["HostConfig"].get("Egress", "")
    if egress.is_confined(text):
        egress_powers.check(
            options.network, options.pid_mode, privileged=options.privileged,
            cap_add=options.cap_add,
        )  # fmt: skip
        check_host()
    if "pid" in others:
        network = egress_powers.network_of(others["network"]) if "network" in others else ""
        egress_powers.check_processes(text, network, others["pid"])
    return {"Egress": text}


def begin(
    home: Home, record: Container, netns_fd: int, pid: int, hosts: str = "", *, anew: bool = False
) -> None:
    """Put a newborn container under its policy; from now on its attempts are logged.

    One that runs already, and gets another network, is under it and stays so, unless it is to be
    put under another one `anew`. `hosts`: the text of its /etc/hosts, whose names are asked of
    nobody. Raises SystemFailure.
    """
    from cuddy.engine import resolver

    policy = policy_of(record)
    known = resolv.parse_hosts(hosts)[:MOST_HOSTS]
    if anew or not is_imposed(netns_fd):
        impose(egress.with_hosts(policy, known), netns_fd)
    if policy.mode == egress.ALL:
        resolver.begin(home, record, netns_fd, pid)
        return
    told = {"policy": str(policy), "log": egress_attempts.path(home, record["Id"]), "hosts": known}
    resolver.begin(home, record, netns_fd, pid, egress=told)


def confine(record: Container, pid: int) -> None:
    """Make the rules of a newborn container that is on no network yet. Raises SystemFailure."""
    netns_fd = namespaces.open_namespace(pid, "network")
    try:
        impose(policy_of(record), netns_fd)
    finally:
        os.close(netns_fd)


def policy_of(record: Container) -> Policy:
    """What the container may, as its record says. Raises InvalidArgument."""
    return egress.read(record["HostConfig"].get("Egress", ""))


def is_imposed(netns_fd: int) -> bool:
    """Whether a network namespace has the rules already. Raises SystemFailure."""
    where = egress_rules.FAMILY, egress_rules.TABLE, egress_rules.OUTPUT
    try:
        with namespaces.Joined(netns_fd, "network"), nftables.open() as firewall:
            return nftables.has_chain(firewall, *where)
    except OSError as error:
        raise SystemFailure.from_os("cannot look at the rules of --egress", error) from error


def impose(policy: Policy, netns_fd: int) -> None:
    """Make the rules, or make them anew, in one transaction. Raises SystemFailure."""
    try:
        with namespaces.Joined(netns_fd, "network"):
            done = nftables.apply(egress_rules.script(policy))
    except FileNotFoundError:
        raise SystemFailure("nft: no such program on this host", hint=NEEDS_NFT) from None
    except OSError as error:
        raise SystemFailure.from_os("cannot make the rules of --egress", error) from error
    if done.code:
        raise SystemFailure(f"cannot make the rules of --egress: {done.output}")


def check_host() -> None:
    """Whether this host can keep such a policy. Raises SystemFailure."""
    if not program.find("nft"):
        raise SystemFailure("--egress needs nft, which this host does not have", hint=NEEDS_NFT)
