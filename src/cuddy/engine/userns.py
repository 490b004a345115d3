"""Whose ids the users of a container are on the host: --userns, --uidmap and --gidmap.

    host               the same ones
    auto[:size=N]      a range that nobody else has: `id_ranges.py`
    keep-id            as auto, but who has called cuddy by sudo is himself inside, too
    nomap              as auto, but of directories of the host only what all may is his
    container:NAME     those of another container, whose user namespace it joins
    ""                 as --uidmap and --gidmap say; without them as configured, else the host's

Nothing on a disk has these ids: what is mounted is mapped (`idmapped.py`). The record has the maps
as podman's has them, so that whoever starts the container need not ask anybody.
"""

from __future__ import annotations

import os
import stat

from cuddy.engine import id_maps
from cuddy.engine.host_config import RUNTIME
from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel import namespaces
from cuddy.kernel.idmap import IdRange, Maps
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.options import ContainerOptions
    from cuddy.runtime.spec import IdMapping, Linux

HOST, AUTO, KEEP_ID, NOMAP = "host", "auto", "keep-id", "nomap"
OWN_RANGE = (AUTO, KEEP_ID, NOMAP)
PREFIX = "container:"
SIZE = 65536
"""Ids of a container if nobody says otherwise: with fewer its `nobody` would not be there."""
MAX_SIZE = 1 << 28
PING_GROUPS = "net.ipv4.ping_group_range"
HINT = "auto[:size=N], keep-id[:uid=N,gid=N], nomap, host or container:NAME"


class Wish(NamedTuple):
    """What --userns says."""

    kind: str = ""
    size: int = SIZE
    uid: int = -1  # of keep-id: who the caller is inside; -1 as on the host
    gid: int = -1


def parse(mode: str) -> Wish:
    """--userns. Raises InvalidArgument."""
    kind, colon, rest = mode.partition(":")
    if kind in ("", HOST, NOMAP) and not colon:
        return Wish(kind)
    if mode.startswith(PREFIX) and rest:
        return Wish("container")
    allowed = {AUTO: ("size",), KEEP_ID: ("size", "uid", "gid")}.get(kind)
    if allowed is None or colon and not rest:
        raise InvalidArgument("--userns: invalid USER mode", hint=HINT)
    values = {}
    for word in rest.split(",") if rest else ():
        name, _, value = word.partition("=")
        if name not in allowed:
            raise InvalidArgument(f"--userns: unknown option {word!r} of {kind}", hint=HINT)
        values[name] = id_maps.number(
            value, f"--userns: {name}", MAX_SIZE if name == "size" else id_maps.MAX_ID
        )
    if values.get("size") == 0:
        raise InvalidArgument("--userns: size 0 leaves no user at all")
    return Wish(kind, **values)


def check(options: ContainerOptions) -> None:
    """What is asked for makes sense, alone and together. Raises InvalidArgument, NotPermitted."""
    wish = parse(options.userns_mode)
    maps = id_maps.asked(options)
    if maps and wish.kind:
        message = f"--userns={options.userns_mode} and --uidmap or --gidmap exclude each other"
        raise InvalidArgument(message)
    for mapped, what in ((maps.uids, "--uidmap"), (maps.gids, "--gidmap")) if maps else ():
        if not any(r.container_id == 0 for r in mapped):
            raise InvalidArgument(f"{what}: root of the container, 0, is not mapped")
    if wish.kind == KEEP_ID and not options.caller and wish.uid < 0:
        raise InvalidArgument(
            "keep-id is for who has called cuddy by sudo: root itself is never kept",
            hint="--userns=auto",
        )
    if not maps and wish.kind in ("", HOST):
        return
    if not namespaces.is_initial("user"):
        raise NotPermitted(
            "an ordinary user's containers share the user's own user namespace"
            " and can have no other: only root can show files as somebody else's",
            hint="leave --userns, --uidmap and --gidmap out",
        )
    if is_others(options.runtime):
        raise InvalidArgument(
            f"--runtime {options.runtime}: only cuddy's own runtime has user namespaces here",
            hint="--userns=host",
        )
    if options.privileged:
        raise InvalidArgument(
            "privileged mode is incompatible with user namespaces."
            "  You must run the container in the host namespace when running privileged mode"
        )
    if options.pid_mode == "host":
        raise InvalidArgument(
            "cannot share the host PID namespace when user namespaces are enabled"
        )
    if options.ipc_mode == "host":
        raise InvalidArgument("cannot share the host IPC namespace in a user namespace")


def is_others(runtime: str) -> bool:
    """Whether a runtime is not our own: then it would have to know idmapped mounts."""
    return runtime not in ("", RUNTIME)


def settle(
    options: ContainerOptions, others: Mapping[str, Container]
) -> tuple[ContainerOptions, Mapping[str, Container]]:
    """The mode that is meant if none is said: as configured, where that can be.

    Who sees the host's processes, network or everything is no stranger to it; who shares with
    another container shares its users, or nothing in common would be theirs.
    """
    modes = (options.pid_mode, options.ipc_mode, options.network)
    if options.privileged or HOST in modes or is_others(options.runtime):
        return options, others
    if not namespaces.is_initial("user"):
        return options, others
    if not others:
        settled = options._replace(userns_mode=options.userns_default)
        check(settled)
        return settled, others
    peer = next(iter(others.values()))
    if not peer["HostConfig"].get("IDMappings"):
        return options, others
    return options._replace(userns_mode=PREFIX + peer["Id"]), {**others, "user": peer}


def shown(maps: Maps) -> dict[str, list[str]]:
    """The maps as a record has them."""
    return {
        "UidMap": [f"{r.container_id}:{r.host_id}:{r.size}" for r in maps.uids],
        "GidMap": [f"{r.container_id}:{r.host_id}:{r.size}" for r in maps.gids],
    }


def maps_of(record: Container) -> Maps | None:
    """The maps of a container with a user namespace; None for one without."""
    recorded: dict[str, list[str]] = record["HostConfig"].get("IDMappings") or {}
    if not recorded:
        return None
    return Maps(*([IdRange(*map(int, text.split(":"))) for text in recorded[field]]
                  for field in ("UidMap", "GidMap")))  # fmt: skip


def give_streams(record: Container, fds: Iterable[int], uid: int) -> None:
    """Pipes that we have made become the user's, so that /dev/stdout can be opened again."""
    maps = maps_of(record)
    for fd in set(fds) if maps else ():
        assert maps
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.fchown(fd, *maps.outside(uid, 0))


def entries(ranges: Iterable[IdRange]) -> list[IdMapping]:
    """A map as config.json has it."""
    return [{"containerID": r.container_id, "hostID": r.host_id, "size": r.size} for r in ranges]


def apply(linux: Linux, container: Container, network: dict[str, str]) -> dict[str, str]:
    """Give config.json the maps; returns the settings of the network as they can be with them."""
    maps = maps_of(container)
    assert maps
    if not any(entry.get("path") for entry in linux["namespaces"] if entry["type"] == "user"):
        linux["uidMappings"], linux["gidMappings"] = entries(maps.uids), entries(maps.gids)
    # Who may ping is a range of groups, and both its ends have to be there.
    last = max(r.container_id + r.size - 1 for r in maps.gids)
    return {name: f"0 {last}" if name == PING_GROUPS else value for name, value in network.items()}


def spread(start: int, size: int, kept: tuple[int, int] | None) -> list[IdRange]:
    """Ids from 0 up are those of a range, but for one that is `kept`: (inside, on the host)."""
    if kept is None:
        return [IdRange(0, start, size)]
    inside, outside = kept
    before = min(inside, size)
    found = [IdRange(0, start, before)] if before else []
    found.append(IdRange(inside, outside, 1))
    if after := size - inside - 1:
        found += [IdRange(inside + 1, start + inside + 1, after)] if after > 0 else []
    return found


def kept_ids(wish: Wish, caller: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Of keep-id: the caller's user and group inside and on the host; None for other modes."""
    if wish.kind != KEEP_ID:
        return None
    uid, _, gid = (caller or f"{wish.uid}:{max(wish.gid, 0)}").partition(":")
    inside = (wish.uid if wish.uid >= 0 else int(uid), wish.gid if wish.gid >= 0 else int(gid))
    return (inside[0], int(uid)), (inside[1], int(gid))


def host_config(options: ContainerOptions, others: Mapping[str, Container]) -> dict[str, Any]:
    """Its part of HostConfig, as far as it is known before there is a container.

    `others`: containers that are shared with. The range of its own comes in `assign`.
    """
    if "user" in others:
        other = others["user"]
        mapped = other["HostConfig"].get("IDMappings") or {}
        return {"UsernsMode": PREFIX + other["Id"] if mapped else "", "IDMappings": mapped}
    if maps := id_maps.asked(options):
        return {"UsernsMode": "private", "IDMappings": shown(maps)}
    return {"UsernsMode": options.userns_mode, "IDMappings": {}}
