"""The container's side of `run --step`: one process that gets one lock after the other.

It takes the same steps as `runtime/init.py`, by the same functions, but waits after each, and runs
a shell when somebody wants to look around. Everything it needs is imported and opened before its
root changes: afterwards every file is the image's. Its end is the end of all that runs in there.
"""

from __future__ import annotations

import _signal
import os
import struct
from _socket import AF_UNIX, SOCK_SEQPACKET, socketpair

from cuddy import files
from cuddy.errors import CommandNotExecutable, CommandNotFound, CuddyError
from cuddy.kernel import (
    mount,
    namespaces,
    overlay,
    process,
    pty,
    rtnetlink,
    seccomp,
    springboard,
    syscall,
)
from cuddy.kernel.capabilities import NO_SETS
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.pivot_root import pivot_root
from cuddy.runtime import credentials, devices, filters, launch, masks, mount_plan, rootfs, sysctls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from cuddy.kernel.mount import Mount
    from cuddy.runtime.filters import Filter
    from cuddy.runtime.handshake import Channel, Message
    from cuddy.runtime.spec import Config, MountEntry, Process

ROOT = -1
"""Number of the tree that is to be the root; others are those of mounts of the config."""
DEVICES = 1 << 16
"""Numbers from here on are those of devices, which nobody can make in a user namespace."""
NODE = mount.Change(mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NOEXEC, propagation=mount.MS_PRIVATE)


class Place(rootfs.Place):
    """Where mounts are made, of trees that were opened outside."""

    trees: dict[int, int] = {}

    def take_source(self, position: int, plan: Mount) -> int:
        return self.trees.pop(position)


class Inside:
    """The process, and what it was given."""

    def __init__(
        self, config: Config, lowest: list[Mount], filter: Filter, channel: Channel, trace_fd: int
    ) -> None:
        """`lowest`: the mounts of a root of one layer, outermost first."""
        self.config = config
        self.lowest = lowest
        self.filter = filter
        self.channel = channel
        self.trace_fd = trace_fd
        self.given: dict[str, int] = {}  # namespaces of others, by kind
        self.trees: dict[int, int] = {}
        self.documents: dict[str, Any] = {}
        self.groups = Cgroup({})
        self.springboard_fd = self.status_fd = self.children_fd = -1
        self.has_own_root = self.is_weak = False
        self.warnings: list[str] = []
        self.sets = NO_SETS

    @property
    def makes(self) -> set[str]:
        """The kinds of namespaces that it gets new ones of."""
        listed = self.config["linux"]["namespaces"]
        return {each["type"] for each in listed if not each.get("path")} - {*self.given}

    def live(self) -> NoReturn:
        """Do as told, until there is nobody who tells."""
        try:
            self.begin()
            while (message := self.channel.receive()).kind != "end":
                self.answer(message)
        finally:
            os._exit(0)

    def begin(self) -> None:
        """As `init.join_session`: nobody's but our own, and nothing to find by way of us."""
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        process.prctl(process.PR_SET_CHILD_SUBREAPER, 1)
        if namespaces.is_initial("user"):
            # Elsewhere it would be the machine's root's, and who made us could not look at us.
            process.prctl(process.PR_SET_DUMPABLE, 0)
        process.reset_signals()
        os.setsid()
        # A number that is ours as long as we live: it stands in the springboard's code.
        reserved, other = os.pipe2(os.O_CLOEXEC)
        os.close(other)
        self.status_fd = reserved
        self.springboard_fd = springboard.prepare(self.status_fd)
        self.children_fd = os.open("/proc/thread-self/children", os.O_RDONLY | os.O_CLOEXEC)
        self.sets = credentials.choose_sets(self.config["process"], self.warnings.append)
        syscall.tracer = syscall.Trace(self.trace_fd)

    def answer(self, message: Message) -> None:
        """Do one thing, and say that it is done, or why not."""
        if message.kind == "namespace":
            self.given[message.text] = message.fd
        elif message.kind == "tree":
            self.trees[message.number] = message.fd
        elif message.kind == "document":
            self.documents[message.text] = read_letter(message.fd)
        else:
            try:
                number = ACTIONS[message.kind](self, message)
                self.channel.send("done", number=number or 0)
            except Exception as error:
                self.channel.send("error", in_words(error))
                if not isinstance(error, OSError | CuddyError):
                    raise

    def enter(self, kind: str) -> None:
        """Into a namespace of that kind, new or given; nowhere if it is to have the host's."""
        if kind in self.given:
            namespaces.setns(self.given[kind], namespaces.FLAGS[kind])
        elif kind in self.makes:
            namespaces.unshare(namespaces.FLAGS[kind])


def process_(inside: Inside, message: Message) -> None:
    """Nothing more than to be there."""


def names(inside: Inside, message: Message) -> None:
    """`init.join_namespaces` and `init.set_names`."""
    inside.enter("uts")
    inside.enter("ipc")
    if hostname := inside.config.get("hostname"):
        namespaces.sethostname(hostname)
    if domainname := inside.config.get("domainname"):
        namespaces.setdomainname(domainname)


def mounts(inside: Inside, message: Message) -> None:
    """A mount namespace, and the processes of our own pid namespace in /proc."""
    inside.enter("mount")
    mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
    if os.getpid() == 1:
        flags = mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC
        mount.perform(mount.Mount("proc", "/proc", "proc", flags))


def root(inside: Inside, message: Message) -> None:
    """The image's lowest layer becomes the root, read-only, with a /proc."""
    for plan in inside.lowest:
        (overlay if plan.fstype else mount).perform(plan)
    root_fd = os.open(inside.lowest[0].target, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for plan in planned(inside.config["mounts"]):
        if plan.fstype == "proc":
            rootfs.attach(plan, root_fd)
    pivot_root(root_fd)
    os.close(root_fd)
    inside.has_own_root = True


def planned(entries: list[MountEntry]) -> list[Mount]:
    """Mounts of the config, but those that show control groups: these come with the groups."""
    plans = mount_plan.plan_mounts({"mounts": entries})
    return [plan for plan in plans if not is_of_groups(plan)]


def is_of_groups(plan: Mount) -> bool:
    """Whether a mount shows control groups."""
    return plan.fstype in ("cgroup", "cgroup2")


def union(inside: Inside, message: Message) -> None:
    """`init.mount_rootfs`, `init.make_devices` and `init.pivot`, in a root from outside."""
    root_fd = inside.trees.pop(ROOT)
    mount.mount_setattr(root_fd, 0, propagation=mount.MS_PRIVATE)
    mount.move_mount(root_fd, "/")
    plans = planned(inside.documents["mounts"])
    place = Place(root_fd, "", inside.groups, own_cgroups=True)
    place.trees = inside.trees
    rootfs.perform(plans, place)
    for number, device in enumerate(devices.wanted(inside.config)):
        if (tree_fd := inside.trees.pop(DEVICES + number, -1)) >= 0:
            node = mount.Mount("", device["path"], "", mount.MS_BIND, changes=(NODE,))
            rootfs.attach_tree(tree_fd, node, place.root_fd)
    if not any(plan.target == "/dev" and plan.flags & mount.MS_BIND for plan in plans):
        in_user_namespace = not namespaces.is_initial("user")
        devices.make_devices(inside.config, place.root_fd, in_user_namespace=in_user_namespace)
    rootfs.finish(place)
    pivot_root(place.root_fd)
    os.close(place.root_fd)


def cgroup(inside: Inside, message: Message) -> None:
    """A cgroup namespace with the group that we have been put into at its top."""
    inside.enter("cgroup")
    inside.groups = Cgroup(inside.documents["groups"])
    show_groups(inside)


def show_groups(inside: Inside) -> None:
    """Mount what shows control groups; where all of the host's would be seen, nothing."""
    if "cgroup" not in inside.makes:
        return
    plans = mount_plan.plan_mounts(inside.config)
    show(inside, [plan for plan in plans if is_of_groups(plan)])


def show(inside: Inside, plans: list[Mount]) -> None:
    """Make mounts in the root that we are in."""
    root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place = Place(root_fd, "", inside.groups, own_cgroups=True)
        rootfs.perform(plans, place)
        rootfs.finish(place)
    finally:
        os.close(root_fd)


def network(inside: Inside, message: Message) -> None:
    """`init.raise_loopback`, `init.write_sysctls`, and a sysfs that shows its own links."""
    inside.enter("network")
    if "network" in inside.makes:
        rtnetlink.loopback_up()
    if "network" not in {*inside.makes, *inside.given}:
        return
    root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sysctls.write(root_fd, inside.config["linux"].get("sysctl", {}))
    finally:
        os.close(root_fd)
    plans = [plan for plan in planned(inside.config["mounts"]) if plan.fstype == "sysfs"]
    if plans and plans[0].target == "/sys":
        if namespaces.is_initial("user"):
            mount.umount("/sys", mount.MNT_DETACH)
        # Else it may be the host's, as nobody could make a new one, and stays below.
        show(inside, plans)
        show_groups(inside)


def powers(inside: Inside, message: Message) -> None:
    """`init.hide_paths`, then a process that gives up power as a program's does, to be looked at.

    We ourselves keep ours, for who will want another shell.
    """
    linux, spec = inside.config["linux"], inside.config["process"]
    root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        masks.freeze(root_fd, linux.get("readonlyPaths", []))
        masks.hide(root_fd, linux.get("maskedPaths", []))
        if inside.config["root"].get("readonly"):
            mount.change(root_fd, (rootfs.READ_ONLY,))
    finally:
        os.close(root_fd)
    credentials.set_limits(spec.get("rlimits", []), inside.warnings.append)
    inside.is_weak = True
    show_powers(inside)


def show_powers(inside: Inside) -> None:
    """Have a child that has no more power than the container's program will have."""
    ready, say = os.pipe2(os.O_CLOEXEC)
    if os.fork() == 0:
        be_weak(inside, say)
    os.close(say)
    os.read(ready, 1)
    os.close(ready)


def be_weak(inside: Inside, say: int) -> NoReturn:
    """Give up power, say so, and wait for the end."""
    try:
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        never, kept = os.pipe2(os.O_CLOEXEC)
        launch.give_up_power(inside.config["process"], inside.sets, inside.filter)
        if inside.filter.program:
            flags = inside.filter.flags & ~launch.WITH_LISTENER
            seccomp.load(inside.filter.program, flags)
        os.write(say, b".")
        os.read(never, 1)
        os.close(kept)
    finally:
        os._exit(0)


def shell(inside: Inside, message: Message) -> int:
    """Run a program at a terminal until it ends, and all that it has started; its exit code.

    Raises CommandNotFound, CommandNotExecutable.
    """
    ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        become(inside, message.fd, theirs.fileno())
    theirs.close()
    os.close(message.fd)
    complaint = ours.recv(1024)
    ours.close()  # for which the springboard waits when it could not become the program
    _, status = os.waitpid(pid, 0)
    end_rest(inside)
    if len(complaint) == 8:
        code = -struct.unpack("=q", complaint)[0]
        raise CommandNotFound(f"no program can be run in there: {os.strerror(code).lower()}")
    if complaint:
        kind = CommandNotFound if complaint[:1] == b"f" else CommandNotExecutable
        raise kind(os.fsdecode(complaint[1:]))
    return process.exit_code(status)


def become(inside: Inside, terminal_fd: int, status_fd: int) -> NoReturn:
    """The child: into a session at its terminal, then the program."""
    kind = b"x"
    try:
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        os.setsid()
        pty.take_terminal(terminal_fd)
        for number in range(3):
            os.dup2(terminal_fd, number)
        os.dup2(status_fd, inside.status_fd)
        asked = inside.documents["shell"]
        spec: Process = {**inside.config["process"], "args": asked["args"], "env": asked["env"]}
        filter = inside.filter if inside.is_weak else filters.NO_FILTER
        if inside.is_weak:
            launch.give_up_power(spec, inside.sets, filter)
        if inside.has_own_root:
            launch.enter_cwd("/", make=False)
        process.close_on_exec_from(3)
        kind = b"f"
        path = launch.look_up(spec)
        kind = b"x"
        leap = springboard.aim(inside.springboard_fd, path, spec["args"], spec["env"])
        launch.jump(leap, filter, inside.status_fd)
    except Exception as error:
        os.write(status_fd, (kind + in_words(error).encode(errors="replace"))[:1000])
        if not isinstance(error, OSError | CuddyError):
            raise
    finally:
        os._exit((CommandNotExecutable if kind == b"x" else CommandNotFound).exit_code)


def in_words(error: Exception) -> str:
    """What somebody else is to say of it."""
    if isinstance(error, OSError):
        return f"{error.filename or 'it'}: {os.strerror(error.errno or 0).lower()}"
    return str(error) if isinstance(error, CuddyError) else f"{type(error).__name__}: {error}"


def end_rest(inside: Inside) -> None:
    """End what a shell has left running, and whom it was left to: us."""
    if os.getpid() == 1:
        try:
            os.kill(-1, _signal.SIGKILL)  # all in our pid namespace, but us
        except ProcessLookupError:
            return
        bury_all()
        if inside.is_weak:
            show_powers(inside)
        return
    while left := [*map(int, os.pread(inside.children_fd, 1 << 16, 0).split())]:
        for pid in left:
            os.kill(pid, _signal.SIGKILL)
        bury_all()
    if inside.is_weak:
        show_powers(inside)


def bury_all() -> None:
    """Wait for all children."""
    try:
        while os.waitpid(-1, 0)[0]:
            pass  # the next one
    except ChildProcessError:
        return


def read_letter(fd: int) -> Any:
    """What was too long for a message."""
    try:
        return files.parse_json(os.pread(fd, os.fstat(fd).st_size, 0))
    finally:
        os.close(fd)


ACTIONS = {
    "process": process_, "pid": process_, "names": names, "mounts": mounts, "root": root,
    "union": union, "cgroup": cgroup, "network": network, "powers": powers, "shell": shell,
}  # fmt: skip
