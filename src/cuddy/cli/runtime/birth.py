"""What `create` and `run` have in common: a container made of a bundle, ready to be started."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.cli.flags import BOOL, INT, STRING, Flag
from cuddy.cli.runtime import descriptors
from cuddy.errors import InvalidArgument
from cuddy.runtime import bundle, create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args
    from cuddy.cli.runtime.verb import Call
    from cuddy.runtime.bundle import Bundle

FLAGS = (
    Flag("bundle", "b", STRING, "The bundle's directory", "."),
    Flag("config", "f", STRING, "The configuration, if not the bundle's config.json"),
    Flag("console-socket", "", STRING, "Socket to which the terminal's master is sent"),
    Flag("pidfd-socket", "", STRING, "Socket to which a descriptor of init is sent"),
    Flag("pid-file", "", STRING, "File to write init's pid to"),
    Flag("no-pivot", "", BOOL, "Do not use pivot_root: refused"),
    Flag("no-new-keyring", "", BOOL, "Keep the caller's session keyring"),
    Flag("preserve-fds", "", INT, "Descriptors beyond the streams to hand on", 0),
)


def give_birth(call: Call) -> create.Birth:
    """A created container, its pid file written and its terminal handed over."""
    args = call.args
    if args.no_pivot:
        raise InvalidArgument("--no-pivot is refused", hint="cuddy always uses pivot_root")
    loaded = load(call)
    console = descriptors.Receiver(args.console_socket, "terminal")
    has_terminal = bool(loaded.config.get("process", {}).get("terminal"))
    if has_terminal and not console:
        raise InvalidArgument(
            "cannot allocate tty if runc will detach without setting console socket",
            hint="--console-socket",
        )
    if console and not has_terminal:
        raise InvalidArgument("cannot use console socket if runc will not detach or allocate tty")
    descriptors.keep(args.preserve_fds)
    options = create.Options(cgroups=cgroup_maker(call.asked), bus=bus_address())
    birth = create.begin(loaded, call.id, state_root=call.root, options=options)
    try:
        create.finish(birth)
        call.log.warn(birth.warnings)
        if console:
            console.send(birth.terminal_fd, "/dev/ptmx")
            os.close(birth.terminal_fd)
        if args.pid_file:
            write_pid(args.pid_file, birth.pid)
    except BaseException:
        create.abort(birth)
        raise
    return birth


def cgroup_maker(asked: Args) -> str:
    """Who is to make the control group."""
    return "systemd" if asked.systemd_cgroup else asked.cgroup_manager or "cgroupfs"


def bus_address() -> str:
    """Where the message bus is on which systemd is, if the environment says so."""
    kind = "SESSION" if os.geteuid() else "SYSTEM"
    return os.environ.get(f"DBUS_{kind}_BUS_ADDRESS", "")


def load(call: Call) -> Bundle:
    """The bundle that the flags name. Raises InvalidArgument."""
    return bundle.load(call.args.bundle)


def write_pid(path: str, pid: int) -> None:
    """Whole or not at all: somebody may be waiting for the file."""
    files.write(path, str(pid).encode(), mode=0o644, durable=False)
