"""The other side of exec: what the process does on its way in, STEPS, from whoever cloned it to its
program. The first are taken by a guide, who sends it ahead (`exec`).
"""

from __future__ import annotations

import errno
import os

from cuddy.kernel import cgroup, namespaces, process, springboard
from cuddy.kernel.capabilities import NO_SETS
from cuddy.runtime import credentials, filters, launch, terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import NoReturn

    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.handshake import Channel
    from cuddy.runtime.scheduling import Plan
    from cuddy.runtime.spec import Process

JOINED = (
    namespaces.CLONE_NEWNS
    | namespaces.CLONE_NEWUTS
    | namespaces.CLONE_NEWIPC
    | namespaces.CLONE_NEWNET
    | namespaces.CLONE_NEWCGROUP
    | namespaces.CLONE_NEWPID
)


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
    root_fd = open_root(entrant)
    try:
        namespaces.setns(entrant.init_fd, flags)
    except OSError as error:
        # We may not, or (the user's) need not, join what we are in already.
        others = namespaces.differing(entrant.init_pid)
        if error.errno not in (errno.EPERM, errno.EINVAL) or flags & others == flags:
            raise
        namespaces.setns(entrant.init_fd, flags & others)
    if root_fd >= 0:
        os.fchdir(root_fd)
        os.chroot(".")
        os.close(root_fd)
    if entrant.bundle.has_namespace("user"):
        # Until here we are root of the host, whom nobody knows there.
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        process.prctl(process.PR_SET_DUMPABLE, 0)  # again: fs.suid_dumpable may say otherwise
    os.close(entrant.init_fd)


def open_root(entrant: Entrant) -> int:
    """The root of a container whose mounts are others' as well, who have another root; else -1."""
    if entrant.bundle.makes_namespace("mount"):
        return -1
    path = f"/proc/{entrant.init_pid}/root"
    root_fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    process.pidfd_send_signal(entrant.init_fd, 0)  # it lives, so this was its pid
    return root_fd


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
