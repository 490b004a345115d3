"""One step of a build in a container: made directly by the runtime, on a root that is mounted.

    claim ── stubs ── begin ── connect ── finish ── attend (output) ── close
                                                                         everything is taken back

It has no record, no log and no monitor: whoever calls is what a monitor is to other containers, and
init dies with it. Its run directory says so, and has its id: so whatever clears up after a dead
monitor (remains.py) clears up after a dead build too, and leaves a living one alone.
"""

from __future__ import annotations

import os
import select

from cuddy import files
from cuddy.engine import (
    connection,
    containers,
    create,
    etc_files,
    limits,
    liveness,
    names,
    network_files,
    process,
    remains,
    sharing,
    spec,
    users,
)
from cuddy.engine.stubs import Stubs
from cuddy.errors import CommandNotExecutable, CommandNotFound, SystemFailure
from cuddy.image import host
from cuddy.kernel import namespaces
from cuddy.runtime import bundle, start
from cuddy.runtime import create as births
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing, Shield, Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.mounts import MountPoint
    from cuddy.engine.options import ContainerOptions
    from cuddy.engine.peers import Peer
    from cuddy.image.spec import ImageConfig
    from cuddy.runtime.create import Birth
    from cuddy.runtime.spec import Config, MountEntry

    Output: TypeAlias = Callable[[int, bytes], object]

STDOUT, STDERR = 1, 2
HOSTNAME = "buildkitsandbox"
"""BuildKit's: the same for every step of every build, as programs write it into what they make."""
BLOCK_BYTES = 1 << 16
READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
OWN_FILES = ("/etc/resolv.conf", "/etc/hosts")
"""As with BuildKit, a step may write /etc/hostname."""
BINDING = frozenset(("bind", "rbind"))


class RunOptions(NamedTuple):
    """What runs where. `container`: as of `run`; its image is a name only, and there is none of its
    environment: all that the program is to see stands in `env`.
    """

    root: str  # mounted in the caller's own mount namespace; what the program writes stays there
    container: ContainerOptions
    mounts: tuple[MountEntry, ...] = ()  # as config.json has them


def run(home: Home, wanted: RunOptions, output: Output, warn: Callable[[str], object] = str) -> int:
    """Run a program until it ends; returns its exit code. Raises CuddyError if it cannot begin.

    `output` gets what it writes, with STDOUT or STDERR. Whatever ends the caller ends it: nothing
    is left of it but what it wrote below the root.
    """
    with Step(home, wanted, warn) as step:
        step.begin()
        return step.attend(output)


class Step(Closing):
    """A container for one program of a build, until `close`."""

    def __init__(
        self, home: Home, wanted: RunOptions, warn: Callable[[str], object], stdin: int = -1
    ) -> None:
        """`stdin`: what it may read, -1 for nothing."""
        self.home = home
        self.wanted = wanted
        self.warn = warn
        self.stdin = stdin
        self.id = names.generate_id()
        self.run_dir = home.run_dir(self.id)
        self.streams: list[tuple[int, int]] = []  # descriptor and number of each
        self.terminal_fd = -1
        self.birth: Birth | None = None
        self.peers: dict[str, Peer] = {}
        self.leaving = Undo()

    def begin(self) -> None:
        """From the options to a running program. If it raises, `close` takes all back."""
        sweep(self.home)
        try:
            record = self._build_record()
            claim(self.home, record)
            # Last of all: it tells what else there may be to clear.
            self.leaving.add(files.remove_tree, self.run_dir)
            etc_files.make(record)
            config = self._build_config(record)
            self._make_stubs(config)
            self._run(record, config)
        except OSError as error:
            raise SystemFailure.from_os("cannot run the step", error) from error

    def _build_record(self) -> Container:
        """What a container's record would say."""
        options = self.wanted.container
        if options.hostname == "" and not sharing.peer_of(options.network):
            options = options._replace(hostname=HOSTNAME)
        nothing: ImageConfig = {**host.IMAGE.config, "config": {}}
        image = host.IMAGE._replace(id="", config=nothing, chain_ids=())
        record = create.build_record(self.home, options, image, self.id)
        for text in create.unsupported(options, record):
            self.warn(text)
        record["Name"] = f"/{self.id[:12]}"
        # A step's variables do not depend on where it runs, unless somebody says so.
        record["Config"]["Env"] = process.environment((), ("HOSTNAME", *options.env))
        if not sharing.peer_of(options.network):
            record |= sharing.files_about_network(self.run_dir, {})
        return record

    def _build_config(self, record: Container) -> Config:
        """config.json, which nobody writes down: what is secret may stand in it."""
        root_fd = os.open(self.wanted.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            identity = users.read_identity(
                root_fd, record["Config"]["User"], record["HostConfig"]["GroupAdd"]
            )
        finally:
            os.close(root_fd)
        machine = spec.this_host(record)
        if sharing.peers_of(record):
            # Imported here: few steps are in others' networks.
            from cuddy.engine import peers

            self.peers = peers.find_peers(self.home, record)
            machine = machine._replace(namespaces=peers.paths_of(self.peers))
        if not namespaces.is_initial("user"):
            from cuddy.engine import way_out

            own = way_out.paths_of(self.home, record)
            machine = machine._replace(namespaces={**own, **machine.namespaces})
        config = spec.build_spec(record, identity, machine)
        config["root"]["path"] = self.wanted.root
        of_devices = config["mounts"][len(spec.build_mounts(record)) :]
        config["mounts"] = [*build_mounts(record, self.wanted.mounts), *of_devices]
        return config

    def _make_stubs(self, config: Config) -> None:
        stubs = Stubs(self.wanted.root)
        self.leaving.add(stubs.close)
        stubs.make((each["destination"], is_directory(each)) for each in config["mounts"])

    def _run(self, record: Container, config: Config) -> None:
        """The container's birth."""
        self.leaving.add(connection.release, self.home, self.id)
        stdio = None if record["Config"]["Tty"] else self._open_streams()
        with Shield():  # so that nothing is there that is not to be taken down
            try:
                self.birth = births.begin(
                    bundle.check(self.run_dir, config), self.id, state_root=self.home.run_root,
                    options=births.Options(
                        stdio=stdio, die_with_parent=True, cgroups=limits.cgroup_maker()
                    ),
                )  # fmt: skip
            finally:
                for fd in stdio or ():
                    os.close(fd)
            self.leaving.add(take_down, self.birth)
        connect = connection.connect
        if not namespaces.is_initial("user"):
            from cuddy.engine import rootless_network

            connect = rootless_network.connect
        try:
            connected = connect(self.home, record, self.birth.pid, is_told=False)
        except (OSError, SystemFailure):
            # One whose mounts failed has no network any more: then what it says is the reason.
            births.finish(self.birth)
            raise
        connection.write_files(record, connected)
        self._start(config)

    def _start(self, config: Config) -> None:
        assert self.birth
        try:
            births.finish(self.birth)
            if self.peers:
                from cuddy.engine import peers

                peers.confirm(self.peers)
            start.start(self.home.run_root, self.id)
            births.await_program(self.birth)
        except (CommandNotFound, CommandNotExecutable) as error:
            # Imported here: hardly ever needed.
            from cuddy.engine import program_facts

            raise program_facts.explain(error, self.birth.pid, config["process"]) from None
        finally:
            for text in self.birth.warnings:
                self.warn(text)
        if self.birth.terminal_fd >= 0:
            self.terminal_fd = self.birth.terminal_fd
            self.streams = [(self.terminal_fd, STDOUT)]
            self.leaving.add(os.close, self.terminal_fd)

    def _open_streams(self) -> tuple[int, int, int]:
        """Pipes for what it writes; returns the container's ends."""
        if self.stdin < 0:
            theirs = [os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)]
        else:
            theirs = [os.dup(self.stdin)]
        for number in (STDOUT, STDERR):
            reader, writer = os.pipe()
            os.set_blocking(reader, False)
            self.streams.append((reader, number))
            self.leaving.add(os.close, reader)
            theirs.append(writer)
        return theirs[0], theirs[1], theirs[2]

    def attend(self, output: Output) -> int:
        """Hand on what it writes until it has ended; returns its exit code."""
        assert self.birth
        poll = select.poll()
        poll.register(self.birth.pidfd, READABLE)
        for fd, _ in self.streams:
            poll.register(fd, READABLE)
        numbers = dict(self.streams)
        has_ended = False
        while not has_ended:
            ready = {fd for fd, _ in poll.poll()}
            has_ended = self.birth.pidfd in ready
            # With it all have ended who could write: what is in the pipes now is the rest.
            for fd in [each for each in numbers if has_ended or each in ready]:
                if not hand_on(fd, numbers[fd], output, to_end=has_ended):
                    poll.unregister(fd)
                    del numbers[fd]
        return self.find_end()

    def find_end(self) -> int:
        """The exit code of what has ended."""
        assert self.birth
        end = os.waitid(os.P_PIDFD, self.birth.pidfd, os.WEXITED | os.WNOWAIT)
        assert end
        code = end.si_status if end.si_code == os.CLD_EXITED else 128 + end.si_status
        if self.birth.cgroup.oom_kills():
            self.warn("the step ran out of memory, and the kernel killed a process of it")
        return code

    def close(self) -> None:
        """Take down what runs, and all that was made for it."""
        self.leaving.run()


def take_down(birth: Birth) -> None:
    """End whatever runs in the container; its run directory is kept for what is still to clear."""
    leaving = Undo()
    leaving.add(birth.cgroup.remove)
    leaving.add(birth.cgroup.kill)
    leaving.add(births.kill_init, birth)
    leaving.add(birth.close)
    leaving.run()


def hand_on(fd: int, number: int, output: Output, *, to_end: bool) -> bool:
    """Give away what can be read now; False at the end of the stream."""
    while True:
        try:
            data = os.read(fd, BLOCK_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False  # a terminal that nobody has open any more
        if not data:
            return False
        output(number, data)
        if not to_end:
            return True


def build_mounts(record: Container, own: tuple[MountEntry, ...]) -> list[MountEntry]:
    """The kernel's file systems, then the step's mounts, outermost first, then our files."""
    targets = {entry["destination"] for entry in own}
    found = [
        each for each in spec.kernel_mounts(record)
        if not spec.is_replaced(each["destination"], targets)
    ]  # fmt: skip
    found += sorted(own, key=lambda entry: entry["destination"].count("/"))
    points = [as_point(entry) for entry in own]
    ours = network_files.entries({**record, "Mounts": points})
    return [*found, *(each for each in ours if each["destination"] in OWN_FILES)]


def as_point(entry: MountEntry) -> MountPoint:
    """A mount as a container's record has it, for who asks what it hides."""
    return {
        "Type": entry["type"],
        "Source": entry["source"],
        "Destination": entry["destination"],
        "RW": not {"ro", "rro"}.intersection(entry["options"]),
    }


def is_bind(entry: MountEntry) -> bool:
    """Whether what is to be mounted is there already."""
    return entry.get("type") == "bind" or bool(BINDING.intersection(entry.get("options", ())))


def is_directory(entry: MountEntry) -> bool:
    """Whether what is to be mounted is a directory."""
    return not is_bind(entry) or os.path.isdir(entry["source"])


def claim(home: Home, record: Container) -> None:
    """Make the run directory, which says from its first moment on that we are alive."""
    aside = f"{home.run_root}/{record['Id']}.{files.name_temporary()}"
    files.make_directory(aside)
    liveness.record_monitor(aside)
    if parent := record["HostConfig"]["CgroupParent"]:
        remains.note_parent(aside, parent)
    os.rename(aside, home.run_dir(record["Id"]))


def sweep(home: Home) -> None:
    """Clear what builds have left that were killed; containers are let alone."""
    running = files.list_directory(home.run_root)
    if any(map(files.is_abandoned, running)):
        files.sweep_temporary(home.run_root)
    ids = {name for name in running if len(name) == containers.ID_LENGTH}
    for step_id in ids.difference(containers.ids(home)) if ids else ():
        if not liveness.monitor_lives(home.run_dir(step_id)):
            remains.reconcile(home, step_id)
