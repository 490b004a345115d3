"""Exec: one more process in a running container, watched by the command that asked for it.

It ends with the container (its pid namespace is the container's), and is in the same cgroups and
under the same seccomp profile. With a terminal it gets one of its own from the container's
/dev/pts.
"""

from __future__ import annotations

import os
import select

from cuddy import files
from cuddy.engine import containers, events, names, process, relay, spec, users
from cuddy.errors import CorruptContent, InvalidArgument, NoSuchContainer, NotRunning
from cuddy.kernel import process as processes
from cuddy.kernel import pty
from cuddy.runtime import bundle, state
from cuddy.runtime import exec as runtime_exec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.attach import Note
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ExecOptions
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.exec import Joined
    from cuddy.runtime.spec import Process, State

Stdio = tuple[int, int, int]


class ExecSession:
    """A process running in a container: its streams, and its end. The shape of an Attachment."""

    def __init__(self, joined: Joined, streams: relay.Streams, note: Note) -> None:
        self._joined = joined
        self._note = note
        self._streams = streams
        self._input = bytearray()
        self._input_ends = False
        self._poll = select.epoll()
        self.tty = streams.tty
        self.warnings = joined.warnings
        for fd in streams.outputs:
            self._poll.register(fd, select.EPOLLIN)

    def fileno(self) -> int:
        """Readable when `receive` has something to say."""
        return self._poll.fileno()

    def receive(self) -> list[tuple[int, bytes]]:
        """What the process wrote, as (1 stdout or 2 stderr, data). Raises EOFError at its end."""
        found = []
        for fd, _ in self._poll.poll(0):
            stream = self._streams.outputs[fd]
            try:
                data = os.read(fd, relay.CHUNK_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""  # EIO: the terminal's last process is gone
            if data:
                found.append((stream, data))
            else:
                self._poll.unregister(fd)
                self._streams.close_output(fd)
        if not found and not self._streams.outputs:
            raise EOFError
        return found

    def send(self, data: bytes) -> int:
        """Give the process input; how much was taken."""
        if self._input:
            return 0
        self._input += data
        self.flush()
        return len(data)

    def wants_write(self) -> bool:
        """Whether input waits: call `flush` again soon."""
        return bool(self._input)

    def write_fileno(self) -> int:
        """The descriptor to poll for writing while `wants_write`."""
        return self._streams.stdin

    def flush(self) -> None:
        """Write what waits, as far as it goes."""
        try:
            while self._input and self._streams.stdin >= 0:
                written = os.write(self._streams.stdin, self._input[: relay.CHUNK_BYTES])
                del self._input[:written]
        except BlockingIOError:
            return
        except OSError:
            self._input.clear()
            self._streams.close_stdin()
        if self._input_ends and not self._input:
            self._streams.close_stdin()

    def close_stdin(self) -> None:
        """No more input comes."""
        self._input_ends = True
        self.flush()

    def resize(self, rows: int, columns: int) -> None:
        """The size of our window, for its terminal."""
        if self.tty and self._streams.stdin >= 0:
            pty.set_size(self._streams.stdin, pty.Size(rows, columns))

    def kill(self, signal: int) -> None:
        """Send the process a signal."""
        try:
            processes.pidfd_send_signal(self._joined.pidfd, signal)
        except ProcessLookupError:
            pass

    def wait(self) -> int:
        """The process's exit code; blocks until it has ended."""
        _, status = os.waitpid(self._joined.pid, 0)
        code = processes.exit_code(status)
        self._note("exec_die", {"exitCode": str(code)})
        return code

    def detach(self) -> None:
        """Leave the process to itself, as the user asked."""
        self._note("exec_detach", {})
        self.close()

    def close(self) -> None:
        """Let go; the process goes on without us."""
        self._poll.close()
        for fd in list(self._streams.outputs):
            self._streams.close_output(fd)
        self._streams.close_stdin()


def exec_attached(
    home: Home, name: str, options: ExecOptions, *, size: tuple[int, int] | None = None
) -> ExecSession:
    """Run a command in a container, connected to us. `size`: rows and columns of our window.

    Raises NotRunning, CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    record = find_running(home, name)
    note = noting(home, record, options)
    stdio, streams = make_streams(options)
    try:
        joined = join(home, record, options, stdio, size)
    finally:
        for fd in set(stdio or ()):
            os.close(fd)
    if streams is None:
        master = joined.terminal_fd
        streams = relay.Streams(master, {master: 1}, tty=True)
    return ExecSession(joined, streams, note)


def exec_detached(home: Home, name: str, options: ExecOptions) -> None:
    """Run a command in a container and leave it to itself, its output going nowhere.

    Raises as `exec_attached`. Whatever it leaves is reaped by this machine's init.
    """
    record = find_running(home, name)
    noting(home, record, options)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        joined = join(home, record, options._replace(tty=False), (null, null, null), None)
        joined.close()
    finally:
        os.close(null)


def find_running(home: Home, name: str) -> Container:
    """The container, if it runs. Raises NotRunning."""
    record = containers.find(home, name)
    if not record["State"]["Running"]:
        raise NotRunning(name)
    return record


def noting(home: Home, record: Container, options: ExecOptions) -> Note:
    """Note that a command is about to run; what the rest of its life is noted with."""
    own = {"execID": names.generate_id()}
    words = f"{options.command[0]} {' '.join(options.command[1:])}"
    for action in ("exec_create", "exec_start"):
        events.emit_container(home, f"{action}: {words}", record, own)
    return lambda action, more: events.emit_container(home, action, record, own | more)


def make_streams(options: ExecOptions) -> tuple[Stdio | None, relay.Streams | None]:
    """Pipes: the process's ends and ours; nothing when a terminal will take their place."""
    if options.tty:
        return None, None
    our_stdin = -1
    if options.interactive:
        stdin, our_stdin = os.pipe()
    else:
        stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    our_stdout, stdout = os.pipe()
    our_stderr, stderr = os.pipe()
    return (stdin, stdout, stderr), relay.Streams(
        our_stdin, {our_stdout: 1, our_stderr: 2}, tty=False
    )


def join(
    home: Home,
    record: Container,
    options: ExecOptions,
    stdio: Stdio | None,
    size: tuple[int, int] | None,
) -> Joined:
    """Read what the container was started with, and enter it."""
    try:
        document = state.read(home.run_root, record["Id"])
        own = bundle.load(home.container_dir(record["Id"]))
    except NoSuchContainer:
        raise NotRunning(record["Id"][:12]) from None
    except ValueError as error:
        raise CorruptContent(f"container {record['Id'][:12]}: {error}") from None
    entrant = build_process(record, own, document, options)
    if size and options.tty:
        entrant["consoleSize"] = {"height": size[0], "width": size[1]}
    return runtime_exec.join(own, document, entrant, stdio, state_root=home.run_root)


def build_process(record: Container, own: Bundle, document: State, options: ExecOptions) -> Process:
    """The process to run: the container's own, with the options over it."""
    if options.workdir and not options.workdir.startswith("/"):
        raise InvalidArgument(f"working directory {options.workdir!r} is not absolute")
    entrant: Process = dict(own.config["process"])  # type: ignore[assignment]
    entrant.pop("consoleSize", None)
    identity = identify(record, document, options)
    host = spec.this_host(record)
    host_config = record["HostConfig"]
    if options.privileged:
        host_config = host_config | {"Privileged": True}
    variables = [*options.env, *(["TERM=xterm"] if options.tty else [])]
    merged = process.merge(record["Config"]["Env"], variables)
    entrant |= {
        "terminal": options.tty,
        "args": list(options.command),
        "cwd": options.workdir or record["Config"]["WorkingDir"] or "/",
        "env": spec.with_home(merged, identity),
        "user": {
            "uid": identity.uid,
            "gid": identity.gid,
            "additionalGids": list(identity.groups),
        },
        "capabilities": spec.capability_sets(spec.granted(host_config, host), identity.uid),
    }
    return entrant


def identify(record: Container, document: State, options: ExecOptions) -> users.Identity:
    """Numbers for the user's name, from the files the container has now."""
    root_fd = os.open(f"/proc/{document['pid']}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # The link was followed by pid: what we opened is the container's only if it lives still.
        if files.start_time(document["pid"]) != document["startTime"]:
            raise NotRunning(record["Id"][:12])
        return users.read_identity(root_fd, options.user or record["Config"]["User"])
    finally:
        os.close(root_fd)
