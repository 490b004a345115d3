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
from cuddy.errors import Conflict, InvalidArgument, SystemFailure
from cuddy.kernel import cgroup as cgroups
from cuddy.kernel import idmap, namespaces, process
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import filters, handshake, hooks, launch, resources, state, sysctls
from cuddy.runtime.bundle import check_id
from cuddy.runtime.init import Newborn, init
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.handshake import Channel, Message
    from cuddy.runtime.spec import Linux, State

OCI_VERSION = "1.2.0"


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
    keep_config: bool = False
    """Keep the config in the state directory: for callers whose bundle may change or go."""


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
        self.cgroup = Cgroup({})
        self.unit = ""  # systemd's name for the cgroup, if it is systemd's
        self.channel: Channel | None = None

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
    check_id(container_id)
    if "process" not in bundle.config:
        raise InvalidArgument("config.json: process is missing")
    sysctls.check(bundle)
    launch.check_labels(bundle.config["process"], bundle.config["linux"].get("mountLabel", ""))
    birth = Birth(bundle, container_id, state_root)
    with Undo() as undo:
        fifo_fd = claim(birth)
        undo.add(files.remove_tree, birth.directory)
        undo.add(birth.close)
        settle = make_cgroup(birth, options.cgroups, undo)
        birth.channel, theirs = handshake.pair()
        newborn = Newborn(
            bundle, birth.document(), state_root, theirs, fifo_fd, birth.cgroup, options
        )
        undo.add(newborn.close)
        newborn.trees = open_trees(bundle)
        if bundle.has_namespace("user"):  # to whose init the files of the host are closed
            newborn.filter = filters.find(newborn.config, newborn.state_root)
        birth.pid, birth.pidfd = clone(newborn, birth.channel)
        undo.add(kill_init, birth)
        settle()
        newborn.close()
        map_ids(birth)
        send_trees(birth)
        write_state(birth, keep_config=options.keep_config)
        birth.channel.send("go")
    return birth


def claim(birth: Birth) -> int:
    """Make the gate that `start` opens: of several creates, who makes it has the id.

    Init reads it, so it gets a descriptor before pivot_root. Raises Conflict.
    """
    files.make_directory(birth.state_root)
    files.make_directory(birth.directory)
    gate = os.path.join(birth.directory, state.FIFO)
    try:
        refuse_existing(birth)
        os.mkfifo(gate, 0o600)
    except FileExistsError:
        raise Conflict("container with given ID already exists") from None
    try:
        refuse_existing(birth)  # created, started and its gate gone, all since we looked
        fd = os.open(gate, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except BaseException:
        os.unlink(gate)
        raise
    os.set_blocking(fd, True)
    return fd


def refuse_existing(birth: Birth) -> None:
    """Raise Conflict if there is a container of that id."""
    if os.path.exists(os.path.join(birth.directory, "state.json")):
        raise Conflict("container with given ID already exists")


def make_cgroup(birth: Birth, maker: str, undo: Undo) -> Callable[[], object]:
    """The container's cgroup with its limits set; what is to be called when its init is in it."""
    linux = birth.bundle.config["linux"]
    path = linux.get("cgroupsPath", "")
    if maker or not path:
        # Imported here: engines give a path, and make cgroups themselves.
        from cuddy.runtime import grouping

        made = grouping.make(birth.bundle, birth.id, maker, undo)
        birth.cgroup, birth.unit = made.cgroup, made.unit
        birth.warnings += made.warnings
        return made.settle
    hierarchies = cgroups.find()
    writes = resources.plan(linux.get("resources", {}), hierarchies)
    birth.cgroup = cgroups.create(hierarchies, path, {write.controller for write in writes})
    undo.add(birth.cgroup.remove)
    birth.warnings += birth.cgroup.apply(writes)
    return lambda: None


def clone(newborn: Newborn, ours: Channel) -> process.Child:
    """The one clone call that a container is; in the child it never returns."""
    flags = clone_flags(newborn.bundle)
    cgroup_fd = newborn.cgroup.open_unified()
    back = -1
    try:
        back = enter_pid_namespace(newborn.bundle.namespace_path("pid"))
        with process.WorkingDirectory(newborn.bundle.rootfs):
            child = process.clone(flags, cgroup_fd=cgroup_fd)
            if child.pid == 0:
                ours.close()
                init(newborn)
            return child
    except OSError as error:
        hint = "cuddy needs root" if os.geteuid() else ""
        raise SystemFailure.from_os("cannot create the namespaces", error, hint=hint) from error
    finally:
        if cgroup_fd >= 0:
            os.close(cgroup_fd)
        if back >= 0:
            namespaces.setns(back, namespaces.CLONE_NEWPID)
            os.close(back)


def clone_flags(bundle: Bundle) -> int:
    """New namespaces to be born in. The cgroup namespace comes later, inside: see init.py."""
    flags = 0
    for entry in bundle.config["linux"].get("namespaces", []):
        if entry["type"] != "cgroup" and not entry.get("path"):
            flags |= namespaces.FLAGS[entry["type"]]
    return flags


def enter_pid_namespace(path: str) -> int:
    """Let children be born in an existing pid namespace; the descriptor that leads back, or -1."""
    if not path:
        return -1
    target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    back = namespaces.open_namespace("self", "pid")
    try:
        namespaces.setns(target, namespaces.CLONE_NEWPID)
    except OSError:
        os.close(back)
        raise
    finally:
        os.close(target)
    return back


def map_ids(birth: Birth) -> None:
    """Give a newborn in a user namespace its ids, while it waits."""
    linux = birth.bundle.config["linux"]
    if birth.bundle.has_namespace("user") and not birth.bundle.namespace_path("user"):
        uids, gids = id_ranges(linux, "uidMappings"), id_ranges(linux, "gidMappings")
        try:
            idmap.write_maps(birth.pid, uids, gids)
        except OSError as error:
            raise SystemFailure.from_os("cannot map the user namespace's ids", error) from error


def open_trees(bundle: Bundle) -> dict[int, int]:
    """Mounts that init cannot make itself: index in the config -> descriptor."""
    if not bundle.needs_trees:
        return {}
    from cuddy.runtime import trees  # here: few containers need any

    return trees.open_before(bundle)


def send_trees(birth: Birth) -> None:
    """Give a newborn that waits the mounts for which its user namespace had to be there."""
    if not birth.bundle.has_namespace("user"):
        return
    from cuddy.runtime import trees  # which `open_trees` has loaded

    assert birth.channel
    user_fd = namespaces.open_namespace(birth.pid, "user")
    try:
        for index, tree_fd in trees.open_for(birth.bundle, user_fd):
            birth.channel.send("tree", number=index, fd=tree_fd)
            os.close(tree_fd)
    finally:
        os.close(user_fd)


def id_ranges(linux: Linux, field: str) -> list[idmap.IdRange]:
    """uidMappings or gidMappings as values."""
    entries = (
        linux.get("uidMappings", []) if field == "uidMappings" else linux.get("gidMappings", [])
    )
    return [idmap.IdRange(e["containerID"], e["hostID"], e["size"]) for e in entries]


def write_state(birth: Birth, *, keep_config: bool) -> None:
    """Make the container findable."""
    if keep_config:
        state.keep_config(birth.state_root, birth.id, birth.bundle.config)
    document = birth.document()
    document["created"] = files.now()
    document["startTime"] = files.start_time(birth.pid)
    document["cgroupPaths"] = birth.cgroup.paths
    if birth.unit:
        document["systemdUnit"] = birth.unit
    if later := hooks.late(birth.bundle.config):
        document["hooks"] = later
    state.write(birth.state_root, document)


def finish(birth: Birth) -> None:
    """Wait until init is ready, running hooks when it asks. If it raises, `abort` the birth."""
    while (message := receive(birth)).kind != "ready":
        answer(birth, message)


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
        process.pidfd_send_signal(birth.pidfd, 9)
        os.waitpid(birth.pid, 0)
        os.close(birth.pidfd)
        birth.pidfd = -1


def abort(birth: Birth) -> None:
    """Take a birth back: process, cgroup, state."""
    from cuddy.runtime import delete  # hardly ever needed

    leaving = Undo()
    leaving.add(files.remove_tree, birth.directory)
    leaving.add(delete.remove_cgroup, birth.cgroup, birth.unit)
    leaving.add(kill_init, birth)
    leaving.add(birth.close)
    leaving.run()
