"""Other runtimes: runc, crun, runsc or any program with their command line runs the same bundle.

    ours      create.begin ... create.finish    start.start, create.await_program    state, cgroup
    another   PROGRAM create                    PROGRAM start                        its own --root

What we know of the container stays in our state.json, so that everything which goes by pid, cgroup
or namespace works as with our own runtime; `runtime` in it is the program to ask for the rest. The
container's first process becomes ours when the program that made it ends: we are a subreaper.
"""

from __future__ import annotations

import _socket
import os
import stat
import struct
import time

from cuddy import files
from cuddy.errors import CommandNotExecutable, CommandNotFound, CuddyError, SystemFailure
from cuddy.kernel import cgroup, mount, process, sockets
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import create, handshake, state
from cuddy.runtime.exec import Joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.create import Birth
    from cuddy.runtime.spec import Process, State

ROOT = "runtime"
"""The other runtime's own state, below the directory of ours: it goes with it."""
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs of the host are, whatever the user's PATH says."""
MAX_LOG_BYTES = 1 << 20
MAX_REASON = 4096
TICK_S = 0.005
NULL_DEVICE = os.makedev(1, 3)
Stdio = tuple[int, int, int]

NOT_FOUND = ("executable file not found", "no such file or directory", "not a directory")
NOT_EXECUTABLE = ("permission denied", "is a directory", "exec format error")
"""What dockerd looks for in a runtime's words, in this order, for exit codes 127 and 126."""


class OtherBirth(create.Birth):
    """A birth by another runtime. `attendants`: processes it left besides init (gVisor's gofer),
    which are our children as well.
    """

    attendants: tuple[int, ...] = ()


class OtherRuntime:
    """A program that runs bundles, with the global flags it is to have."""

    def __init__(self, command: list[str], directory: str) -> None:
        self.command = command
        self.directory = directory

    def call(self, *words: str, stdio: Stdio | None = None) -> str:
        """Run the program; returns what it logged as its error, "" if it succeeded.

        `stdio`: the streams of a container that it makes.
        """
        log = f"{self.directory}/{files.name_temporary()}"
        own = ["--root", f"{self.directory}/{ROOT}", "--log", log, "--log-format", "json"]
        argv = [self.command[0], *own, *self.command[1:], *words]
        pid = os.fork()
        if not pid:
            execute(argv, stdio)
        try:
            _, status = os.waitpid(pid, 0)
            return "" if not status else reason(log, process.exit_code(status))
        finally:
            if os.path.exists(log):
                os.unlink(log)

    def make(self, words: list[str], stdio: Stdio | None, *, terminal: bool) -> tuple[int, int]:
        """`create` or `exec --detach`, whose process becomes our child: its pid, and its terminal's
        master or -1. Raises CommandNotFound, CommandNotExecutable, SystemFailure.
        """
        process.prctl(process.PR_SET_CHILD_SUBREAPER, 1)
        pid_file = f"{self.directory}/{files.name_temporary()}"
        listener = Listener(self.directory) if terminal else None
        verb, *rest = words
        more = ["--console-socket", listener.path] if listener else []
        try:
            problem = self.call(verb, *more, "--pid-file", pid_file, *rest, stdio=stdio)
            if problem:
                raise failure(problem)
            pid = int(files.read_bytes(pid_file))
            return pid, listener.receive() if listener else -1
        except ValueError:
            raise SystemFailure(f"{self.command[0]} wrote no pid") from None
        finally:
            if listener:
                listener.close()
            if os.path.exists(pid_file):
                os.unlink(pid_file)


class Listener:
    """A socket at which a runtime hands over the master of a terminal.

    Named by our descriptor of its directory: a socket's path holds at most 107 bytes.
    """

    def __init__(self, directory: str) -> None:
        name = files.name_temporary()
        self._name = f"{directory}/{name}"
        self._directory_fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.path = f"/proc/{os.getpid()}/fd/{self._directory_fd}/{name}"
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        self._socket.bind(self.path)
        self._socket.listen(1)
        self._socket.setblocking(False)

    def receive(self) -> int:
        """The master that was sent. Raises SystemFailure if none was."""
        try:
            connection = sockets.accept(self._socket)
        except BlockingIOError:
            raise SystemFailure("the runtime sent no terminal") from None
        try:
            room = _socket.CMSG_SPACE(struct.calcsize("i"))
            _, attached, _, _ = connection.recvmsg(4096, room, _socket.MSG_CMSG_CLOEXEC)
        finally:
            connection.close()
        if not attached:
            raise SystemFailure("the runtime sent no terminal")
        return int(struct.unpack("i", attached[0][2])[0])

    def close(self) -> None:
        self._socket.close()
        os.close(self._directory_fd)
        os.unlink(self._name)


def execute(argv: list[str], stdio: Stdio | None) -> None:
    """The child's side of `call`: never returns."""
    try:
        process.reset_signals()
        null = open_null()
        for number, fd in enumerate(stdio or (null, null, null)):
            os.dup2(null if os.fstat(fd).st_rdev == NULL_DEVICE else fd, number)
        process.close_on_exec_from(3)
        environment = {"PATH": SEARCHED}
        os.execve(argv[0], argv, environment)
    finally:
        os._exit(127)


def open_null() -> int:
    """A null device that is not the host's: runsc gives its container's streams to nobody, by
    fchown(2), and old runc to the container's user.
    """
    try:
        tree_fd = mount.make_detached("tmpfs", ["mode=700", "size=4k"])
        os.mknod("null", stat.S_IFCHR | 0o666, NULL_DEVICE, dir_fd=tree_fd)
        return os.open("null", os.O_RDWR | os.O_CLOEXEC, dir_fd=tree_fd)
    except PermissionError:
        return os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)  # whose owner nobody here can change


def reason(log: str, code: int) -> str:
    """The last error in a runtime's log, which is what go-runc and conmon take for the reason."""
    found = ""
    try:
        lines = files.read_bytes(log, limit=MAX_LOG_BYTES).split(b"\n")
    except (OSError, ValueError):
        lines = []
    for line in lines:
        try:
            entry = files.parse_json(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("level") in ("error", "fatal"):
            found = str(entry.get("msg", ""))
    return found[:MAX_REASON] or f"exit code {code}"


def failure(problem: str) -> CuddyError:
    """A runtime's words as the error that the same would be with ours."""
    low = problem.lower()
    if any(words in low for words in NOT_FOUND):
        return CommandNotFound(problem)
    if any(words in low for words in NOT_EXECUTABLE):
        return CommandNotExecutable(problem)
    return SystemFailure(problem)


def begin(
    command: list[str], bundle: Bundle, container_id: str, *, state_root: str, stdio: Stdio | None
) -> OtherBirth:
    """The container up to its program, as `create.begin` and `create.finish` together.

    Raises CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    birth = OtherBirth(bundle, container_id, state_root)
    runtime = OtherRuntime(command, birth.directory)
    terminal = bool(bundle.config["process"].get("terminal"))
    words = ["create", "--bundle", bundle.path, container_id]
    before = children()
    try:
        birth.pid, birth.terminal_fd = runtime.make(words, stdio, terminal=terminal)
        birth.attendants = tuple(children() - before - {birth.pid})
        birth.pidfd = process.pidfd_open(birth.pid)
        birth.cgroup = find_cgroup(bundle, container_id)
        write_state(birth, command)
    except BaseException:
        abort(command, birth)
        raise
    return birth


def find_cgroup(bundle: Bundle, container_id: str) -> Cgroup:
    """The groups that the runtime made where the config said."""
    parent, _, name = bundle.config["linux"].get("cgroupsPath", "").rpartition("/")
    return cgroup.list_groups(cgroup.find(), parent).get(name) or Cgroup({})


def children() -> set[int]:
    """The pids of our children; none where the kernel does not tell."""
    pid = os.getpid()
    try:
        return set(map(int, files.read_bytes(f"/proc/{pid}/task/{pid}/children").split()))
    except FileNotFoundError:
        return set()


def write_state(birth: OtherBirth, command: list[str]) -> None:
    """What we know of it, and who knows the rest."""
    document = birth.document()
    document["created"] = files.now()
    document["startTime"] = files.start_time(birth.pid)
    document["cgroupPaths"] = birth.cgroup.paths
    document["runtime"] = command
    document["attendants"] = list(birth.attendants)
    state.write(birth.state_root, document)


def start(command: list[str], birth: Birth) -> None:
    """Let the program begin. Raises as `begin`."""
    if problem := OtherRuntime(command, birth.directory).call("start", birth.id):
        raise failure(problem)


def kill(document: State, directory: str, signal: int) -> None:
    """Send a signal to the container's first process. Raises SystemFailure."""
    runtime = OtherRuntime(document["runtime"], directory)
    if problem := runtime.call("kill", document["id"], str(signal)):
        raise SystemFailure(f"cannot send the signal: {problem}")


def enter(document: State, directory: str, spec: Process, stdio: Stdio | None) -> Joined:
    """One more process inside, as our child; its program runs already.

    Raises CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    path = f"{directory}/{files.name_temporary()}"
    files.write_json(path, spec, durable=False)
    words = ["exec", "--detach", "--process", path, document["id"]]
    try:
        runtime = OtherRuntime(document["runtime"], directory)
        pid, terminal_fd = runtime.make(words, stdio, terminal=bool(spec.get("terminal")))
    finally:
        os.unlink(path)
    ours, theirs = handshake.pair()
    theirs.close()
    joined = Joined(process.Child(pid, process.pidfd_open(pid)), ours, spec["args"][0])
    joined.terminal_fd = terminal_fd
    joined.prepared = True
    return joined


def forget(
    command: list[str], container_id: str, directory: str, attendants: Iterable[int]
) -> None:
    """Let the runtime give back what it holds of a container that has ended, or should have.

    It may wait for its attendants to be gone, whom only we can bury.
    """
    pid = os.fork()
    if not pid:
        code = 1
        try:
            OtherRuntime(command, directory).call("delete", "--force", container_id)
            code = 0
        finally:
            os._exit(code)
    left = {pid, *attendants}
    while pid in left:
        left = {each for each in left if not is_buried(each)}
        time.sleep(TICK_S)


def is_buried(pid: int) -> bool:
    """Whether a process is no child of ours any more; a dead one is buried."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def abort(command: list[str], birth: Birth) -> None:
    """Take a birth back: process, cgroup, state."""
    attendants = birth.attendants if isinstance(birth, OtherBirth) else ()
    forget(command, birth.id, birth.directory, attendants)
    if birth.terminal_fd >= 0:
        os.close(birth.terminal_fd)
        birth.terminal_fd = -1
    birth.cgroup.kill()
    if birth.pidfd >= 0:
        process.pidfd_send_signal(birth.pidfd, 9)
        os.waitpid(birth.pid, 0)
        os.close(birth.pidfd)
        birth.pidfd = -1
    birth.cgroup.remove()
