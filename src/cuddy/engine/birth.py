"""A container's birth: from its record to a running program, inside its monitor.

The first is on a user's order; those that a restart policy brings are no different, but that
somebody may ask meanwhile for the container to stop.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import (
    connection,
    container,
    etc_files,
    events,
    frames,
    logwriter,
    network_facts,
    rootfs,
    runtimes,
    sharing,
    spec,
    users,
)
from cuddy.errors import CommandNotExecutable, CommandNotFound, Conflict, SystemFailure
from cuddy.kernel import namespaces
from cuddy.runtime import bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, Status
    from cuddy.engine.home import Home
    from cuddy.engine.logwriter import LogWriter
    from cuddy.engine.peers import Peer
    from cuddy.runtime.create import Birth
    from cuddy.runtime.spec import ConsoleSize
    from cuddy.undo import Undo


class Delivery:
    """One birth, and the descriptors that are left of it."""

    def __init__(
        self, home: Home, container_id: str, *, size: tuple[int, int] | None, again: bool
    ) -> None:
        self.home = home
        self.id = container_id
        self.record: Container = container.read(home, container_id)
        self.size = size
        self.again = again
        self.stdin = -1
        self.outputs: list[list[int]] = []  # [descriptor, stream] of each
        self.holders: list[int] = []  # descriptors that keep published ports
        self.log: LogWriter | None = None
        self.pidfd = -1
        self.warnings: list[str] = []
        self.peers: dict[str, Peer] = {}
        self.runtime = runtimes.of(home, self.record)

    def give(self, undo: Undo) -> None:
        """From the record to a running program. What has been done goes on `undo`."""
        self.log = logwriter.open_writer(self.record)
        undo.add(self.log.close)
        etc_files.make(self.record)
        where = self.home.container_dir(self.id)
        mounted = self.mount()
        undo.add(rootfs.umount_root, self.home, self.record)
        identity = self.identify(f"{where}/rootfs")
        linked, variables = self.read_links()
        config = spec.build_spec(mounted, identity, self.find_host(), self.console())
        config["process"]["env"][:0] = variables
        self.runtime.fit(config)
        files.write_json(f"{where}/config.json", config, durable=False)
        stdio = self.make_streams(identity.uid)
        undo.add(self.close_streams)
        checked = bundle.check(where, config)
        birth = self.runtime.begin(checked, self.id, self.home.run_root, stdio)
        for fd in set(stdio or ()):
            os.close(fd)
        undo.add(self.runtime.abort, birth)
        connected = self.connect(birth)
        undo.add(self.disconnect, connected)
        connection.write_files(self.record, connected, linked)
        try:
            self.run(birth, connected)
        except (CommandNotFound, CommandNotExecutable) as error:
            # Imported here: hardly ever needed.
            from cuddy.engine import program_facts

            raise program_facts.explain(error, birth.pid, config["process"]) from None
        events.emit_container(self.home, "start", self.record)
        self.pidfd = birth.pidfd
        self.warnings += birth.warnings
        self.holders = list(connected.holders)
        if self.record["Config"].get("Healthcheck"):
            self.watch_health(birth.pid)

    def mount(self) -> Container:
        """The record with its root, and what is mounted there, in place or prepared."""
        mounted = rootfs.mount_root(self.home, self.record)
        if mounted["HostConfig"]["IDMappings"]:
            from cuddy.engine import idmapped  # which that has loaded

            self.warnings += idmapped.warnings(mounted)
        return mounted

    def watch_health(self, pid: int) -> None:
        """Begin with the health checks, if there are any."""
        from cuddy.engine import health, health_waiter

        if health.command(self.record["Config"]):
            health_waiter.begin(self.home, self.record, pid)

    def run(self, birth: Birth, connected: connection.Connection) -> None:
        """Wait until init stands ready, write the start down, and let the program begin."""
        self.runtime.finish(birth)
        self.confirm_peers()
        if birth.terminal_fd >= 0:
            self.stdin, self.outputs = birth.terminal_fd, [[birth.terminal_fd, frames.STDOUT]]
        if self.record.get("Mounts"):
            from cuddy.engine import volume_use

            with volume_use.Turn(self.home, volume_use.names_of(self.record)):
                self.record_start(birth, connected)
        else:
            self.record_start(birth, connected)
        self.runtime.start(birth)

    def read_links(self) -> tuple[list[tuple[str, str]], list[str]]:
        """What --link tells: lines of /etc/hosts, and variables. Raises Conflict."""
        if not self.record["HostConfig"]["Links"]:
            return [], []
        from cuddy.engine import links

        found = links.resolve(self.home, self.record)
        return links.hosts(found), links.variables(self.record["Name"], found)

    def connect(self, birth: Birth) -> connection.Connection:
        """Its endpoint on the network, made while it mounts."""
        connect = connection.connect
        if not namespaces.is_initial("user"):
            from cuddy.engine import rootless_network

            connect = rootless_network.connect
        try:
            return connect(self.home, self.record, birth.pid)
        except (OSError, SystemFailure):
            # One whose mounts failed has no network any more: then what it says is the reason.
            self.runtime.finish(birth)
            raise

    def disconnect(self, connected: connection.Connection) -> None:
        """Take its network from a container that did not come to be."""
        for fd in connected.holders:
            os.close(fd)
        connection.release(self.home, self.id)
        settings = network_facts.settings(self.home, self.record, connected)
        connection.note_disconnection(self.home, self.id, settings)

    def find_host(self) -> spec.Host:
        """This machine, with the namespaces of other containers that ours joins."""
        found = spec.this_host(self.record)
        if sharing.peers_of(self.record):
            from cuddy.engine import peers

            self.peers = peers.find_peers(self.home, self.record)
            where = self.home.container_dir(self.id)
            peers.share_memory(self.peers, f"{where}/{sharing.MEMORY}")
            found = found._replace(namespaces=peers.paths_of(self.peers))
        if not namespaces.is_initial("user"):
            from cuddy.engine import way_out

            own = way_out.paths_of(self.home, self.record)
            found = found._replace(namespaces={**own, **found.namespaces})
        return found

    def confirm_peers(self) -> None:
        """What was joined is what was meant."""
        if self.peers:
            from cuddy.engine import peers

            peers.confirm(self.peers)

    def make_streams(self, uid: int) -> tuple[int, int, int] | None:
        """Pipes for a container without a terminal, whose user is `uid`; its ends are returned."""
        if self.record["Config"]["Tty"]:
            return None
        if self.record["Config"]["OpenStdin"]:
            stdin, self.stdin = os.pipe()
        else:
            stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        our_stdout, stdout = os.pipe()
        our_stderr, stderr = os.pipe()
        self.outputs = [[our_stdout, frames.STDOUT], [our_stderr, frames.STDERR]]
        if self.record["HostConfig"]["IDMappings"]:
            # Imported here: most containers have the host's users.
            from cuddy.engine import userns

            userns.give_streams(self.record, (stdin, stdout, stderr), uid)
        return stdin, stdout, stderr

    def close_streams(self) -> None:
        """Our ends, of a container that did not come to be."""
        for fd in {self.stdin, *(fd for fd, _ in self.outputs)} - {-1}:
            os.close(fd)

    def identify(self, root: str) -> users.Identity:
        """Numbers for the user's name, from the files of the image."""
        root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            user, groups = self.record["Config"]["User"], self.record["HostConfig"]["GroupAdd"]
            return users.read_identity(root_fd, user, groups)
        finally:
            os.close(root_fd)

    def console(self) -> ConsoleSize | None:
        """The terminal's first size: that of the client's window, or the one asked for."""
        rows, columns = self.size or self.record["HostConfig"]["ConsoleSize"]
        return {"height": rows, "width": columns} if rows and columns else None

    def record_start(self, birth: Birth, connected: connection.Connection) -> None:
        """Write down that it runs, just before it does. Raises Conflict if it is to stop."""

        def change(status: Status) -> None:
            if not self.again:
                status |= {"RestartCount": 0, "RestartDelay": 0.0, "StopAskedBy": ""}
                status["IsBeingRestarted"] = False
            elif status.get("StopAskedBy"):
                raise Conflict("it was stopped while it was being restarted")
            state = status.setdefault("State", container.initial_state())
            state |= {
                "Status": "running", "Running": True, "Paused": False, "Restarting": False,
                "OOMKilled": False, "Dead": False, "Pid": birth.pid, "ExitCode": 0, "Error": "",
                "StartedAt": files.now(),
            }  # fmt: skip
            if self.record["Config"].get("Healthcheck"):
                from cuddy.engine import health

                health.begin(state, self.record["Config"])
            settings = network_facts.settings(self.home, self.record, connected)
            status["NetworkSettings"] = settings

        container.change_status(self.home, self.id, change, durable=False)
