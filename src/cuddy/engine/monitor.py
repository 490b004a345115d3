"""The process that owns a running container: parent of its init, holder of its mounts and streams.

    nursery ── order ──▶ main ── give_birth ── "started" ──▶ watch ... ── bury      (watch.py)

One per container. It outlives the command that started it, and nothing outlives it: init dies with
it, the mounts are in its private namespace, and the rest carries the container's id (remains.py).
"""

from __future__ import annotations

import _signal
import _socket
import os

from cuddy import files
from cuddy.engine import connection, container, events, frames, liveness, rootfs, spec, users, watch
from cuddy.errors import CuddyError, SystemFailure
from cuddy.kernel import process, syscall
from cuddy.runtime import bundle, create, start
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.container import Container, State
    from cuddy.engine.home import Home
    from cuddy.engine.nursery import Order
    from cuddy.runtime.spec import ConsoleSize

IGNORED_SIGNALS = (
    _signal.SIGHUP,
    _signal.SIGINT,
    _signal.SIGQUIT,
    _signal.SIGTERM,
    _signal.SIGPIPE,
)


def main(home: Home, order: Order, attached: int, report: _socket.socket) -> NoReturn:
    """The monitor's whole life; never returns into the caller's code.

    `attached`: descriptor of a client's socket, or -1. `report`: where the command waits.
    """
    code = 1
    try:
        trace_fd = syscall.tracer.fd if syscall.tracer else -1
        become_monitor(order.container_id, {attached, report.fileno(), trace_fd})
        Monitor(home, order, attached, report).live()
        code = 0
    except BaseException as error:
        note_crash(home, order.container_id, error)
    finally:
        os._exit(code)


def note_crash(home: Home, container_id: str, error: BaseException) -> None:
    """A mistake in the monitor is cuddy's own: keep the traceback where a bug report finds it."""
    import traceback

    text = "".join(traceback.format_exception(error))
    files.write(f"{home.container_dir(container_id)}/monitor.crash", text.encode(), durable=False)


def become_monitor(container_id: str, kept: set[int]) -> None:
    """Leave the caller's session, terminal, directory and all but these descriptors behind."""
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    close_all_but(sorted(kept - {-1}))
    for number in range(1, _signal.NSIG):
        if number in IGNORED_SIGNALS:
            _signal.signal(number, _signal.SIG_IGN)
    process.set_title(f"cuddy monitor {container_id[:12]}")


def close_all_but(kept: list[int]) -> None:
    """Close every descriptor above the standard three except those (sorted)."""
    first = 3
    for fd in kept:
        if first < fd:
            os.closerange(first, fd)
        first = fd + 1
    process.close_from(first)


class Monitor:
    """What the monitor holds while its container lives."""

    def __init__(self, home: Home, order: Order, attached: int, report: _socket.socket) -> None:
        self.home = home
        self.record: Container = container.read(home, order.container_id)
        self.id = order.container_id
        self.order = order
        self.attached = attached
        self.channel = report
        self.run_dir = home.run_dir(self.id)
        self.listener: _socket.socket | None = None
        self.stdin = -1
        self.outputs: list[list[int]] = []
        self.connection = connection.Connection()
        self.state: State = container.initial_state() | {"StartedAt": files.now()}

    def live(self) -> None:
        """Birth, life, and the record of the end."""
        try:
            with Undo() as undo:
                undo.add(lambda: watch.clear(self.home, self.id, self.listener))
                birth = self.give_birth(undo)
        except (CuddyError, OSError, ValueError) as error:
            self.record_failure(error)
            return
        self.report({"warnings": birth.warnings})
        assert self.listener
        held = watch.Held(birth.pidfd, self.listener.detach(), self.stdin, self.outputs)
        watch.watch(self.home, self.id, held, attached=self.attached, wants=self.order.wants)

    def give_birth(self, undo: Undo) -> create.Birth:
        """From the record to a running program. What has been done goes on `undo`."""
        files.make_directory(self.run_dir)
        liveness.record_monitor(self.run_dir)
        self.listener = listen(self.run_dir)
        connection.make_files(self.record)
        where = self.home.container_dir(self.id)
        rootfs.mount_root(self.home, self.record)
        undo.add(rootfs.umount_root, self.home, self.record)
        identity = self.identify(f"{where}/rootfs")
        config = spec.build_spec(self.record, identity, spec.this_host(self.record), self.console())
        files.write_json(f"{where}/config.json", config, durable=False)
        stdio = self.make_streams()
        birth = create.begin(
            bundle.check(where, config), self.id, state_root=self.home.run_root, stdio=stdio,
            die_with_parent=True,
        )  # fmt: skip
        for fd in set(stdio or ()):
            os.close(fd)
        undo.add(create.abort, birth)
        self.connection = connection.connect(self.home, self.record, birth.pid)
        connection.write_files(self.record, self.connection)
        create.finish(birth)
        if birth.terminal_fd >= 0:
            self.stdin, self.outputs = birth.terminal_fd, [[birth.terminal_fd, frames.STDOUT]]
        self.record_start(birth)
        start.start(self.home.run_root, self.id)
        create.await_program(birth)
        events.emit_container(self.home, "start", self.record)
        return birth

    def make_streams(self) -> tuple[int, int, int] | None:
        """Pipes for a container without a terminal; returns the container's ends."""
        if self.record["Config"]["Tty"]:
            return None
        if self.record["Config"]["OpenStdin"]:
            stdin, self.stdin = os.pipe()
        else:
            stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        our_stdout, stdout = os.pipe()
        our_stderr, stderr = os.pipe()
        self.outputs = [[our_stdout, frames.STDOUT], [our_stderr, frames.STDERR]]
        return stdin, stdout, stderr

    def identify(self, root: str) -> users.Identity:
        """Numbers for the user's name, from the files of the image."""
        root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return users.read_identity(root_fd, self.record["Config"]["User"])
        finally:
            os.close(root_fd)

    def console(self) -> ConsoleSize | None:
        """The client's window, for the terminal's first size."""
        order = self.order
        return {"height": order.rows, "width": order.columns} if order.rows else None

    def record_start(self, birth: create.Birth) -> None:
        """Write down that it runs."""
        self.state |= {
            "Status": "running",
            "Running": True,
            "Pid": birth.pid,
            "StartedAt": files.now(),
        }
        self.write_status(durable=False)

    def write_status(self, *, durable: bool) -> None:
        """Replace status.json."""
        settings = connection.settings(self.connection)
        container.write_status(
            self.home, self.id, {"State": self.state, "NetworkSettings": settings}, durable=durable
        )

    def record_failure(self, error: CuddyError | OSError | ValueError) -> None:
        """The container never ran: the reason goes into its record and to the command."""
        if isinstance(error, OSError):
            error = SystemFailure.from_os("cannot start the container", error)
        message = error.message if isinstance(error, CuddyError) else str(error)
        hint = error.hint if isinstance(error, CuddyError) else ""
        code = error.exit_code if isinstance(error, CuddyError) else 1
        self.state |= {
            "Status": "created",
            "Running": False,
            "Pid": 0,
            "Error": message,
            "ExitCode": 128 if code == 1 else code,
        }
        own = {"NetworkSettings": connection.settings(self.connection)}
        connection.note_disconnection(self.home, self.record | own)  # type: ignore[arg-type]
        try:
            if self.record["HostConfig"]["AutoRemove"]:
                container.discard(self.home, self.id)
            else:
                self.write_status(durable=True)
        except OSError:
            pass  # a full disk: the command hears of the first error all the same
        self.report({"error": [type(error).__name__, message, hint]})

    def report(self, value: dict[str, object]) -> None:
        """One answer to the command that started us, which may be gone."""
        try:
            self.channel.send(files.format_json(value).encode(), _socket.MSG_NOSIGNAL)
        except OSError:
            pass
        self.channel.close()


def listen(run_dir: str) -> _socket.socket:
    """The monitor's socket, in a directory only root may enter.

    Bound by the directory's descriptor: a socket's path holds at most 107 bytes, a home's may not.
    """
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    directory_fd = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{directory_fd}/monitor.sock")
    finally:
        os.close(directory_fd)
    listener.listen(64)
    listener.setblocking(False)
    return listener
