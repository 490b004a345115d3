"""Everything a user can ask of a build, each option named once, with its default.

Whoever builds (command line, library, API) fills one `BuildOptions`.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple


class BuildOptions(NamedTuple):
    """Options of `build`. Texts are as the command line has them, checked by who uses them."""

    context: str  # a directory, an archive, a URL, git's too; "-": what comes on stdin
    build_id: str = ""  # under which its log is kept, see `journal`; "": none is
    dockerfile: str = ""  # "": Dockerfile of the context; "-": what comes on stdin
    tags: tuple[str, ...] = ()
    target: str = ""  # a stage's name or number; "": the last one
    # what the instructions see
    build_args: tuple[str, ...] = ()  # NAME=VALUE; what a bare NAME means is known to floor 5
    build_contexts: tuple[str, ...] = ()  # NAME=WHERE
    secrets: tuple[str, ...] = ()  # id=..,src=..|env=..
    ssh: tuple[str, ...] = ()  # default|ID[=SOCKET|KEY[,KEY]]
    environment: tuple[tuple[str, str], ...] = ()  # the user's own, for secrets and agents
    add_hosts: tuple[str, ...] = ()  # NAME:ADDRESS
    network: str = ""  # of RUN: default, none, host, or a network's name
    allow: tuple[str, ...] = ()  # network.host, security.insecure
    platforms: tuple[str, ...] = ()  # () the host's
    # what RUN may use
    ulimits: tuple[str, ...] = ()
    shm_size: int = 0  # bytes; 0: as of any container
    memory: int | None = None  # bytes
    memory_swap: int | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    cpu_quota: int | None = None
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    cgroup_parent: str = ""
    security_opt: tuple[str, ...] = ()
    isolation: str = ""
    # what comes of it
    labels: tuple[str, ...] = ()  # NAME=VALUE
    annotations: tuple[str, ...] = ()  # NAME=VALUE, of the manifest
    outputs: tuple[str, ...] = ()  # type=image|local|tar|oci|docker,..., or a directory, or "-"
    squash: bool = False
    unset: tuple[str, ...] = ()  # volume, expose, entrypoint ... of the bases' configs
    timestamp: int | None = None  # seconds since the epoch, of everything that is made
    # what it may save itself
    pull: bool = False
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()  # stages
    explain_cache: bool = False  # tell of the first step of each stage why it was not cached
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
