"""Update: other limits and another restart policy for a container, running or not.

The record is written first and the kernel follows, so that whoever is killed in between has left an
intention: a file in the run directory says that it may not be in force yet, and the next who looks
at the container (`settle`) puts it in force. What the kernel refuses is taken back in both.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import (
    container,
    containers,
    events,
    limits,
    resources,
    restart_policy,
    support,
)
from cuddy.engine.host_config import DEFAULTS, UNSETTLED
from cuddy.errors import (
    Conflict,
    CorruptContent,
    InvalidArgument,
    NoSuchContainer,
    NotPermitted,
    SystemFailure,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import UpdateOptions

QUOTA = ("period", "quota")
KEYS = {
    "BlkioWeight": ("blockIO", ("weight",)),
    "CpuPeriod": ("cpu", QUOTA),
    "CpuQuota": ("cpu", QUOTA),
    "CpuRealtimePeriod": ("cpu", ("realtimePeriod",)),
    "CpuRealtimeRuntime": ("cpu", ("realtimeRuntime",)),
    "CpuShares": ("cpu", ("shares",)),
    "CpusetCpus": ("cpu", ("cpus",)),
    "CpusetMems": ("cpu", ("mems",)),
    "Memory": ("memory", ("limit", "swap")),
    "MemoryReservation": ("memory", ("reservation",)),
    "MemorySwap": ("memory", ("limit", "swap")),
    "NanoCpus": ("cpu", QUOTA),
    "PidsLimit": ("pids", ("limit",)),
}
"""What of linux.resources a field of HostConfig changes."""


WORDS = {"NanoCpus": "NanoCPUs", "CpuPeriod": "CPU Period", "CpuQuota": "CPU Quota"}
EXCLUSIVE = (
    ("NanoCpus", "CpuPeriod"), ("NanoCpus", "CpuQuota"),
    ("CpuPeriod", "NanoCpus"), ("CpuQuota", "NanoCpus"),
)  # fmt: skip
"""What says the same in two ways: the first cannot be set if the other is."""
REFUSALS = (InvalidArgument, Conflict, NotPermitted, SystemFailure)
LIFTED = ("PidsLimit",)
"""Fields whose default says "unlimited", which one may want back."""


def update(home: Home, name: str, options: UpdateOptions) -> list[str]:
    """Change a container's limits and its restart policy; returns warnings.

    Raises NoSuchContainer, InvalidArgument, Conflict, NotPermitted.
    """
    container_id = containers.find_id(home, name)
    changes = changes_of(options)
    asked = DEFAULTS | changes
    limits.check(asked, update=True)
    warnings = [support.NO_KERNEL_MEMORY] if options.kernel_memory else []
    warnings += support.discard(asked)
    changes = {key: asked[key] for key in changes if asked[key] != DEFAULTS[key] or key in LIFTED}
    settle(home, container_id)
    with container.lock(home, container_id):
        record = containers.read(home, container_id, locked=True)
        if record["State"].get("Dead") or record["State"]["Status"] == "removing":
            message = 'container is marked for removal and cannot be "update"'
            raise Conflict(f"Cannot update container {container_id}: {message}")
        try:
            after = merge(record["HostConfig"], changes)
            policy = new_policy(record["HostConfig"], options.restart)
            if options.egress:
                # Imported here: few containers are under egress control.
                from cuddy.engine import egress_update

                policy |= egress_update.change(record, options.egress)
                egress_update.put_in_force(home, record, after | policy)
            warnings += put_in_force(home, record, after | policy, changes)
        except REFUSALS as error:
            error.message = f"Cannot update container {container_id}: {error.message}"
            raise
    events.emit_container(home, "update", record)
    return warnings


def changes_of(options: UpdateOptions) -> dict[str, Any]:
    """The fields of HostConfig that are to change."""
    numbers = {key: getattr(options, name) for key, name in limits.NUMBERS.items()}
    texts = {"CpusetCpus": options.cpuset_cpus, "CpusetMems": options.cpuset_mems}
    found = {key: value for key, value in (numbers | texts).items() if value}
    if options.pids_limit:
        found["PidsLimit"] = options.pids_limit if options.pids_limit > 0 else None
    return found


def merge(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """HostConfig after an update, by Docker's rules. Raises InvalidArgument.

    But for one: Docker takes no limit of swap for a small one, and so refuses to limit a container
    that had no limit. Here it gets the two limits that `run --memory` would have given it.
    """
    for one, other in EXCLUSIVE:
        if one in changes and config[other] > 0:
            raise InvalidArgument(
                f"Conflicting options: {WORDS[one]} cannot be updated"
                f" as {WORDS[other]} has already been set"
            )
    memory, swap = changes.get("Memory", 0), config["MemorySwap"]
    if memory and not swap:
        changes = {"MemorySwap": 2 * memory, **changes}
    if 0 < swap < memory and "MemorySwap" not in changes:
        raise InvalidArgument(
            "Memory limit should be smaller than already set memoryswap limit,"
            " update the memoryswap at the same time",
            hint="--memory-swap is memory and swap together, -1 is unlimited",
        )
    after = {**config, **changes}
    limits.check_memory(after, update=False)
    return after


def new_policy(config: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The restart policy that --restart asks for. Raises InvalidArgument, Conflict."""
    if not text:
        return {}
    policy = restart_policy.parse(text)
    if config["AutoRemove"] and policy["Name"] != restart_policy.NO:
        raise Conflict(
            "Restart policy cannot be updated because AutoRemove is enabled for the container"
        )
    return {"RestartPolicy": policy}


def put_in_force(
    home: Home, record: Container, after: dict[str, Any], changed: Iterable[str]
) -> list[str]:
    """Write the record, and set the limits of a running container; both or neither."""
    state = record["State"]
    if not changed or not state["Running"] or state.get("Restarting"):
        write_record(home, record["Id"], after)
        return []
    marker = f"{home.run_dir(record['Id'])}/{UNSETTLED}"
    try:
        files.write(marker, ",".join(changed).encode(), durable=False)
        write_record(home, record["Id"], after)
        warnings = set_limits(home, record["Id"], after, changed)
    except (NoSuchContainer, FileNotFoundError):
        write_record(home, record["Id"], after)
        return []  # it has just ended: its next life will have them
    except BaseException:
        write_record(home, record["Id"], record["HostConfig"])
        remove(marker)
        raise
    remove(marker)
    return warnings


def set_limits(
    home: Home, container_id: str, config: Mapping[str, Any], changed: Iterable[str]
) -> list[str]:
    """Set the limits of the fields that changed; returns warnings."""
    from cuddy.runtime import update as runtime_update

    path = f"{limits.cgroup_parent(config)}/{container_id}"
    wanted = changed_resources(config, changed)
    return runtime_update.update(home.run_root, container_id, wanted, path)


def changed_resources(config: Mapping[str, Any], changed: Iterable[str]) -> dict[str, Any]:
    """linux.resources of those fields, and of what is set together with them. Pure."""
    everything = resources.resources(config, {}, blocks=False)
    found: dict[str, dict[str, Any]] = {}
    for field in changed:
        section, keys = KEYS[field]
        values = everything.get(section, {})
        found.setdefault(section, {}).update({k: values[k] for k in keys if k in values})
    if "PidsLimit" in changed and not config["PidsLimit"]:
        found["pids"] = {"limit": -1}
    return found


def write_record(home: Home, container_id: str, config: dict[str, Any]) -> None:
    """Replace HostConfig. The caller has the lock."""

    def change(record: Container) -> None:
        record["HostConfig"] = config

    container.change_record(home, container_id, change)


def settle(home: Home, container_id: str) -> None:
    """Put in force what somebody who was killed has written down. Costs one look if nobody was."""
    marker = f"{home.run_dir(container_id)}/{UNSETTLED}"
    if not os.path.exists(marker):
        return
    with container.lock(home, container_id):
        try:
            changed = files.read_bytes(marker).decode().split(",")
            config = container.read(home, container_id)["HostConfig"]
            set_limits(home, container_id, config, [key for key in changed if key in KEYS])
        except (*REFUSALS, NoSuchContainer, CorruptContent, OSError, ValueError):
            pass  # it has ended, or the kernel does not want it: nothing is worse than before
        remove(marker)


def remove(path: str) -> None:
    """Unlink a file that may be gone with its directory."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
