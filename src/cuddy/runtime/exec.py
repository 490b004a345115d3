"""Exec: one more process inside a running container.

    us                    guide                            the process
    clone ─────────────▶  prepares, joins the namespaces
                          clone ─────────────────────────▶ born in the container's pid namespace
       ◀───────────────── "born" pid, and it ends
    "go" ────────────────────────────────────────────────▶ the same last steps as init

The process is our child (CLONE_PARENT), so that we can wait for it. Nobody in the container sees
the guide, who still has the host's root and descriptors: whoever may trace others there
(CAP_SYS_PTRACE) could reach the host through them. What guide and process do: `entrant`.
"""

from __future__ import annotations

import os

from cuddy.errors import SystemFailure
from cuddy.kernel import cgroup, process, subgroup
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import credentials, filters, handshake, launch
from cuddy.runtime.entrant import Entrant, become

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.handshake import Channel
    from cuddy.runtime.listener import Post
    from cuddy.runtime.scheduling import Plan
    from cuddy.runtime.spec import Process, Rlimit, State


class Joined:
    """A process made by `enter`: its pid, a pidfd, its terminal's master or -1."""

    def __init__(self, child: process.Child, channel: Channel, program: str) -> None:
        self.pid, self.pidfd = child
        self.channel = channel
        self.program = program
        self.terminal_fd = -1
        self.warnings: list[str] = []
        self.prepared = False
        self.scheduling: Plan | None = None
        self.limits: list[Rlimit] = []

    def close(self) -> None:
        """Let go of the descriptors; the process goes on, unless it never was let in."""
        self.channel.close()
        for fd in (self.pidfd, self.terminal_fd):
            if fd >= 0:
                os.close(fd)
        self.pidfd = self.terminal_fd = -1


def join(
    bundle: Bundle,
    document: State,
    spec: Process,
    stdio: tuple[int, int, int] | None,
    *,
    state_root: str,
) -> Joined:
    """Run `spec` in the container of `document`; returns when its program runs.

    Raises CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    joined = enter(bundle, document, spec, stdio, state_root=state_root)
    finish(joined)
    return joined


def enter(
    bundle: Bundle, document: State, spec: Process, stdio: tuple[int, int, int] | None, *,
    state_root: str, own_group: Cgroup | None = None, group: Cgroup | None = None,
    preserve_fds: int = 0,
) -> Joined:  # fmt: skip
    """Make the process that will run `spec`; it waits for `finish`.

    `own_group`: a subgroup of the container's to be born in; `group`: a group in every hierarchy.
    `preserve_fds`: how many descriptors from 3 on the program keeps. Raises SystemFailure.
    """
    init_fd = process.open_exact(document["pid"], document["startTime"])
    if init_fd < 0:
        raise SystemFailure("the container ended meanwhile")
    ours, theirs = handshake.pair()
    try:
        # From its first moment the child is visible inside: nobody there may trace it.
        process.prctl(process.PR_SET_DUMPABLE, 0)
        launch.check_labels(spec)
        entrant = Entrant(bundle, spec, theirs, init_fd, stdio)
        entrant.container_id, entrant.init_pid = document["id"], document["pid"]
        entrant.filter = filters.find(bundle.config, state_root)
        entrant.others_end, entrant.preserve_fds = ours, preserve_fds
        entrant.scheduling = plan_scheduling(bundle, spec)
        post = open_post(entrant)
        guide = clone_guide(group or find_cgroup(document, own_group), entrant)
        theirs.close()
        joined = hear_birth(guide, ours, spec["args"][0])
        joined.scheduling, joined.limits = entrant.scheduling, limits_to_set(bundle, spec)
        if post:
            deliver(post, joined, document)
        return joined
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        os.close(init_fd)


def limits_to_set(bundle: Bundle, spec: Process) -> list[Rlimit]:
    """Those that the process may not raise itself: its user namespace's root."""
    return spec.get("rlimits", []) if bundle.has_namespace("user") else []


def open_post(entrant: Entrant) -> Post | None:
    """The way to whom the container's filter asks about calls, if it asks."""
    asked = filters.listener_of(entrant.bundle.config)
    if not asked:
        return None
    from cuddy.runtime import listener  # few containers have one

    post = listener.Post(asked)
    entrant.letter_box = post.box
    return post


def deliver(post: Post, joined: Joined, document: State) -> None:
    """Let the new process reach its agent; without that it may not begin."""
    try:
        post.send(joined.pid, document)
    except BaseException:
        abandon(joined)
        raise
    finally:
        post.close()


def plan_scheduling(bundle: Bundle, spec: Process) -> Plan | None:
    """How the process is to be scheduled: as the container's first where it does not say."""
    wanted = spec.copy()
    for field in ("scheduler", "ioPriority"):
        if field in (first := bundle.config["process"]) and field not in spec:
            wanted[field] = first[field]
    return launch.plan_scheduling(wanted, bundle.config["linux"])


def hear_birth(guide: process.Child, channel: Channel, program: str) -> Joined:
    """The guide's word of the process it has made. Raises what kept it from that."""
    warnings = []
    while (message := channel.receive()).kind == "warning":
        warnings.append(message.text)
    os.waitpid(guide.pid, 0)
    os.close(guide.pidfd)
    if message.kind != "born":
        raise handshake.failure(message, program)
    # It is our child: nobody else has its pid before we have waited for it.
    pidfd = process.pidfd_open(message.number)
    joined = Joined(process.Child(message.number, pidfd), channel, program)
    joined.warnings += warnings
    return joined


def find_cgroup(document: State, own_group: Cgroup | None) -> Cgroup:
    """Where the new process belongs: its own group, or else where the container's processes are.

    If the container divides its group, its init has moved to one of the parts.
    """
    container = Cgroup(document["cgroupPaths"])
    if own_group and own_group.paths:
        return subgroup.within(container, own_group)
    return cgroup.of_process(document["pid"]) if container.is_divided() else container


def clone_guide(own_cgroup: Cgroup, entrant: Entrant) -> process.Child:
    """Clone the guide, into the container's cgroup of version 2."""
    entrant.doors = own_cgroup.open_doors()
    if entrant.scheduling and entrant.scheduling.initial_cpus and own_cgroup.unified:
        # Its CPUs until it is in the cgroup need not be among the cgroup's.
        door = f"{own_cgroup.unified}/cgroup.procs"
        entrant.doors.append(os.open(door, os.O_WRONLY | os.O_CLOEXEC))
        cgroup_fd = -1
    else:
        cgroup_fd = own_cgroup.open_unified()
    try:
        guide = process.clone(0, cgroup_fd=cgroup_fd)
        if guide.pid == 0:
            if cgroup_fd >= 0:
                os.close(cgroup_fd)
            if entrant.others_end:
                entrant.others_end.close()  # or we should never hear that it is closed
            become(entrant)
        return guide
    finally:
        for fd in (*entrant.doors, *([cgroup_fd] if cgroup_fd >= 0 else [])):
            os.close(fd)


def finish(joined: Joined) -> None:
    """Let the process go on, and hear it out until its program runs; if it cannot, it is buried.

    Raises CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    try:
        if joined.scheduling:
            from cuddy.runtime import scheduling  # which `enter` has loaded

            scheduling.set_for(joined.pid, joined.scheduling)
        credentials.set_limits(joined.limits, joined.warnings.append, joined.pid)
        joined.channel.send("go")
    except SystemFailure:
        abandon(joined)
        raise
    except OSError:
        pass  # it died already; that is what we are about to hear
    while (message := joined.channel.receive()).kind != "end" or not joined.prepared:
        if message.kind == "warning":
            joined.warnings.append(message.text)
        elif message.kind == "terminal":
            joined.terminal_fd = message.fd
        elif message.kind == "ready":
            joined.prepared = True
        else:
            abandon(joined)
            raise handshake.failure(message, joined.program)
    joined.channel.close()


def abandon(joined: Joined) -> None:
    """Bury a process that never became its program."""
    process.pidfd_send_signal(joined.pidfd, 9)
    joined.close()
    os.waitpid(joined.pid, 0)
