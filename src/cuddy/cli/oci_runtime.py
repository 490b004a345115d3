"""`cuddy-runtime`: the OCI runtime as a program, with runc's command line and error lines.

Engines that drive runtimes (containerd, podman, dockerd, Slurm) call this, not people. It leaves no
process behind: a container's init becomes the child of whoever is the caller's subreaper. Errors
are a logfmt line on standard error, or a JSON line in the file of `--log`, the last of which
callers read (go-runc and conmon do).
"""

from __future__ import annotations

import _socket
import os
import sys

from cuddy import __version__, files
from cuddy.cli import flags
from cuddy.cli.flags import BOOL, STRING, Command, Flag
from cuddy.engine import signals
from cuddy.engine.home import Home
from cuddy.errors import CuddyError, InvalidArgument, NoSuchContainer, NotFound, SystemFailure
from cuddy.kernel import process
from cuddy.runtime import bundle, create, delete, exec, handshake, kill, start, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args
    from cuddy.runtime.spec import Process

DEFAULT_ROOT = "/run/cuddy-runtime"
USAGE_ERROR = 1
EXEC_ERROR = 255

GLOBAL_FLAGS = (
    Flag("root", "", STRING, "Directory of the containers' state", DEFAULT_ROOT),
    Flag("log", "", STRING, "File to write errors to"),
    Flag("log-format", "", STRING, "Format of the log: text or json", "text"),
    Flag("debug", "", BOOL, "Accepted for other runtimes' callers"),
    Flag("systemd-cgroup", "", BOOL, "Use systemd for cgroups (not available)"),
    Flag("rootless", "", STRING, "Accepted for other runtimes' callers"),
    Flag("criu", "", STRING, "Accepted for other runtimes' callers"),
    Flag("version", "v", BOOL, "Print the version"),
)
CREATE_FLAGS = (
    Flag("bundle", "b", STRING, "The bundle's directory", "."),
    Flag("console-socket", "", STRING, "Socket to which the terminal's master is sent"),
    Flag("pid-file", "", STRING, "File to write init's pid to"),
    Flag("no-pivot", "", BOOL, "Refused: pivot_root is what keeps the host out of reach"),
    Flag("no-new-keyring", "", BOOL, "Accepted: no keyring is made"),
)


def create_container(home: Home, args: Args) -> int:
    """Everything up to the program: it waits for `start`."""
    birth = give_birth(home, args)
    birth.close()
    return 0


def run_container(home: Home, args: Args) -> int:
    """create, start and, unless detached, wait and delete."""
    birth = give_birth(home, args)
    try:
        warn(start.start(home.run_root, birth.id))
        create.await_program(birth)
        if args.detach:
            return 0
        _, status = os.waitpid(birth.pid, 0)
    except BaseException:
        create.abort(birth)
        raise
    warn(delete.delete(home.run_root, birth.id, force=True))
    return process.exit_code(status)


def give_birth(home: Home, args: Args) -> create.Birth:
    """A created container, its pid file written and its terminal handed over."""
    if args.no_pivot:
        raise InvalidArgument("--no-pivot is refused", hint="cuddy always uses pivot_root")
    loaded = bundle.load(args.bundle)
    has_terminal = bool(loaded.config.get("process", {}).get("terminal"))
    if has_terminal != bool(args.console_socket):
        raise InvalidArgument("--console-socket and process.terminal need each other")
    birth = create.begin(loaded, args.names[0], state_root=home.run_root)
    try:
        create.finish(birth)
        warn(birth.warnings)
        if has_terminal:
            send_terminal(args.console_socket, birth.terminal_fd)
        if args.pid_file:
            files.write(args.pid_file, str(birth.pid).encode(), mode=0o644, durable=False)
    except BaseException:
        create.abort(birth)
        raise
    return birth


def send_terminal(path: str, master: int) -> None:
    """Hand the terminal's master to whoever listens at `path` (SCM_RIGHTS)."""
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        socket.connect(path)
        socket.sendmsg([b"/dev/ptmx"], [handshake.rights(master)])
    except OSError as error:
        raise SystemFailure.from_os(f"cannot send the terminal to {path}", error) from error
    finally:
        socket.close()
        os.close(master)


def start_container(home: Home, args: Args) -> int:
    """Let a created container's program begin."""
    warn(start.start(home.run_root, args.names[0]))
    return 0


def show_state(home: Home, args: Args) -> int:
    """The container's state as the specification has it."""
    print_document(home, args.names[0])
    return 0


def print_document(home: Home, container_id: str) -> None:
    """A container's state as one line of JSON."""
    print(files.format_json(state.public(state.read(home.run_root, container_id))))


def kill_container(home: Home, args: Args) -> int:
    """Send a signal to init, or with --all to every process."""
    number = signals.parse(args.names[1] if len(args.names) > 1 else "TERM")
    kill.kill(home.run_root, args.names[0], number, all=args.all)
    return 0


def delete_container(home: Home, args: Args) -> int:
    """Remove what is left of a container."""
    warn(delete.delete(home.run_root, args.names[0], force=args.force))
    return 0


def list_containers(home: Home, args: Args) -> int:
    """Ids of all containers, one a line, or their states as JSON."""
    found = [
        entry
        for entry in sorted(files.list_directory(home.run_root))
        if os.path.exists(os.path.join(home.run_root, entry, "state.json"))
    ]
    for container_id in found:
        if args.quiet:
            print(container_id)
        else:
            print_document(home, container_id)
    return 0


def exec_in_container(home: Home, args: Args) -> int:
    """One more process in a running container; its exit code is ours."""
    document = state.read(home.run_root, args.names[0])
    if document["status"] == "stopped":
        raise InvalidArgument("cannot exec in a stopped container")
    own = bundle.load(document["bundle"])
    spec = read_process(args, own.config["process"])
    joined = exec.join(own, document, spec, None, state_root=home.run_root)
    if args.pid_file:
        files.write(args.pid_file, str(joined.pid).encode(), mode=0o644, durable=False)
    if args.detach:
        return 0
    _, status = os.waitpid(joined.pid, 0)
    return process.exit_code(status)


def read_process(args: Args, spec: Process) -> Process:
    """The process to run: of --process, or the container's own with other words."""
    if args.process:
        return bundle.load_process(args.process)
    if len(args.names) < 2:
        raise InvalidArgument("exec needs a command, or --process")
    changed: Process = {**spec, "args": args.names[1:], "terminal": False}
    if args.cwd:
        changed["cwd"] = args.cwd
    return changed


COMMANDS = {
    "create": Command("Create a container", create_container, "ID", CREATE_FLAGS, 1, 1),
    "run": Command(
        "Create and start a container", run_container, "ID",
        (*CREATE_FLAGS, Flag("detach", "d", BOOL, "Do not wait for it")), 1, 1,
    ),
    "start": Command("Start a created container", start_container, "ID", (), 1, 1),
    "state": Command("Show a container's state", show_state, "ID", (), 1, 1),
    "kill": Command(
        "Send a signal", kill_container, "ID [SIGNAL]",
        (Flag("all", "a", BOOL, "To every process"),), 1, 2,
    ),
    "delete": Command(
        "Delete a stopped container", delete_container, "ID",
        (Flag("force", "f", BOOL, "Kill it if it runs"),), 1, 1,
    ),
    "list": Command(
        "List containers", list_containers, "", (Flag("quiet", "q", BOOL, "Only ids"),), 0, 0
    ),
    "exec": Command(
        "Run a process in a container", exec_in_container, "ID COMMAND [ARG...]",
        (
            Flag("process", "p", STRING, "File with the process as JSON"),
            Flag("cwd", "", STRING, "Working directory"),
            Flag("pid-file", "", STRING, "File to write the pid to"),
            Flag("detach", "d", BOOL, "Do not wait for it"),
        ),
        1, interspersed=False, error_code=EXEC_ERROR,
    ),
}  # fmt: skip


def main(words: list[str]) -> int:
    """One call of the runtime: words without the program's name -> exit status."""
    try:
        asked = flags.parse(GLOBAL_FLAGS, words, "cuddy-runtime", interspersed=False)
    except CuddyError as error:
        log_error("", "text", error)
        return USAGE_ERROR
    if asked.version:
        print(f"cuddy-runtime version {__version__}\nspec: {create.OCI_VERSION}")
        return 0
    if asked.wants_help or not asked.names or asked.names[0] not in COMMANDS:
        sys.stdout.write(overview())
        return 0 if asked.wants_help else USAGE_ERROR
    command = COMMANDS[asked.names[0]]
    try:
        return perform(command, asked)
    except NoSuchContainer:
        log_error(asked.log, asked.log_format, NotFound("container does not exist"))
    except CuddyError as error:
        log_error(asked.log, asked.log_format, error)
    except OSError as error:
        log_error(asked.log, asked.log_format, SystemFailure.from_os("cuddy-runtime", error))
    return command.error_code


def perform(command: Command, asked: Args) -> int:
    """Parse the command's own words and carry it out."""
    if asked.systemd_cgroup:
        raise SystemFailure(
            "systemd cgroup flag passed, but systemd support for managing cgroups is not available"
        )
    args = flags.parse_command(command, asked.names[1:], f"cuddy-runtime {asked.names[0]}")
    if args.wants_help:
        sys.stdout.write(f"Usage: {flags.usage(command, args.command)}\n")
        return 0
    return command.action(Home("", os.path.abspath(asked.root)), args)


def overview() -> str:
    """What `cuddy-runtime --help` prints."""
    lines = [f"  {name:8} {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(["Usage: cuddy-runtime [OPTIONS] COMMAND", "", *lines, ""])


def log_error(path: str, log_format: str, error: CuddyError) -> None:
    """One line where the caller looks for it, and one on standard error."""
    message, when = str(error), files.now()
    plain = log_line("error", message, when)
    if path:
        document = {"level": "error", "msg": message, "time": when}
        line = files.format_json(document) + "\n" if log_format == "json" else plain
        mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(path, mode, 0o600)
        files.write_all(fd, line.encode())
        os.close(fd)
    sys.stderr.write(plain)


def warn(messages: list[str]) -> None:
    """What is not as asked for, but keeps nothing from its work."""
    for message in messages:
        sys.stderr.write(log_line("warning", message, files.now()))


def log_line(level: str, message: str, when: str) -> str:
    """A line of logfmt."""
    return f'time="{when}" level={level} msg={files.quote(message)}\n'
