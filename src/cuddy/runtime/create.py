"""The creator's side of a container's birth: cgroup, clone, id maps, hooks, wait until init is
ready.

    birth = create.begin(...)      the process exists in its namespaces and is mounting
    ...                            meanwhile: the network, by birth.pid
    create.finish(birth)           init stands before `start`; errors of its steps are raised here

In between nothing of the container's own program runs. `abort` takes everything back.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import cgroup as cgroups
from cuddy.kernel import namespaces, process
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import (
    devices,
    filters,
    gate,
    handshake,
    hooks,
    launch,
    mount_plan,
    resources,
    state,
    sysctls,
)
from cuddy.runtime.bundle import OCI_VERSION, check_mounts
from cuddy.runtime.init import Newborn, init
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo, close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.handshake import Channel, Message
    from cuddy.runtime.scheduling import Plan
    from cuddy.runtime.spec import Scope, State


class Options(NamedTuple):
    """How a container is to be created, apart from what its config says: the caller's part."""

    stdio: tuple[int, int, int] | None = None
    """Descriptors for the standard streams; None: the caller's own."""
    preserve_fds: int = 0
    """How many descriptors from 3 on the program keeps."""
    new_keyring: bool = True
    """Whether it gets a session keyring of its own."""
    pivot: bool = True
    """Whether the root changes by pivot_root(2); on a ramdisk only MS_MOVE and chroot(2) can."""
    die_with_parent: bool = False
    """For a monitor, whose container must not outlive it unwatched."""
    cgroups: str = ""
    """Who makes the group (`grouping`); "": we, in as few hierarchies as do, at a path given."""
    bus: str = ""
    """The address of the message bus on which systemd is, if not the usual one."""
    keep_config: bool = False
    """Keep the config in the state directory: for callers whose bundle may change or go."""
    ends_by_signals: bool = False
    """Whether a signal ends it before `start`: for callers that have gone and send it by `kill`."""


DEFAULTS = Options()


class Birth:
    """A container on its way from clone to running; closed when the program runs or it is
    undone.
    """

    def __init__(self, bundle: Bundle, container_id: str, state_root: str) -> None:
        self.bundle = bundle
        self.id = container_id
        self.state_root = state_root
        self.directory = state.directory(state_root, container_id)
        self.pid = 0
        self.pidfd = -1
        self.terminal_fd = -1
        self.warnings: list[str] = []
        self.listener = filters.listener_of(bundle.config)
        self.cgroup = Cgroup({})
        self.scope: Scope | None = None  # of the cgroup, if systemd manages it
        self.root_mount: dict[str, int] = {}  # of who shares its caller's mounts
        self.channel: Channel | None = None
        self.scheduling: Plan | None = None

    @property
    def program(self) -> str:
        """The name of the program that is to run, for messages."""
        return self.bundle.config["process"]["args"][0]

    def document(self) -> State:
        """The container's state as hooks and `state` show it."""
        return {
            "ociVersion": OCI_VERSION,
            "id": self.id,
            "status": "creating",
            "pid": self.pid,
            "bundle": self.bundle.path,
            "annotations": self.bundle.config.get("annotations", {}),
        }

    def close(self) -> None:
        """Let go of the conversation with init."""
        if self.channel:
            self.channel.close()
            self.channel = None


def begin(
    bundle: Bundle,
    container_id: str,
    *,
    state_root: str,
    options: Options = DEFAULTS,
) -> Birth:
    """Make cgroup and process; return while init is still mounting. Raises CuddyError."""
    wanted = check(bundle, container_id)
    plans = mount_plan.plan_mounts(bundle.config, bundle.rootfs)
    with Undo() as undo:
        bundle, joined = open_joined(bundle, undo)
        birth = Birth(bundle, container_id, state_root)
        birth.scheduling = wanted
        fifo_fd = gate.make(birth.state_root, birth.directory)
        undo.add(files.remove_tree, birth.directory)
        undo.add(birth.close)
        settle = make_cgroup(birth, options, undo)
        birth.channel, theirs = handshake.pair()
        newborn = Newborn(
            bundle, birth.document(), state_root, theirs, fifo_fd, birth.cgroup, options
        )
        undo.add(newborn.close)
        newborn.joined, newborn.scheduling = joined, wanted
        newborn.plans = plans
        open_early(newborn, birth)
        birth.pid, birth.pidfd = clone(newborn, birth)
        undo.add(kill_init, birth)
        settle()
        help_newborn(birth, joined)
        newborn.close()
        write_state(birth, keep_config=options.keep_config)
        birth.channel.send("go")
    return birth


def help_newborn(birth: Birth, joined: dict[str, int]) -> None:
    """Do for init, which waits, what takes the host's power."""
    if "netDevices" in (linux := birth.bundle.config["linux"]):
        from cuddy.runtime import net_devices  # which `check` has loaded

        net_devices.move(linux["netDevices"], birth.pid, joined)
    if birth.bundle.has_namespace("user"):
        from cuddy.runtime import user_namespace  # here: most containers have the host's users

        user_namespace.help_newborn(birth)


def check(bundle: Bundle, container_id: str) -> Plan | None:
    """What `bundle.check` left: fields that some of us know best. Raises CuddyError.

    Returns how its process is to be scheduled.
    """
    state.check_id(container_id)
    if "process" not in bundle.config:
        raise InvalidArgument("config.json: process is missing")
    spec, linux = bundle.config["process"], bundle.config["linux"]
    sysctls.check(bundle)
    devices.check(bundle.config)
    if "netDevices" in linux:
        from cuddy.runtime import net_devices  # here: few containers get any

        net_devices.check(bundle)
    launch.check_labels(spec, linux.get("mountLabel", ""))
    return launch.plan_scheduling(spec, linux)


def open_joined(bundle: Bundle, undo: Undo) -> tuple[Bundle, dict[str, int]]:
    """The bundle without namespaces that are ours already, and those given by path, opened."""
    joined: dict[str, int] = {}
    if bundle.joins:
        from cuddy.runtime import joining  # here: most containers join nobody's namespaces

        bundle = joining.open_paths(bundle, joined)
        undo.add(close_all, joined)
        check_mounts(bundle)
    return bundle, joined


def open_early(newborn: Newborn, birth: Birth) -> None:
    """Open what init cannot: mounts, and in a user namespace any file that is the host's."""
    if birth.listener:
        from cuddy.runtime import listener  # few containers have one

        newborn.letter_box = listener.open_gate(birth.directory)
    newborn.trees = open_trees(newborn.bundle) if newborn.has_helper else {}
    load_rarities(newborn)
    if newborn.bundle.has_namespace("user"):
        newborn.filter = filters.find(newborn.config, newborn.state_root)


def make_cgroup(birth: Birth, options: Options, undo: Undo) -> Callable[[], object]:
    """The container's cgroup with its limits set; what is to be called when its init is in it."""
    linux = birth.bundle.config["linux"]
    path = linux.get("cgroupsPath", "")
    if options.cgroups or not path:
        # Imported here: engines give a path, and make cgroups themselves.
        from cuddy.runtime import grouping

        made = grouping.make(birth.bundle, birth.id, options, undo)
        birth.cgroup, birth.scope = made.cgroup, made.scope
        birth.warnings += made.warnings
        return made.settle
    hierarchies = cgroups.find()
    writes = resources.plan(linux.get("resources", {}), hierarchies)
    birth.cgroup = cgroups.create(hierarchies, path, {write.controller for write in writes})
    undo.add(birth.cgroup.remove)
    birth.warnings += birth.cgroup.apply(writes)
    return lambda: None


def clone(newborn: Newborn, birth: Birth) -> process.Child:
    """Init, in its namespaces, waiting for "go"; its ids are mapped. Raises SystemFailure."""
    cgroup_fd = newborn.cgroup.open_unified()
    make = clone_init
    try:
        if birth.bundle.needs_guide:
            from cuddy.runtime import guide  # here: few containers need one

            make = guide.lead
        with process.WorkingDirectory(birth.bundle.rootfs):
            return make(newborn, birth, cgroup_fd)
    except OSError as error:
        hint = "cuddy needs root" if os.geteuid() else ""
        raise SystemFailure.from_os("cannot create the namespaces", error, hint=hint) from error
    finally:
        if cgroup_fd >= 0:
            os.close(cgroup_fd)


def clone_init(newborn: Newborn, birth: Birth, cgroup_fd: int) -> process.Child:
    """The one clone call that a container is; in the child it never returns."""
    back = enter_pid_namespace(newborn.joined["pid"]) if "pid" in newborn.joined else -1
    try:
        child = process.clone(birth.bundle.new_namespaces(), cgroup_fd=cgroup_fd)
        if child.pid == 0:
            birth.close()
            init(newborn)
    finally:
        if back >= 0:
            namespaces.setns(back, namespaces.CLONE_NEWPID)
            os.close(back)
    if birth.bundle.has_namespace("user"):
        from cuddy.runtime import user_namespace  # here: most containers have the host's users

        try:
            user_namespace.map_ids(birth.bundle, child.pid)
        except BaseException:
            bury(child)
            raise
    return child


def enter_pid_namespace(target: int) -> int:
    """Let children be born in an existing pid namespace; the descriptor that leads back."""
    back = namespaces.open_namespace("self", "pid")
    try:
        namespaces.setns(target, namespaces.CLONE_NEWPID)
    except OSError:
        os.close(back)
        raise
    return back


def open_trees(bundle: Bundle) -> dict[int, int]:
    """Mounts that init cannot make itself: index in the config -> descriptor."""
    from cuddy.runtime import trees  # here: few containers need any

    return trees.open_before(bundle)


def load_rarities(newborn: Newborn) -> None:
    """Import for init what few containers need: it can import nothing where it is going."""
    if not (newborn.options.pivot and newborn.bundle.has_namespace("mount")):
        __import__("cuddy.kernel.move_root")
    if not newborn.bundle.has_namespace("mount"):
        __import__("cuddy.runtime.shared_mounts")
    if any(mount_plan.COPY_UP in plan.extras for plan in newborn.plans):
        __import__("cuddy.runtime.copy_up")


def write_state(birth: Birth, *, keep_config: bool) -> None:
    """Make the container findable."""
    if keep_config:
        state.keep_config(birth.state_root, birth.id, birth.bundle.config)
    document = birth.document()
    document["created"] = files.now()
    document["startTime"] = files.start_time(birth.pid)
    document["cgroupPaths"] = birth.cgroup.paths
    if birth.scope:
        document["scope"] = birth.scope
    if later := hooks.late(birth.bundle.config):
        document["hooks"] = later
    if birth.listener:
        document["listener"] = birth.listener
    state.write(birth.state_root, document)


def finish(birth: Birth) -> None:
    """Wait until init is ready, running hooks when it asks. If it raises, `abort` the birth."""
    while (message := receive(birth)).kind != "ready":
        answer(birth, message)
    if birth.scheduling:
        from cuddy.runtime import scheduling  # which `check` has loaded

        scheduling.set_for(birth.pid, birth.scheduling)
    if birth.bundle.has_namespace("user"):
        from cuddy.runtime import user_namespace  # which `begin` has loaded

        user_namespace.set_limits(birth)


def receive(birth: Birth) -> Message:
    """Init's next word, or the error its words stand for."""
    assert birth.channel
    message = birth.channel.receive()
    if message.kind in ("error", "exec", "end", "not found", "not executable"):
        raise handshake.failure(message, birth.program)
    return message


def answer(birth: Birth, message: Message) -> None:
    """Do what a message other than "ready" asks for."""
    assert birth.channel
    if message.kind == "warning":
        birth.warnings.append(message.text)
    elif message.kind == "terminal":
        birth.terminal_fd = message.fd
    elif message.kind == "shared":
        from cuddy.runtime import shared_mounts  # which `load_rarities` has loaded

        shared_mounts.note(birth, message.number)
    elif message.kind == "source":
        from cuddy.runtime import trees  # which `open_trees` has loaded

        tree_fd = trees.open_inside(birth.bundle, birth.pid, message.number)
        birth.channel.send("tree", number=message.number, fd=tree_fd)
        os.close(tree_fd)
    elif message.kind == "mounted":
        for kind in ("prestart", "createRuntime"):
            hooks.run(birth.bundle.config, kind, birth.document(), birth.bundle.path)
        birth.channel.send("go")


def await_program(birth: Birth) -> None:
    """After `start`: wait until the program runs. If it raises, `abort` the birth.

    Raises CommandNotFound and its kin; the process is still there then, for its root to be seen.
    """
    assert birth.channel
    message = birth.channel.receive()
    if message.kind != "end":
        raise handshake.failure(message, birth.program)
    birth.close()


def kill_init(birth: Birth) -> None:
    """End a process that never became a program, and bury it."""
    if birth.pidfd >= 0:
        bury(process.Child(birth.pid, birth.pidfd))
        birth.pidfd = -1


def bury(child: process.Child) -> None:
    """End a child of ours."""
    process.pidfd_send_signal(child.pidfd, 9)
    os.waitpid(child.pid, 0)
    os.close(child.pidfd)


def abort(birth: Birth) -> None:
    """Take a birth back: process, cgroup, state."""
    from cuddy.runtime import delete  # hardly ever needed

    leaving = Undo()
    leaving.add(files.remove_tree, birth.directory)
    leaving.add(delete.take_root_away, birth.root_mount)
    leaving.add(delete.remove_cgroup, birth.cgroup, birth.scope)
    leaving.add(kill_init, birth)
    leaving.add(birth.close)
    leaving.run()
