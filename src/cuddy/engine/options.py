"""Everything a user can ask of a new container, each option named once, with its default.

Whoever makes containers (command line, library, API) fills one `ContainerOptions`; `engine.create`
validates it against the image and turns it into a record.
"""

from __future__ import annotations

import os

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.endpoint import EndpointWish
    from cuddy.engine.mount_grammar import MountSpec
    from cuddy.engine.sandboxes import Sandbox

    Pair = str | tuple[str, str]
    """KEY=VALUE, or the two apart: only so can a key have a = in it."""


def parted(pair: Pair) -> tuple[str, str, str]:
    """Key and value, and between them the = that a text may lack."""
    return pair.partition("=") if isinstance(pair, str) else (pair[0], "=", pair[1])


class ContainerOptions(NamedTuple):
    """Options of `run` and `create`. None means "as the image says" or "unlimited"."""

    image: str
    command: tuple[str, ...] = ()
    name: str = ""
    # what runs
    entrypoint: tuple[str, ...] | None = None  # () clears the image's, ("",) its command as well
    shell: tuple[str, ...] = ()  # of health checks that are one line; () as the image says
    env: tuple[str, ...] = ()  # KEY=VALUE; a bare KEY is unset by the engine
    workdir: str = ""
    user: str = ""  # name|uid[:group|gid]
    group_add: tuple[str, ...] = ()  # names or numbers
    hostname: str = ""
    domainname: str = ""
    labels: tuple[Pair, ...] = ()  # KEY=VALUE or KEY
    annotations: tuple[Pair, ...] = ()  # KEY=VALUE, for the OCI runtime
    stop_signal: str = ""
    stop_timeout_s: int | None = None
    init: bool | None = None  # None: not said
    # whether it is well; times in nanoseconds, 0: as the image says
    health_cmd: str = ""
    health_test: tuple[str, ...] = ()  # CMD, WORDS... or CMD-SHELL, LINE: either this or that
    health_interval: int = 0
    health_timeout: int = 0
    health_start_period: int = 0
    health_start_interval: int = 0
    health_retries: int = 0
    no_healthcheck: bool = False
    # how it is attached
    tty: bool = False
    interactive: bool = False  # keep stdin open
    stdin_once: bool = False  # close stdin when its first client goes
    attach_stdin: bool | None = None  # that its first client wants it: a note; None: by stdin_once
    outputs: tuple[str, ...] = ("stdout", "stderr")  # those that its first client wants: a note
    console_size: tuple[int, int] = (0, 0)  # rows and columns that a terminal begins with
    log_driver: str = ""  # "" json-file, with rotation
    log_opts: tuple[Pair, ...] = ()  # KEY=VALUE
    auto_remove: bool = False
    restart: str = "no"
    # what it sees
    volumes: tuple[str, ...] = ()  # [SOURCE:]TARGET[:OPTIONS]: absolute path, or a volume's name
    mounts: tuple[MountSpec, ...] = ()  # as HostConfig.Mounts has them
    volumes_from: tuple[str, ...] = ()  # CONTAINER[:OPTIONS]
    volume_driver: str = ""
    caller: str = ""  # UID:GID of the user who is root by sudo: for `map` of volumes and mounts
    tmpfs: tuple[str, ...] = ()  # TARGET[:OPTIONS]
    read_only: bool = False
    shm_size: int = 64 << 20  # bytes
    network: str = "bridge"  # bridge | host | none | container:NAME | a network's name or id
    endpoints: tuple[EndpointWish, ...] = ()  # what is asked of each network, and further ones
    add_hosts: tuple[str, ...] = ()  # NAME:ADDRESS
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()  # [[HOST_IP:]HOST_PORT:]PORT[/PROTOCOL]
    publish_all: bool = False  # every exposed port at one of the host's that is free
    expose: tuple[str, ...] = ()  # PORT[/PROTOCOL]
    links: tuple[str, ...] = ()  # NAME[:ALIAS]
    egress: tuple[str, ...] = ()  # none | all | allow:WHERE,...; () all
    mac_address: str = ""
    network_aliases: tuple[str, ...] = ()  # these four: of `network`, if it is the user's own
    ip: str = ""
    ip6: str = ""
    link_local_ips: tuple[str, ...] = ()
    pid_mode: str = ""  # "" own | host | container:NAME
    ipc_mode: str = ""  # "" private | none | shareable | host | container:NAME
    uts_mode: str = ""  # "" own | host
    userns_mode: str = ""  # "" as configured | host | auto | keep-id | nomap | container:NAME
    userns_default: str = ""  # what is configured
    userns_range: str = ""  # START:SIZE of the host's ids to give away; "" as subuid(5) says
    uid_maps: tuple[str, ...] = ()  # CONTAINER:HOST[:SIZE]
    gid_maps: tuple[str, ...] = ()
    cgroupns_mode: str = ""  # "" private | host
    # what it may
    privileged: bool = False
    devices: tuple[str, ...] = ()  # HOST[:CONTAINER][:rwm], or names of CDI
    device_cgroup_rules: tuple[str, ...] = ()  # TYPE MAJOR:MINOR ACCESS
    device_requests: tuple[dict[str, Any], ...] = ()  # as HostConfig.DeviceRequests has them
    gpus: tuple[str, ...] = ()  # all, a number, or device=..., capabilities=...
    sysctls: tuple[str, ...] = ()  # NAME=VALUE
    runtime: str = ""
    isolation: str = ""
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    masked_paths: tuple[str, ...] | None = None  # None: the usual ones
    readonly_paths: tuple[str, ...] | None = None
    # what it uses
    memory: int | None = None  # bytes
    memory_swap: int | None = None  # bytes, memory and swap together; -1 unlimited
    nano_cpus: int | None = None  # --cpus in 10^-9 CPUs
    memory_reservation: int | None = None  # bytes
    memory_swappiness: int | None = None  # 0 to 100; -1 the kernel's
    kernel_memory: int | None = None  # no longer does anything, as in docker 28
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    cpu_shares: int | None = None
    cpu_period: int | None = None  # microseconds
    cpu_quota: int | None = None  # microseconds of each period
    cpu_rt_period: int | None = None  # microseconds
    cpu_rt_runtime: int | None = None  # microseconds
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    blkio_weight: int | None = None  # 10 to 1000
    blkio_weight_device: tuple[str, ...] = ()  # PATH:WEIGHT
    device_read_bps: tuple[str, ...] = ()  # PATH:BYTES, per second
    device_write_bps: tuple[str, ...] = ()
    device_read_iops: tuple[str, ...] = ()  # PATH:NUMBER, per second
    device_write_iops: tuple[str, ...] = ()
    cgroup_parent: str = ""
    storage_opt: tuple[Pair, ...] = ()  # KEY=VALUE
    pids_limit: int | None = None
    ulimits: tuple[str, ...] = ()  # NAME=SOFT[:HARD]
    # where it is written down
    cidfile: str = ""
    # where the image comes from
    pull: str = "missing"  # always | missing | never
    platform: str = ""
    # what makes it a sandbox: as `sandboxes.plan` has it
    sandbox: Sandbox | None = None


class UpdateOptions(NamedTuple):
    """Options of `update`, as those of `create`; None and "" leave things as they are."""

    memory: int | None = None
    memory_swap: int | None = None
    memory_reservation: int | None = None
    kernel_memory: int | None = None
    nano_cpus: int | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpu_rt_period: int | None = None
    cpu_rt_runtime: int | None = None
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    blkio_weight: int | None = None
    pids_limit: int | None = None  # -1: unlimited
    restart: str = ""
    egress: tuple[str, ...] = ()


class ExecOptions(NamedTuple):
    """Options of `exec`."""

    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    tty: bool = False
    interactive: bool = False
    privileged: bool = False
    timeout_s: float | None = None  # after which it is killed with all it started; None: never
    hangs_up: bool = False  # its terminal goes with whoever sits at it, and it with the terminal


def configured(environment: Mapping[str, str]) -> dict[str, Any]:
    """The options that config.toml sets, of which most machines have none.

    Raises InvalidArgument.
    """
    paths = [path for path in config_paths(environment) if os.path.exists(path)]
    if not paths:
        return {}
    from cuddy.engine import config_toml

    found: dict[str, Any] = {**config_toml.read_options(paths)}
    return found


def config_paths(environment: Mapping[str, str]) -> list[str]:
    """Where config.toml may be, the machine's before the user's; CUDDY_CONFIG names the one."""
    if path := environment.get("CUDDY_CONFIG"):
        return [path]
    own = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '')}/.config"
    return ["/etc/cuddy/config.toml", f"{own}/cuddy/config.toml"]
