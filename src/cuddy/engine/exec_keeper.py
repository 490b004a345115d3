"""The keeper of an exec: parent of its process, apart from the command that asked for it.

    command                              keeper, reared in a nursery
    order ────────────────────────────▶  enters the container, runs the program
         ◀──────── report [+ terminal]
    reads and writes the streams itself  waits for the process, and for the time to be up
    goes away, or is killed              reads the output in its place, into nothing
         ◀──────── how it ended

So a process goes on undisturbed when its command has gone: nothing it writes fails and no terminal
hangs up. And whoever is killed, somebody is left to bury the process and remove its group.
"""

from __future__ import annotations

import _socket
import os
import select
import time

from cuddy import files
from cuddy.engine import background, exec_process, execs
from cuddy.errors import (
    CommandNotExecutable,
    CommandNotFound,
    CuddyError,
    NotPermitted,
    NotRunning,
    SystemFailure,
)
from cuddy.kernel import process, pty, sockets, subgroup
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import exec as runtime_exec
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.nursery import ExecOrder
    from cuddy.engine.options import ExecOptions
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.exec import Joined
    from cuddy.runtime.spec import Process, State

PATIENCE_MS = 2000
"""How long the command hears, after the end, what others write that the process left: docker's."""
TERMINAL_PATIENCE_MS = 100
DYING_MS = 200
"""How long a container that is being killed may take to be dead, once its processes are."""
LAST_PATIENCE_S = 1
"""For what the process left behind and may be ending too, before its group is left to others."""
HANG_UP_S = 2
"""What processes have to end by themselves once their terminal has gone."""
CHUNK_BYTES = 1 << 16
NOT_FOUND, NOT_EXECUTABLE = CommandNotFound.exit_code, CommandNotExecutable.exit_code
"""Docker's exit codes of a program that was never begun."""


def main(
    home: Home, order: ExecOrder, options: ExecOptions, fds: list[int], channel: _socket.socket
) -> NoReturn:
    """The keeper's whole life; never returns into the command's code.

    `fds`: the process's ends of its streams, then the command's ends of its output.
    """
    try:
        background.leave(f"cuddy exec {order.container_id[:12]}", {channel.fileno(), *fds})
        Keeper(home, order, options, fds, channel).live()
    except Exception as error:
        report_bug(channel, error)
    finally:
        os._exit(0)


def report_bug(channel: _socket.socket, error: Exception) -> None:
    """An exception that nobody foresaw, for the command to show if it still waits."""
    text = f"this is a bug in cuddy: {type(error).__name__}: {error}"
    say(channel, background.failure(SystemFailure(text)))


def say(channel: _socket.socket, message: dict[str, object], fd: int = -1) -> None:
    """Tell the command something; it may be gone."""
    attached = [] if fd < 0 else [sockets.rights(fd)]
    try:
        channel.sendmsg([files.format_json(message).encode()], attached, _socket.MSG_NOSIGNAL)
    except OSError:
        pass


class Keeper:
    """What a keeper holds while its process lives."""

    def __init__(
        self,
        home: Home,
        order: ExecOrder,
        options: ExecOptions,
        fds: list[int],
        channel: _socket.socket,
    ) -> None:
        self.home = home
        self.order = order
        self.options = options
        self.stdio = None if options.tty else (fds[0], fds[1], fds[2])
        self.channel = channel
        self.id = order.exec_id
        self.record: Container = {}
        self.run_dir = home.run_dir(order.container_id)
        self.records = home.execs_dir(order.container_id)
        self.container = Cgroup({})
        self.group = Cgroup({})
        self.outputs = fds[3:]
        self.timed_out = self.has_hung_up = False
        self.sizes: _socket.socket | None = None  # where others say how large the terminal is

    def live(self) -> None:
        """Start the process, wait for its end, tell of it."""
        try:
            joined = self.start()
        except (CuddyError, OSError, ValueError) as error:
            self.report_failure(error)
            return
        if joined.terminal_fd >= 0:
            self.outputs = [joined.terminal_fd]
            self.listen_for_size()
        say(self.channel, {"warnings": joined.warnings}, joined.terminal_fd)
        self.watch(joined)
        _, status = os.waitpid(joined.pid, 0)
        code = process.exit_code(status)
        if self.has_hung_up:
            self.end_rest()
        patience_s = 2 if self.timed_out or self.has_hung_up else 0
        execs.clear(self.run_dir, self.container, self.id, timeout_s=patience_s)
        self.emit("exec_die", exitCode=str(code))
        self.note_life(joined.pid, code)
        self.stop_listening()
        say(self.channel, {"ExitCode": code, "TimedOut": self.timed_out})
        self.linger()
        execs.clear(self.run_dir, self.container, self.id, timeout_s=LAST_PATIENCE_S)

    def start(self) -> Joined:
        """From the record to a running program. What fails leaves nothing."""
        self.record = exec_process.find_running(self.home, self.order.container_id, self.order.name)
        if not self.order.recorded:
            exec_process.note_creation(self.home, self.record, self.id, self.options)
        self.emit(f"exec_start: {exec_process.words(self.options)}")
        document, own, entrant = exec_process.prepare(
            self.home, self.record, self.options, self.order.size
        )
        try:
            with self.entrance():
                joined = self.enter(own, document, entrant)
                for fd in set(self.stdio or ()):
                    os.close(fd)
                self.let_in(joined)
        except (CommandNotFound, CommandNotExecutable) as error:
            execs.clear(self.run_dir, self.container, self.id)
            # Imported here: hardly ever needed.
            from cuddy.engine import program_facts

            raise program_facts.explain(error, document["pid"], entrant) from None
        except BaseException:
            execs.clear(self.run_dir, self.container, self.id)
            raise
        return joined

    def entrance(self) -> files.Lock | Undo:
        """What to hold while a process is on its way in."""
        if "Sandbox" not in self.record:
            return Undo()
        # Imported here: most containers are none.
        from cuddy.engine import sandboxes

        return sandboxes.entrance(self.home, self.order.container_id)

    def enter(self, own: Bundle, document: State, entrant: Process) -> Joined:
        """The process; by another runtime it runs its program at once."""
        if self.record["HostConfig"]["IDMappings"]:
            # Imported here: most containers have the host's users.
            from cuddy.engine import userns

            userns.give_streams(self.record, self.stdio or (), entrant["user"]["uid"])
        if "runtime" in document:
            # Imported here: most containers have ours.
            from cuddy.runtime import other

            execs.record(self.run_dir, self.id, os.getpid())
            return other.enter(document, self.run_dir, entrant, self.stdio)
        self.make_group(document)
        return runtime_exec.enter(
            own, document, entrant, self.stdio, state_root=self.home.run_root, own_group=self.group
        )

    def make_group(self, document: State) -> None:
        """A group of the exec's own, below the container's. Raises NotRunning, NotPermitted."""
        self.container = Cgroup(document["cgroupPaths"])
        execs.sweep(self.run_dir, self.container)
        try:
            # Until there is a process it is us, so that a group is found if we are killed.
            execs.record(self.run_dir, self.id, os.getpid())
            self.group = subgroup.make(self.container, execs.group_name(self.id))
        except FileNotFoundError:
            raise NotRunning(self.order.container_id[:12]) from None
        if self.options.timeout_s is not None and not self.group.paths:
            raise NotPermitted(
                "--timeout needs a control group for the exec, and the container allows none"
            )

    def let_in(self, joined: Joined) -> None:
        """Write the process down, then let it become its program."""
        try:
            execs.record(self.run_dir, self.id, joined.pid)
        except FileNotFoundError:
            runtime_exec.abandon(joined)
            raise NotRunning(self.order.container_id[:12]) from None
        self.note_life(joined.pid)
        if not joined.prepared:
            runtime_exec.finish(joined)

    def note_life(self, pid: int, exit_code: int | None = None) -> None:
        """Write down for others that it runs, or how it ended."""
        if self.order.recorded:
            # Imported here: only clients of the API start what others have created.
            from cuddy.engine import exec_life

            exec_life.note(self.records, self.id, pid, exit_code)

    def listen_for_size(self) -> None:
        """Let others than the command say how large the terminal is."""
        if self.order.recorded:
            from cuddy.engine import exec_life

            self.sizes = exec_life.listen_for_size(self.records, self.id)

    def stop_listening(self) -> None:
        """Its terminal is nobody's any more."""
        if self.sizes:
            from cuddy.engine import exec_life

            self.sizes.close()
            exec_life.stop_listening(self.records, self.id)

    def take_size(self) -> None:
        """Somebody has another size for the terminal."""
        assert self.sizes
        try:
            rows, columns = self.sizes.recv(64).split()
            pty.set_size(self.outputs[0], pty.Size(int(rows), int(columns)))
        except (OSError, ValueError):
            pass

    def report_failure(self, error: CuddyError | OSError | ValueError) -> None:
        """The program never ran: the reason goes to the command."""
        if isinstance(error, OSError):
            error = SystemFailure.from_os("cannot enter the container", error)
        if isinstance(error, SystemFailure) and self.has_ended():
            error = NotRunning(self.order.container_id[:12])
        problem = error if isinstance(error, CuddyError) else SystemFailure(str(error))
        self.note_life(0, NOT_FOUND if isinstance(error, CommandNotFound) else NOT_EXECUTABLE)
        say(self.channel, background.failure(problem))

    def has_ended(self) -> bool:
        """Whether the life is over in which the program was to run: its first process is dead, or
        dies just now, which is when the others in its namespace do.
        """
        if not self.record:
            return False
        try:
            pidfd = process.pidfd_open(self.record["State"]["Pid"])
        except OSError:
            return True
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        ended = bool(poll.poll(DYING_MS))
        os.close(pidfd)
        return ended

    def emit(self, action: str, **attributes: str) -> None:
        """Note what happens, with the exec's id."""
        exec_process.note(self.home, self.record, action, self.id, **attributes)

    def watch(self, joined: Joined) -> None:
        """Until the process has ended; from when the command is gone, read what it writes."""
        poll = select.poll()
        poll.register(joined.pidfd, select.POLLIN)
        poll.register(self.channel, 0)  # it only hangs up
        if self.sizes:
            poll.register(self.sizes, select.POLLIN)
        if not self.order.attached:
            self.take_over(poll)
        timeout_s = self.options.timeout_s
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            ready = [fd for fd, _ in poll.poll(milliseconds_until(deadline))]
            if joined.pidfd in ready:
                return
            if deadline is not None and time.monotonic() >= deadline:
                self.timed_out, deadline = True, None
                self.kill(joined)
            for fd in ready:
                if fd == self.channel.fileno() and self.options.hangs_up:
                    self.hang_up(poll)
                    deadline = time.monotonic() + HANG_UP_S
                elif fd == self.channel.fileno():
                    self.take_over(poll)
                elif self.sizes and fd == self.sizes.fileno():
                    self.take_size()
                elif not drain(fd):
                    poll.unregister(fd)

    def kill(self, joined: Joined) -> None:
        """Its time is up. Another runtime gives it no group: then only its first process ends."""
        if self.group.paths:
            self.group.kill()
        else:
            process.pidfd_send_signal(joined.pidfd, 9)

    def take_over(self, poll: select.poll) -> None:
        """The command reads no more, so we do."""
        poll.unregister(self.channel)
        for fd in self.outputs:
            os.set_blocking(fd, False)
            poll.register(fd, select.POLLIN)

    def hang_up(self, poll: select.poll) -> None:
        """Nobody sits at the terminal any more: its processes are told so (SIGHUP), as by a real
        one. Those that go on are killed before long.
        """
        self.has_hung_up = True
        poll.unregister(self.channel)
        if self.sizes:
            poll.unregister(self.sizes)
        for fd in self.outputs:
            os.close(fd)
        self.outputs = []

    def end_rest(self) -> None:
        """What the process has started had the same terminal, even if it does not mind (nohup)."""
        deadline = time.monotonic() + HANG_UP_S
        while self.group.pids() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.group.kill()

    def linger(self) -> None:
        """As long as we are there the command waits for further output. It may go before."""
        poll = select.poll()
        poll.register(self.channel, 0)
        poll.poll(TERMINAL_PATIENCE_MS if self.options.tty else PATIENCE_MS)


def milliseconds_until(deadline: float | None) -> float | None:
    """How long poll(2) may wait; None is for ever."""
    return process.poll_ms(None if deadline is None else deadline - time.monotonic())


def drain(fd: int) -> bool:
    """Read and forget; False at the end of file."""
    try:
        return bool(os.read(fd, CHUNK_BYTES))
    except BlockingIOError:
        return True
    except OSError:
        return False  # EIO: the terminal's last process is gone
