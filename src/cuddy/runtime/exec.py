"""Exec: one more process inside a running container.

    us                    guide                            the process
    clone ─────────────▶  prepares, joins the namespaces
                          clone ─────────────────────────▶ born in the container's pid namespace
       ◀───────────────── "born" pid, and it ends
    "go" ────────────────────────────────────────────────▶ the same last steps as init

The process is our child (CLONE_PARENT), so that we can wait for it. Nobody in the container sees
the guide, who still has the host's root and descriptors: whoever may trace others there
(CAP_SYS_PTRACE) could reach the host through them.
"""

from __future__ import annotations

import errno
import os

from cuddy.errors import SystemFailure
from cuddy.kernel import cgroup, namespaces, process, springboard, subgroup
from cuddy.kernel.capabilities import NO_SETS
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import credentials, filters, handshake, launch, terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import NoReturn

    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.handshake import Channel
    from cuddy.runtime.listener import Post
    from cuddy.runtime.scheduling import Plan
    from cuddy.runtime.spec import Process, Rlimit, State

JOINED = (
    namespaces.CLONE_NEWNS
    | namespaces.CLONE_NEWUTS
    | namespaces.CLONE_NEWIPC
    | namespaces.CLONE_NEWNET
    | namespaces.CLONE_NEWCGROUP
    | namespaces.CLONE_NEWPID
)


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


class Entrant:
    """The process on its way in: what it was given."""

    def __init__(
        self, bundle: Bundle, spec: Process, channel: Channel, init_fd: int,
        stdio: tuple[int, int, int] | None,
    ) -> None:  # fmt: skip
        self.bundle = bundle
        self.spec = spec
        self.channel = channel
        self.init_fd = init_fd
        self.stdio = stdio
        self.container_id = ""
        self.init_pid = 0
        self.scheduling: Plan | None = None
        self.others_end: Channel | None = None
        self.doors: list[int] = []
        self.preserve_fds = 0
        self.is_in_cwd = False
        self.springboard_fd = -1
        self.proc_fd = -1
        self.attribute_fd = -1
        self.sets = NO_SETS
        self.letter_box: socket | None = None
        self.filter = filters.NO_FILTER

    def warn(self, text: str) -> None:
        """Tell the caller something the user should hear."""
        self.channel.send("warning", text)


def take_streams(entrant: Entrant) -> None:
    """The streams that we were given, and nothing of the caller's."""
    if entrant.scheduling and entrant.scheduling.initial_cpus:
        process.use_cpus(entrant.scheduling.initial_cpus)
    process.reset_signals()
    process.join_session_keyring(f"_ses.{entrant.container_id}")
    for number, fd in enumerate(entrant.stdio or ()):
        os.dup2(fd, number)


def prepare(entrant: Entrant) -> None:
    """What needs the host's files: the OOM score, the springboard."""
    if "oomScoreAdj" in entrant.spec:
        credentials.set_oom_score(entrant.spec["oomScoreAdj"], entrant.warn)
    entrant.proc_fd = launch.open_proc(entrant.spec)
    entrant.springboard_fd = springboard.prepare(entrant.channel.fileno())


def join_namespaces(entrant: Entrant) -> None:
    """Every namespace of init's, all in one: the host's power opens those that belong to the host,
    although we leave it for a user namespace. From here on nothing is loaded.
    """
    flags = JOINED
    for kind in ("user", "time"):
        if entrant.bundle.has_namespace(kind):
            flags |= namespaces.FLAGS[kind]
    try:
        namespaces.setns(entrant.init_fd, flags)
    except OSError as error:
        # We may not, or (the user's) need not, join what we are in already.
        others = namespaces.differing(entrant.init_pid)
        if error.errno not in (errno.EPERM, errno.EINVAL) or flags & others == flags:
            raise
        namespaces.setns(entrant.init_fd, flags & others)
    if entrant.bundle.has_namespace("user"):
        # Until here we are root of the host, whom nobody knows there.
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        process.prctl(process.PR_SET_DUMPABLE, 0)  # again: fs.suid_dumpable may say otherwise
    os.close(entrant.init_fd)


def send_ahead(entrant: Entrant) -> None:
    """The guide's last step: only its child returns, the process itself."""
    child = process.clone(process.CLONE_PARENT)
    if child.pid:
        entrant.channel.send("born", number=child.pid)
        os._exit(0)


def arrive(entrant: Entrant) -> None:
    """The container's cgroups of version 1, a session of our own, and limits."""
    cgroup.enter(entrant.doors)
    for door in entrant.doors:
        os.close(door)
    schedule(entrant)
    os.setsid()
    entrant.attribute_fd = launch.open_attribute(entrant.spec, entrant.proc_fd)
    launch.expect_go(entrant.channel)
    if not entrant.bundle.has_namespace("user"):
        credentials.set_limits(entrant.spec.get("rlimits", []), entrant.warn)
    entrant.sets = credentials.choose_sets(entrant.spec, entrant.warn)


def schedule(entrant: Entrant) -> None:
    """The CPUs that we are to have, or all of our cpuset's; what we can only set ourselves."""
    wanted = entrant.scheduling
    if not wanted:
        process.use_cpus(None)
        return
    if wanted.final_cpus or not wanted.initial_cpus:
        process.use_cpus(wanted.final_cpus)
    from cuddy.runtime.scheduling import set_own  # which the caller has loaded

    set_own(wanted)


def open_terminal(entrant: Entrant) -> None:
    """A pty of the container's, if asked for."""
    if entrant.spec.get("terminal"):
        root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.close(terminal.open_terminal(root_fd, entrant.spec, entrant.channel))
        os.close(root_fd)


def enter_cwd(entrant: Entrant) -> None:
    """The working directory of the new process."""
    entrant.is_in_cwd = launch.enter_cwd(entrant.spec["cwd"], make=False)


def become_program(entrant: Entrant) -> None:
    """Give up power and run."""
    entrant.channel.send("ready")
    launch.run(
        entrant.spec, entrant.channel, entrant.springboard_fd, entrant.filter, entrant.attribute_fd,
        entrant.sets, entrant.letter_box, preserve_fds=entrant.preserve_fds,
        is_in_cwd=entrant.is_in_cwd,
    )  # fmt: skip


STEPS = (
    take_streams, prepare, join_namespaces, send_ahead,
    arrive, open_terminal, enter_cwd, become_program,
)  # fmt: skip


def become(entrant: Entrant) -> NoReturn:
    """Take every step."""
    launch.take(STEPS, entrant, entrant.channel, "exec")
