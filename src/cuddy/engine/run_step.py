"""`run --step`: a container is built one lock at a time, to look around in at every stage.

    run_step_stages   the list: what comes after what, and what is said of it
    run_step          this side: clones the process, tells it what comes next, makes what takes the
                      host's view (layers, control groups, the network)
    run_step_inside   the process itself
    run_step_sights   what can be seen of it
    run_step_calls    its system calls, as people read them

Nothing is acted: every stage is the kernel's, and what is shown is read from the kernel. The
process has the container's files, address and groups, but is not its program's: that is started
when all this is taken down, as `run` starts any. All belongs to the calling process, and is noted
in the container's run directory as a monitor's is, so that it is found when we are killed.
"""

from __future__ import annotations

import _signal
import os
import select

from cuddy import files
from cuddy.engine import (
    birth,
    connection,
    etc_files,
    explain_facts,
    limits,
    liveness,
    remains,
    rootfs,
    run_step_inside,
    spec,
)
from cuddy.engine.run_step_calls import readable
from cuddy.engine.run_step_sights import Sight, look, short
from cuddy.engine.run_step_stages import STAGES, Stage
from cuddy.errors import Conflict, NotPermitted, SystemFailure
from cuddy.kernel import cgroup_hierarchies, mount, namespaces, overlay, process
from cuddy.runtime import bundle, create, devices, filters, handshake, resources
from cuddy.runtime.rootfs import open_source
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing, Shield, Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from cuddy.engine.home import Home
    from cuddy.kernel.mount import Mount
    from cuddy.runtime.handshake import Channel

JOINED_BY = {
    "pid": ("pid",), "names": ("uts", "ipc"), "mounts": ("mount",), "cgroup": ("cgroup",),
    "network": ("network",),
}  # fmt: skip
"""The kinds of namespaces that each stage enters."""
TRACE_BYTES = 1 << 20
MOST_CALLS = 3
"""Of one kind that are shown."""


class Seen(NamedTuple):
    """A stage that has been built: before, after, and by which calls."""

    stage: Stage
    before: Sight
    after: Sight
    calls: tuple[str, ...] = ()
    left: str = ""  # why nothing was done


class Lesson(Closing):
    """A container that is being built, until `close`. Raises CuddyError."""

    def __init__(self, home: Home, container_id: str) -> None:
        self.home = home
        self.delivery = birth.Delivery(home, container_id, size=None, again=False)
        self.record = self.delivery.record
        self.leaving = Undo()
        self.child = process.Child(0, -1)
        self.channel: Channel | None = None
        self.stage = STAGES[0]
        self.trace_fd = -1
        if self.record["HostConfig"]["IDMappings"]:
            hint = "--userns host"
            raise NotPermitted("--step builds containers that have the host's users", hint=hint)
        self.identity = explain_facts.find_identity(home, self.record)
        self.claim()
        try:
            self.machine = self.delivery.find_host()
            self.config = spec.build_spec(self.record, self.identity, self.machine)
            self.bundle = bundle.check(home.container_dir(container_id), self.config)
            create.check(self.bundle, container_id)
            self.filter = filters.find(self.config, home.run_root)
            self.lowest = [*map(self.single, rootfs.plan_root(home, self.record))]
            self.kinds = {
                each["type"]: each.get("path", "") for each in self.config["linux"]["namespaces"]
            }
            self.sight = look(os.getpid(), self.record["Id"])
        except BaseException:
            self.close()
            raise

    def single(self, plan: Mount) -> Mount:
        """A mount of a root with one layer of it only: the lowest, and nobody can write to it."""
        if plan.fstype == "overlay":
            lower = plan.data.partition("lowerdir=")[2].partition(",upperdir=")[0]
            plan = plan._replace(source=overlay.split(lower)[-1], fstype="", data="")
            if plan.target.endswith("/rootfs") and not os.path.lexists(f"{plan.source}/proc"):
                # Nothing can be mounted in it without a /proc: one that is there for that only.
                places = f"{self.home.run_dir(self.record['Id'])}/places"
                files.make_directory(f"{places}/proc", 0o755)
                return overlay.plan([plan.source, places], "", "", plan.target)
        return plan._replace(flags=mount.MS_BIND | mount.MS_RDONLY)

    def claim(self) -> None:
        """Be the container's monitor, as far as others can see."""
        run_dir = self.home.run_dir(self.record["Id"])
        aside = f"{self.home.run_root}/{self.record['Id']}.{files.name_temporary()}"
        files.make_directory(aside)
        liveness.record_monitor(aside)
        files.write(f"{aside}/{remains.LESSON}", b"", durable=False)
        self.leaving.add(files.remove_tree, run_dir)
        try:
            os.rename(aside, run_dir)
        except OSError:
            files.remove_tree(aside)
            raise Conflict("somebody else has just started the container") from None

    def stages(self) -> Iterator[Seen]:
        """Build one after the other; each is there until the next is asked for."""
        self.trace_fd, say = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.leaving.add(os.close, self.trace_fd)
        self.leaving.add(os.close, say)
        for stage in STAGES:
            before, self.stage = self.sight, stage
            if stage.kind and stage.kind not in self.kinds:
                yield Seen(stage, before, before, left=f"it has the host's {stage.kind} namespace")
                continue
            self.give_namespaces(stage)
            calls = [*getattr(self, stage.name, self.tell)(say)]
            calls += self.read_trace(stage)
            self.sight = look(self.child.pid, self.record["Id"])
            left = ""
            if stage.name == "powers" and is_as_strong(before, self.sight):
                left = "it is privileged, and keeps all of root's power"
            yield Seen(stage, before, self.sight, tuple(calls), left)

    def give_namespaces(self, stage: Stage) -> None:
        """Hand over namespaces that are somebody's already: another container's, mostly."""
        for kind in JOINED_BY.get(stage.name, ()):
            if path := self.kinds.get(kind):
                if kind == "pid":
                    raise NotPermitted("--step: the container is to see another one's processes")
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                self.say("namespace", kind, fd=fd)
                os.close(fd)

    def say(self, kind: str, text: str = "", number: int = 0, fd: int = -1) -> None:
        assert self.channel
        self.channel.send(kind, text, number, fd)

    def send_document(self, name: str, value: Any) -> None:
        """What is too long for a message."""
        fd = os.memfd_create("letter", os.MFD_CLOEXEC)
        try:
            files.write_all(fd, files.format_json(value).encode())
            self.say("document", name, fd=fd)
        finally:
            os.close(fd)

    def await_done(self) -> int:
        """The answer. Raises SystemFailure."""
        assert self.channel
        answer = self.channel.receive()
        if answer.kind == "error":
            raise SystemFailure(f"stage {self.stage.name}: {answer.text}")
        if answer.kind != "done":
            raise SystemFailure(f"stage {self.stage.name}: the process has ended")
        return answer.number

    def tell(self, say: int) -> tuple[str, ...]:
        """A stage of which all is done inside."""
        self.say(self.stage.name)
        self.await_done()
        return ()

    def process(self, say: int) -> tuple[str, ...]:
        return self.give_birth(say, 0, "setsid()")

    def pid(self, say: int) -> tuple[str, ...]:
        self.end_child()
        return self.give_birth(say, namespaces.CLONE_NEWPID)

    def give_birth(self, say: int, flags: int, *calls: str) -> tuple[str, ...]:
        """Clone a process that will do as it is told."""
        with Shield():
            ours, theirs = handshake.pair()
            self.child = process.clone(flags)
            if self.child.pid == 0:
                ours.close()
                inside = run_step_inside.Inside(
                    self.config, self.lowest, self.filter, theirs, say
                )  # fmt: skip
                inside.live()
            theirs.close()
            self.channel = ours
            if flags == 0:
                self.leaving.add(self.end_child)
        self.tell(say)
        named = "CLONE_NEWPID|" if flags else ""
        return (f"clone3({named}CLONE_PIDFD) = {self.child.pid}", *calls)

    def end_child(self) -> None:
        """End what has been built, and wait until it is gone."""
        with Shield():
            if self.channel:
                self.channel.close()
                self.channel = None
            if self.child.pid:
                create.bury(self.child)
                self.child = process.Child(0, -1)

    def union(self, say: int) -> tuple[str, ...]:
        """The layers are stacked where a monitor would do it: in a mount namespace of its own."""
        etc_files.make(self.record)
        heard, ready = os.pipe2(os.O_CLOEXEC)
        until, kept = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            os.close(heard)
            os.close(kept)
            self.be_monitor(ready, until, say)
        os.close(ready)
        os.close(until)
        self.leaving.add(os.waitpid, pid, 0)
        self.leaving.add(os.close, kept)
        with os.fdopen(heard, "rb") as file:
            complaint = file.read().decode(errors="replace")
        if complaint:
            raise SystemFailure(complaint)
        # Before it, as the process keeps it busy.
        self.leaving.add(self.end_child)
        return self.tell(say)

    def be_monitor(self, ready: int, until: int, say: int) -> NoReturn:
        """Mount what the container's root is made of, hand it over, and keep it until the end."""
        from cuddy.kernel import syscall

        try:
            process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
            os.setsid()
            syscall.tracer = syscall.Trace(say)
            try:
                self.hand_over(self.delivery.mount())
            except (OSError, SystemFailure) as error:
                os.write(ready, str(error).encode())
                os._exit(1)
            os.close(ready)
            os.read(until, 1)
            rootfs.umount_root(self.home, self.record)
        finally:
            os._exit(0)

    def hand_over(self, mounted: Any) -> None:
        """The root, and what is to be bound in it, as mounts that are attached nowhere."""
        config = spec.build_spec(mounted, self.identity, self.machine)
        target = f"{self.home.container_dir(self.record['Id'])}/rootfs"
        self.send_document("mounts", config["mounts"])
        sources = {run_step_inside.ROOT: mount.Mount(target, "/", "", mount.MS_REC)}
        plans = run_step_inside.planned(config["mounts"])
        sources |= {n: plan for n, plan in enumerate(plans) if plan.flags & mount.MS_BIND}
        for number, plan in sources.items():
            fd = open_source(os.path.join(os.path.dirname(target), plan.source), plan)
            self.say("tree", number=number, fd=fd)
            os.close(fd)
        if not namespaces.is_initial("user"):
            self.hand_over_devices()

    def hand_over_devices(self) -> None:
        """The host's nodes, as nobody can make any in a user namespace."""
        for number, device in enumerate(devices.wanted(self.config), run_step_inside.DEVICES):
            if device["type"] == "p":
                continue
            node_fd = devices.open_host_node(device, device["path"])
            tree_fd = mount.open_tree(
                "", mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH, dir_fd=node_fd
            )
            self.say("tree", number=number, fd=tree_fd)
            os.close(tree_fd)
            os.close(node_fd)

    def cgroup(self, say: int) -> tuple[str, ...]:
        """The container's groups, with its limits; the process is moved in."""
        made = create.Birth(self.bundle, self.record["Id"], self.home.run_root)
        options = create.Options(cgroups=limits.cgroup_maker())
        with Undo() as undo:
            settle = create.make_cgroup(made, options, undo)
            self.leaving.add(made.cgroup.remove)
            self.leaving.add(made.cgroup.kill)
        self.leaving.add(self.end_child)
        made.cgroup.attach(self.child.pid)
        settle()
        self.send_document("groups", made.cgroup.paths)
        directories = [*dict.fromkeys(made.cgroup.paths.values())]
        calls = [f"mkdir {short(directory)}" for directory in directories]
        writes = resources.plan(
            self.config["linux"].get("resources", {}), cgroup_hierarchies.find()
        )  # fmt: skip
        calls += [f"echo {w.value} > {w.file}" for w in writes if w.controller != "devices"]
        if directories:
            calls.append(f"echo {self.child.pid} > cgroup.procs in each")
        return (*calls, *self.tell(say))

    def network(self, say: int) -> tuple[str, ...]:
        """Links and addresses are made from out here, as the engine does."""
        self.tell(say)
        connect = connection.connect
        if not namespaces.is_initial("user"):
            from cuddy.engine import rootless_network

            connect = rootless_network.connect
        self.leaving.add(connection.release, self.home, self.record["Id"])
        self.leaving.add(self.end_child)
        made = connect(self.home, self.record, self.child.pid, is_told=False)
        for fd in made.holders:
            self.leaving.add(os.close, fd)
        linked, _ = self.delivery.read_links()
        connection.write_files(self.record, made, linked)
        return tuple(
            f"ip link, address, route: {place.endpoint.link} {place.endpoint.address}"
            f" on the network {place.network.name}"
            for place in made.places
        )

    def read_trace(self, stage: Stage) -> list[str]:
        """The system calls of the stage that are worth showing."""
        text = b""
        poll = select.poll()
        poll.register(self.trace_fd, select.POLLIN)
        while poll.poll(0):
            text += os.read(self.trace_fd, TRACE_BYTES)
        found: dict[str, list[str]] = {}
        for line in text.decode(errors="replace").splitlines():
            call = readable(line, self.home, self.record["Id"])
            if (name := call.partition("(")[0]) in stage.calls:
                found.setdefault(name, []).append(call)
        shown = []
        for name, calls in found.items():
            shown += calls[:MOST_CALLS]
            if (more := len(calls) - MOST_CALLS) > 0:
                shown.append(f"... and {name} {more} more time{'s' if more > 1 else ''}")
        return shown

    def start_shell(self, terminal_fd: int, words: list[str], env: list[str]) -> None:
        """Run a program at a terminal, in the container as it is now."""
        self.send_document("shell", {"args": words, "env": env})
        self.say("shell", fd=terminal_fd)

    def shell_ended(self) -> int:
        """The exit code of what `start_shell` started. Raises CommandNotFound, SystemFailure."""
        return self.await_done()

    @property
    def environment(self) -> list[str]:
        """What a program in there is told, if its root is its own."""
        return self.config["process"]["env"]

    def close(self) -> None:
        """Take down what has been built."""
        self.leaving.run()


def is_as_strong(before: Sight, after: Sight) -> bool:
    """Whether no power has gone."""
    return all(before[key] == after[key] for key in ("powers", "filter", "id"))
