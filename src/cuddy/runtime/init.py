"""The container's side of its birth: STEPS, the ordered list that ends in execve(2).

Runs in the new namespaces, in a process cloned by `create.py`. Everything it needs is imported
before the clone and opened before pivot_root: afterwards nothing is loaded from anywhere, since
every file then is the image's (CVE-2019-14271). The order is the knowledge of this file.
"""

from __future__ import annotations

import _signal
import os
import select

from cuddy.kernel import cgroup, mount, namespaces, process, rtnetlink, springboard
from cuddy.kernel.capabilities import NO_SETS
from cuddy.kernel.pivot_root import pivot_root
from cuddy.runtime import (
    credentials,
    devices,
    filters,
    hooks,
    launch,
    masks,
    rootfs,
    sysctls,
    targets,
    terminal,
)
from cuddy.runtime.bundle import ALONE, INIT_ANNOTATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from typing import NoReturn

    from cuddy.kernel.cgroup import Cgroup
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.create import Options
    from cuddy.runtime.handshake import Channel
    from cuddy.runtime.scheduling import Plan
    from cuddy.runtime.spec import Hook, State


class Newborn:
    """A container's first process on its way: what it was given, what it opened so far."""

    def __init__(
        self,
        bundle: Bundle,
        state: State,
        state_root: str,
        channel: Channel,
        fifo_fd: int,
        own_cgroup: Cgroup,
        options: Options,
    ) -> None:
        self.bundle = bundle
        self.state = state
        self.state_root = state_root
        self.config = bundle.config
        self.spec = bundle.config["process"]
        self.channel = channel
        self.fifo_fd = fifo_fd
        self.cgroup = own_cgroup
        self.doors = own_cgroup.open_doors()
        self.options = options
        self.scheduling: Plan | None = None
        self.joined: dict[str, int] = {}  # namespaces given by path
        self.has_helper = bundle.needs_trees(os.geteuid())  # the creator opens mounts for us
        self.trees: dict[int, int] = {}  # what the creator opened for us: see trees.py
        self.filter = filters.NO_FILTER
        self.plans: list[mount.Mount] = []  # of the config's mounts
        self.place: rootfs.Place | None = None
        self.root_fd = -1
        self.is_in_cwd = False
        self.springboard_fd = -1
        self.attribute_fd = -1
        self.sets = NO_SETS
        self.letter_box: socket | None = None
        self.init = bundle.config.get("annotations", {}).get(INIT_ANNOTATION, "")

    def close(self) -> None:
        """The creator's copy of what only the newborn needs."""
        self.channel.close()
        if self.letter_box:
            self.letter_box.close()
        if self.fifo_fd >= 0:
            for fd in (self.fifo_fd, *self.doors, *self.joined.values(), *self.trees.values()):
                os.close(fd)
            self.joined.clear()
            self.fifo_fd = -1

    def warn(self, text: str) -> None:
        """Tell the creator something the user should hear; the container starts all the same."""
        self.channel.send("warning", text)


def join_session(newborn: Newborn) -> None:
    """A session and keyring of our own, the streams we were given, no way in for ptrace(2)."""
    if not newborn.bundle.has_namespace("user"):
        process.prctl(process.PR_SET_DUMPABLE, 0)
    process.reset_signals()
    os.setsid()
    if newborn.options.new_keyring:
        if label := newborn.spec.get("selinuxLabel"):
            from cuddy.kernel import lsm  # which the creator has loaded

            lsm.label_keys(label)
        process.join_session_keyring(f"_ses.{newborn.state['id']}")
    for number, fd in enumerate(newborn.options.stdio or ()):
        os.dup2(fd, number)


def enter_cgroup(newborn: Newborn) -> None:
    """Before anything else can be used up: into the groups that limit us."""
    cgroup.enter(newborn.doors)


def wait_for_parent(newborn: Newborn) -> None:
    """Until our ids are mapped; from then on die with the creator if it is a monitor."""
    while (message := newborn.channel.receive()).kind == "tree":
        newborn.trees[message.number] = message.fd
    if message.kind != "go":
        os._exit(1)
    if newborn.bundle.has_namespace("user"):
        # Not before: a creator that is no root could not write our maps then (proc(5)). And a
        # change of ids makes it what fs.suid_dumpable says.
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        process.prctl(process.PR_SET_DUMPABLE, 0)
    if newborn.options.die_with_parent:
        # Not before: a change of ids clears it (prctl(2)).
        process.prctl(process.PR_SET_PDEATHSIG, 9)


def join_namespaces(newborn: Newborn) -> None:
    """Namespaces given by path; the cgroup namespace now, so that its root is our own cgroup."""
    for kind in ("ipc", "uts", "network", "time", "cgroup"):
        if kind in newborn.joined:
            namespaces.setns(newborn.joined[kind], namespaces.FLAGS[kind])
    if newborn.bundle.makes_namespace("cgroup"):
        namespaces.unshare(namespaces.CLONE_NEWCGROUP)


def raise_loopback(newborn: Newborn) -> None:
    """A new network namespace has one link, and it is down."""
    if newborn.bundle.makes_namespace("network"):
        rtnetlink.loopback_up()


def enter_mounts(newborn: Newborn) -> None:
    """Mounts of somebody's, given by path: from here on every path is theirs."""
    if "mount" not in newborn.joined:
        return
    own_root = mount.open_tree(".", mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
    namespaces.setns(newborn.joined["mount"], namespaces.CLONE_NEWNS)
    # Or what we mount over their root would be mounted over that of every peer of theirs.
    mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
    mount.move_mount(own_root, "/")
    os.fchdir(own_root)
    os.close(own_root)


def mount_rootfs(newborn: Newborn) -> None:
    """Everything the config mounts, below the rootfs."""
    root_fd = rootfs.open_root(newborn.bundle)
    if not newborn.bundle.has_namespace("mount"):
        from cuddy.runtime import shared_mounts  # which the creator has loaded

        shared_mounts.tell(newborn.channel, root_fd)
    newborn.place = place = find_place(newborn, root_fd)
    rootfs.perform(newborn.plans, place)
    newborn.root_fd = place.root_fd


def find_place(newborn: Newborn, root_fd: int) -> rootfs.Place:
    """Where the mounts are made, with the sources that the creator opens for us if it does."""
    bundle, own_cgroups = newborn.bundle, newborn.bundle.has_namespace("cgroup")
    if not newborn.has_helper:
        return rootfs.Place(root_fd, bundle.path, newborn.cgroup, own_cgroups=own_cgroups)
    from cuddy.runtime import trees  # which the creator has loaded

    return trees.Place(newborn, root_fd, own_cgroups=own_cgroups)


def make_devices(newborn: Newborn) -> None:
    """Nodes and links, unless /dev is somebody else's."""
    if not any(plan.target == "/dev" and plan.flags & mount.MS_BIND for plan in newborn.plans):
        in_user_namespace = not namespaces.is_initial("user")
        devices.make_devices(newborn.config, newborn.root_fd, in_user_namespace=in_user_namespace)


def open_terminal(newborn: Newborn) -> None:
    """Our streams become a pty of the container's own devpts."""
    if newborn.spec.get("terminal"):
        slave = terminal.open_terminal(newborn.root_fd, newborn.spec, newborn.channel)
        terminal.show_console(newborn.root_fd, slave)
        os.close(slave)


def run_hooks(newborn: Newborn) -> None:
    """Hooks of the creator run while we wait; createContainer hooks are ours: before pivot_root."""
    if hooks.at_creation(newborn.config):
        newborn.channel.send("mounted")
        launch.expect_go(newborn.channel)
        # In the rootfs, as runc has it, where those of the creator run in the bundle.
        seen = as_seen_inside(newborn)
        hooks.run(newborn.config, "createContainer", seen, newborn.root_fd)


def as_seen_inside(newborn: Newborn) -> State:
    """The state for hooks of the container's side: our pid is that of our namespace."""
    seen = newborn.state.copy()
    seen["pid"] = os.getpid()
    return seen


def write_sysctls(newborn: Newborn) -> None:
    """Kernel settings of the container's namespaces, through its own /proc and no other."""
    sysctls.write(newborn.root_fd, newborn.config["linux"].get("sysctl", {}))


def make_cwd(newborn: Newborn) -> None:
    """The working directory of a root that is about to become read-only."""
    if newborn.config["root"].get("readonly"):
        try:
            cwd = os.path.normpath(newborn.spec["cwd"])
            os.close(targets.make(newborn.root_fd, cwd, directory=True))
        except OSError:
            pass  # who enters it will say what is wrong with it


def hide_paths(newborn: Newborn) -> None:
    """Masks and read-only paths; then, if asked, the root itself."""
    assert newborn.place
    rootfs.finish(newborn.place)
    linux = newborn.config["linux"]
    masks.freeze(newborn.root_fd, linux.get("readonlyPaths", []))
    masks.hide(newborn.root_fd, linux.get("maskedPaths", []))
    if newborn.config["root"].get("readonly"):
        mount.change(newborn.root_fd, (rootfs.READ_ONLY,))


def set_names(newborn: Newborn) -> None:
    """Host name and domain name of the new UTS namespace."""
    if hostname := newborn.config.get("hostname"):
        namespaces.sethostname(hostname)
    if domainname := newborn.config.get("domainname"):
        namespaces.setdomainname(domainname)


def prepare(newborn: Newborn) -> None:
    """What needs the host's files: the OOM score, the springboard, the way to AppArmor."""
    if "oomScoreAdj" in newborn.spec and not newborn.bundle.has_namespace("user"):
        credentials.set_oom_score(newborn.spec["oomScoreAdj"], newborn.warn)
    newborn.attribute_fd = launch.open_attribute(newborn.spec, launch.open_proc(newborn.spec))
    newborn.sets = credentials.choose_sets(newborn.spec, newborn.warn)
    as_init, alone = newborn.init == "true", newborn.init == ALONE
    status_fd = newborn.channel.fileno()
    newborn.springboard_fd = springboard.prepare(status_fd, as_init=as_init, alone=alone)


def find_filter(newborn: Newborn) -> None:
    """The seccomp profile as a program: the tables it needs are files of the host's."""
    if not newborn.bundle.has_namespace("user"):  # else the creator has
        newborn.filter = filters.find(newborn.config, newborn.state_root)


def set_limits(newborn: Newborn) -> None:
    """Limits, while we may raise them; in a user namespace only our creator may."""
    if not newborn.bundle.has_namespace("user"):
        credentials.set_limits(newborn.spec.get("rlimits", []), newborn.warn)


def set_scheduling(newborn: Newborn) -> None:
    """CPUs as our cpuset has them, whatever the caller's; what only we ourselves can set."""
    process.use_cpus(None)
    if newborn.scheduling:
        from cuddy.runtime.scheduling import set_own  # which the creator has loaded

        set_own(newborn.scheduling)


def pivot(newborn: Newborn) -> None:
    """The rootfs becomes the root; the host's is gone."""
    own_mounts = newborn.bundle.has_namespace("mount")
    if own_mounts and newborn.options.pivot:
        pivot_root(newborn.root_fd)
    else:
        from cuddy.kernel import move_root  # which the creator has loaded

        (move_root.move_root if own_mounts else move_root.change_root)(newborn.root_fd)
    os.close(newborn.root_fd)
    if own_mounts and (wanted := newborn.config["linux"].get("rootfsPropagation")):
        mount.set_propagation("/", mount.PROPAGATION[wanted])


def enter_cwd(newborn: Newborn) -> None:
    """The working directory the config names."""
    newborn.is_in_cwd = launch.enter_cwd(newborn.spec["cwd"], make=True)
    if newborn.init == ALONE:
        os.chdir("/")  # where nobody keeps a file system busy that gives way to another


def check_program(newborn: Newborn) -> None:
    """A program that does not exist should fail `create`, not `start`."""
    if newborn.init != ALONE:
        launch.look_up(newborn.spec)


def wait_for_start(newborn: Newborn) -> None:
    """Say "ready" and block until `start` writes its byte."""
    if newborn.options.ends_by_signals:
        end_by_signals()
    newborn.channel.send("ready")
    # A fifo opened without a writer reads as ended until one comes, but polls as silent: poll(2).
    poll = select.poll()
    poll.register(newborn.fifo_fd, select.POLLIN)
    poll.poll()
    if not os.read(newborn.fifo_fd, 1):
        os._exit(1)


def end_by_signals() -> None:
    """`kill` may come before `start`, and what has no handler never reaches a first process."""
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM):
        _signal.signal(number, lambda number, _: os._exit(128 + number))


def become_program(newborn: Newborn) -> None:
    """The startContainer hooks; then power goes, and the program comes."""
    seen = as_seen_inside(newborn)
    seen["status"] = "created"
    if hooks.of_start(newborn.config):
        hooks.run(newborn.config, "startContainer", seen, "/", lambda hook: as_hook(newborn, hook))
    launch.run(
        newborn.spec, newborn.channel, newborn.springboard_fd, newborn.filter, newborn.attribute_fd,
        newborn.sets, newborn.letter_box, preserve_fds=newborn.options.preserve_fds,
        is_in_cwd=newborn.is_in_cwd, program="/" if newborn.init == ALONE else "",
    )  # fmt: skip


def as_hook(newborn: Newborn, hook: Hook) -> NoReturn:
    """A startContainer hook is a program of the image's: with the power of the container's own, and
    by way of the springboard as well.
    """
    environment = launch.with_home(newborn.spec) if hook.get("env") is None else hook["env"]
    launch.give_up_power(newborn.spec, newborn.sets, newborn.filter)
    arguments = hook.get("args") or [hook["path"]]
    leap = springboard.aim(newborn.springboard_fd, hook["path"], arguments, environment)
    # The springboard says to nobody why there is no such program; its exit code says enough.
    status_fd = newborn.channel.fileno()
    os.dup2(os.pipe()[1], status_fd)
    credentials.lower_limits(newborn.spec.get("rlimits", []))
    launch.jump(leap, newborn.filter, status_fd)


STEPS: tuple[Callable[[Newborn], None], ...] = (
    enter_cgroup,
    join_session,
    wait_for_parent,
    join_namespaces,
    raise_loopback,
    prepare,
    find_filter,
    enter_mounts,
    mount_rootfs,
    make_devices,
    open_terminal,
    run_hooks,
    write_sysctls,
    make_cwd,
    hide_paths,
    set_names,
    set_limits,
    set_scheduling,
    pivot,
    enter_cwd,
    check_program,
    wait_for_start,
    become_program,
)


def init(newborn: Newborn) -> NoReturn:
    """Take every step."""
    launch.take(STEPS, newborn, newborn.channel, "init")
