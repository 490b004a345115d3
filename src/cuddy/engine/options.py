"""Everything a user can ask of a new container, each option named once, with its default.

Whoever makes containers (command line, library, API) fills one `ContainerOptions`; `engine.create`
validates it against the image and turns it into a record.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.mount_grammar import MountSpec


class ContainerOptions(NamedTuple):
    """Options of `run` and `create`. None means "as the image says" or "unlimited"."""

    image: str
    command: tuple[str, ...] = ()
    name: str = ""
    # what runs
    entrypoint: tuple[str, ...] | None = None  # () or ("",) clears the image's
    env: tuple[str, ...] = ()  # KEY=VALUE; a bare KEY is unset by the engine
    workdir: str = ""
    user: str = ""  # name|uid[:group|gid]
    hostname: str = ""
    domainname: str = ""
    labels: tuple[str, ...] = ()  # KEY=VALUE or KEY
    stop_signal: str = ""
    stop_timeout_s: int | None = None
    init: bool | None = None  # None: not said
    # how it is attached
    tty: bool = False
    interactive: bool = False  # keep stdin open
    stdin_once: bool = False  # close stdin when its first client goes
    log_driver: str = ""  # "" json-file, with rotation
    log_opts: tuple[str, ...] = ()  # KEY=VALUE
    auto_remove: bool = False
    restart: str = "no"
    # what it sees
    volumes: tuple[str, ...] = ()  # [SOURCE:]TARGET[:OPTIONS]: absolute path, or a volume's name
    mounts: tuple[MountSpec, ...] = ()  # as HostConfig.Mounts has them
    volumes_from: tuple[str, ...] = ()  # CONTAINER[:OPTIONS]
    volume_driver: str = ""
    tmpfs: tuple[str, ...] = ()  # TARGET[:OPTIONS]
    read_only: bool = False
    shm_size: int = 64 << 20  # bytes
    network: str = "bridge"  # bridge | host | none
    add_hosts: tuple[str, ...] = ()  # NAME:ADDRESS
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()  # [[HOST_IP:]HOST_PORT:]PORT[/PROTOCOL]
    publish_all: bool = False  # every exposed port at one of the host's that is free
    expose: tuple[str, ...] = ()  # PORT[/PROTOCOL]
    links: tuple[str, ...] = ()  # NAME[:ALIAS]
    mac_address: str = ""
    network_aliases: tuple[str, ...] = ()  # these four: user defined networks only
    ip: str = ""
    ip6: str = ""
    link_local_ips: tuple[str, ...] = ()
    pid_mode: str = ""  # "" own, "host"
    # what it may
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    # what it uses
    memory: int | None = None  # bytes
    memory_swap: int | None = None  # bytes, memory and swap together; -1 unlimited
    nano_cpus: int | None = None  # --cpus in 10^-9 CPUs
    cpu_shares: int | None = None
    cpuset_cpus: str = ""
    pids_limit: int | None = None
    ulimits: tuple[str, ...] = ()  # NAME=SOFT[:HARD]
    # where it is written down
    cidfile: str = ""
    # where the image comes from
    pull: str = "missing"  # always | missing | never
    platform: str = ""


class ExecOptions(NamedTuple):
    """Options of `exec`."""

    command: tuple[str, ...]
    env: tuple[str, ...] = ()
    workdir: str = ""
    user: str = ""
    tty: bool = False
    interactive: bool = False
    privileged: bool = False
    timeout_s: float = 0  # after which it is killed with all it started; 0: never
