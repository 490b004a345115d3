"""What a container under egress control must not have: powers that reach round its rules.

Rules of a network namespace bind whoever has no power over it, and only traffic that they see. So
some capabilities are never held, some can be refused only, and whose processes a container can take
over, or who can take over its own, must be under the same rules.
"""

from __future__ import annotations

import errno

from cuddy.engine import default_profile, defaults, docker_profile, process, sharing
from cuddy.errors import Conflict, NotPermitted
from cuddy.kernel import namespaces
from cuddy.network import egress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.engine.container import Container

VSOCK = 40
"""A family of sockets that reaches the machine below a virtual one, past all rules of networks."""

RINGS = ("io_uring_setup", "io_uring_enter", "io_uring_register")


def is_confined(host_config: Mapping[str, Any]) -> bool:
    """Whether a container is under any rules."""
    return egress.is_confined(host_config.get("Egress", ""))


def check(network: str, pid_mode: str, *, privileged: bool, cap_add: Iterable[str]) -> None:
    """What was asked for and cannot be given beside `--egress`. Raises Conflict, NotPermitted."""
    check_user()
    if network == "host":
        refuse("the network mode host", "the rules would be the host's")
    if privileged:
        refuse("--privileged")
    added = set(process.normal(cap_add, "CapAdd"))
    if "ALL" in added:
        refuse("--cap-add ALL")
    for name, reason in defaults.ROUND_THE_RULES.items():
        if name in added:
            refuse(f"--cap-add {name.removeprefix('CAP_')}", f"it {reason}")
    if pid_mode == "host":
        refuse("--pid host", "the host's processes are under no rules")


def check_user() -> None:
    """Whether this user's containers can be under rules. Raises NotPermitted."""
    if not namespaces.is_initial("user"):
        raise NotPermitted(
            "--egress is not for an ordinary user's containers yet",
            hint="--network none keeps one from everything, an --internal network from the world",
        )


def refuse(what: str, reason: str = "") -> None:
    """Raises Conflict."""
    hint = reason or "it gives powers that reach round the rules"
    raise Conflict(f"conflicting options: --egress and {what}", hint=hint)


def check_exec(record: Container) -> None:
    """A privileged process of `exec` would have more power than the container. Raises Conflict."""
    if is_confined(record["HostConfig"]):
        hint = "a privileged process would reach round its rules; 'exec' without that works"
        raise Conflict(f"container {record['Name'][1:]} is under egress control", hint=hint)


def check_peer(record: Container, kind: str, other: Container) -> None:
    """Whether a container may share another's network, or its processes, now. Raises Conflict."""
    if kind == "pid":
        config = record["HostConfig"]
        check_processes(config.get("Egress", ""), network_of(record), other)
    ours, theirs = is_confined(record["HostConfig"]), is_confined(other["HostConfig"])
    if kind == "network" and ours != theirs:
        state = "now" if theirs else "no longer"
        raise Conflict(
            f"container {other['Name'][1:]} is {state} under egress control",
            hint="make this container anew",
        )


def check_processes(policy: str, network: str, other: Container) -> None:
    """Whether a container may see another's processes. Raises Conflict.

    Who sees a process may take it over, if it has no more power; so all that share processes are
    under the rules of one network, or under none. `network`: whose it is, an id.
    """
    if not egress.is_confined(policy) and not is_confined(other["HostConfig"]):
        return
    if network != network_of(other):
        name = other["Name"][1:]
        raise Conflict(
            f"cannot share processes with container {name}: only one of both is under the rules",
            hint=f"--network container:{name} as well",
        )


def network_of(record: Container) -> str:
    """The id of the container whose network it is on."""
    return sharing.peer_of(record["HostConfig"]["NetworkMode"]) or record["Id"]


def seccomp_profile(
    choice: str, host_config: Mapping[str, Any], names: frozenset[str], kernel: tuple[int, int],
    machine: str,
) -> dict[str, Any]:  # fmt: skip
    """The filter instead of `unconfined` or Docker's, neither of which keeps AF_VSOCK away.

    io_uring makes sockets too, past any filter; Docker's has none of it.

    Docker's lets 32-bit programs through socketcall(2), whose arguments a filter cannot see; they
    have socket(2) since Linux 4.3.
    """
    if not is_confined(host_config):
        if choice == "unconfined":
            return {}
        return default_profile.build(names, kernel, machine)
    profile = default_profile.default()
    if choice == "unconfined":
        family = default_profile.masked(0, default_profile.WORD, VSOCK)
        refused = {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EAFNOSUPPORT}
        rings = {"names": [*RINGS], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
        rules = [refused | {"args": [family]}, rings]
        profile |= {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
        profile.pop("defaultErrnoRet")
    old = {"names": ["socketcall"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name != "socketcall"]
    profile["syscalls"].append(old)
    return docker_profile.specialize(profile, names, kernel, machine)
