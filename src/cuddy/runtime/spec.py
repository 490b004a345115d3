"""config.json, field for field: https://github.com/opencontainers/runtime-spec, config.md.

Documents are kept as they were read; these types only name the fields cuddy acts on.
"""

from __future__ import annotations

from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Root(TypedDict, total=False):
    path: str
    readonly: bool


class IdMapping(TypedDict):
    containerID: int
    hostID: int
    size: int


class MountEntry(TypedDict, total=False):
    destination: str
    type: str
    source: str
    options: list[str]
    uidMappings: list[IdMapping]
    gidMappings: list[IdMapping]


class User(TypedDict, total=False):
    uid: int
    gid: int
    umask: int
    additionalGids: list[int]


class Capabilities(TypedDict, total=False):
    bounding: list[str]
    effective: list[str]
    inheritable: list[str]
    permitted: list[str]
    ambient: list[str]


class Rlimit(TypedDict):
    type: str
    soft: int
    hard: int


class ConsoleSize(TypedDict):
    height: int
    width: int


class Process(TypedDict, total=False):
    terminal: bool
    consoleSize: ConsoleSize
    user: User
    args: list[str]
    env: list[str]
    cwd: str
    capabilities: Capabilities
    rlimits: list[Rlimit]
    noNewPrivileges: bool
    oomScoreAdj: int
    apparmorProfile: str
    selinuxLabel: str
    scheduler: dict[str, Any]
    ioPriority: dict[str, Any]
    execCPUAffinity: dict[str, str]


class Namespace(TypedDict, total=False):
    type: str
    path: str


class TimeOffset(TypedDict, total=False):
    secs: int
    nanosecs: int


class Device(TypedDict, total=False):
    type: str
    path: str
    major: int
    minor: int
    fileMode: int
    uid: int
    gid: int


class Linux(TypedDict, total=False):
    namespaces: list[Namespace]
    timeOffsets: dict[str, TimeOffset]
    uidMappings: list[IdMapping]
    gidMappings: list[IdMapping]
    devices: list[Device]
    cgroupsPath: str
    resources: dict[str, Any]
    rootfsPropagation: str
    mountLabel: str
    seccomp: dict[str, Any]
    sysctl: dict[str, str]
    memoryPolicy: dict[str, Any]
    personality: dict[str, Any]
    intelRdt: dict[str, Any]
    netDevices: dict[str, dict[str, str]]
    maskedPaths: list[str]
    readonlyPaths: list[str]


class Hook(TypedDict, total=False):
    path: str
    args: list[str]
    env: list[str]
    timeout: int


class Config(TypedDict, total=False):
    ociVersion: str
    root: Root
    mounts: list[MountEntry]
    process: Process
    hostname: str
    domainname: str
    linux: Linux
    hooks: dict[str, list[Hook]]
    annotations: dict[str, str]


class Scope(TypedDict):
    """A unit of systemd, and the socket of the bus on which that systemd is."""

    bus: str
    unit: str


class State(TypedDict, total=False):
    """state.json: what runtime-spec, runtime.md "State" asks for, and cuddy's own knowledge."""

    ociVersion: str
    id: str
    status: str
    pid: int
    bundle: str
    annotations: dict[str, str]
    created: str
    startTime: int  # of pid, in clock ticks after boot: names the process for ever
    cgroupPaths: dict[str, str]
    scope: Scope  # of which the cgroup is, if systemd manages it
    hooks: dict[str, list[Hook]]  # those of after the creation
    runtime: list[str]  # another program than ours that made it, with its flags
    attendants: list[int]  # pids of what that one left running beside init
    rootMount: dict[str, int]  # path -> number of who shares its caller's mounts
    listener: dict[str, str]  # whom seccomp's SCMP_ACT_NOTIFY asks
