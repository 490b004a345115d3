"""What `create` and `run` have in common: a container made of a bundle, ready to be started."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.cli.flags import BOOL, INT, STRING, Flag
from cuddy.cli.runtime import descriptors
from cuddy.errors import InvalidArgument
from cuddy.kernel import namespaces
from cuddy.runtime import bundle, create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args
    from cuddy.cli.runtime.verb import Call
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.exec import Joined

FLAGS = (
    Flag("bundle", "b", STRING, "The bundle's directory", "."),
    Flag("config", "f", STRING, "The configuration, if not the bundle's config.json"),
    Flag("console-socket", "", STRING, "Socket to which the terminal's master is sent"),
    Flag("pidfd-socket", "", STRING, "Socket to which a descriptor of init is sent"),
    Flag("pid-file", "", STRING, "File to write init's pid to"),
    Flag("no-pivot", "", BOOL, "Do not use pivot_root: for a root on a ramdisk"),
    Flag("no-new-keyring", "", BOOL, "Keep the caller's session keyring"),
    Flag("preserve-fds", "", INT, "Descriptors beyond the streams to hand on", 0),
)


def give_birth(call: Call, *, detached: bool) -> create.Birth:
    """A created container, its pid file written and its terminal handed over or in the birth."""
    args = call.args
    loaded = bundle.load(args.bundle, args.config)
    listening = 0
    if "LISTEN_FDS" in os.environ or "NOTIFY_SOCKET" in os.environ:
        from cuddy.cli.runtime import activation  # here: only systemd asks for it

        listening = activation.prepare(call, loaded)
    handed_on = listening + args.preserve_fds
    descriptors.check(listening, args.preserve_fds)
    check_terminal(has_terminal(loaded), bool(args.console_socket), detached=detached)
    if has_terminal(loaded) and not detached:
        from cuddy.cli.runtime import foreground  # here: a detached one has none

        foreground.fit(loaded.config["process"])
    console = descriptors.Receiver(args.console_socket, "terminal")
    watcher = descriptors.Receiver(args.pidfd_socket, "pidfd")
    descriptors.close_inherited(handed_on)
    if call.asked.debug:
        tell_filter(call, loaded)
    birth = create.begin(loaded, call.id, state_root=call.root, options=choose(call, handed_on))
    try:
        create.finish(birth)
        call.log.warn(birth.warnings)
        call.log.debug(f"init of {birth.id} waits in process {birth.pid}: {birth.cgroup.paths}")
        tell(call, birth, console, watcher)
    except BaseException:
        create.abort(birth)
        raise
    return birth


def tell_filter(call: Call, loaded: Bundle) -> None:
    """With --debug: what the seccomp filter is loaded with, in runc's words."""
    from cuddy.runtime import profile

    if section := loaded.config["linux"].get("seccomp"):
        call.log.write("debug", f"seccomp filter flags: {profile.flags(section)}")


def choose(call: Call, handed_on: int) -> create.Options:
    """How the flags want it made."""
    return create.Options(
        preserve_fds=handed_on,
        new_keyring=not call.args.no_new_keyring,
        pivot=not call.args.no_pivot,
        keep_config=True,
        ends_by_signals=True,
        cgroups=cgroup_maker(call.asked),
        bus=bus_address() if cgroup_maker(call.asked) == "systemd" else "",
    )


def cgroup_maker(asked: Args) -> str:
    """Who is to make the control group."""
    return "systemd" if asked.systemd_cgroup else asked.cgroup_manager or "cgroupfs"


def bus_address() -> str:
    """Where the message bus is on which our systemd is, if the environment says so."""
    if namespaces.is_machines_root():
        return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "")
    directory = os.environ.get("XDG_RUNTIME_DIR")
    usual = f"unix:path={directory}/bus" if directory else ""
    return os.environ.get("DBUS_SESSION_BUS_ADDRESS", usual)


def has_terminal(loaded: Bundle) -> bool:
    """Whether the container's program gets a terminal."""
    return bool(loaded.config.get("process", {}).get("terminal"))


def check_terminal(wanted: bool, socket: bool, *, detached: bool) -> None:
    """Somebody must hold the terminal's other end. Raises InvalidArgument, in runc's words."""
    if wanted and detached and not socket:
        raise InvalidArgument(
            "cannot allocate tty if runc will detach without setting console socket"
        )
    if socket and not (wanted and detached):
        raise InvalidArgument("cannot use console socket if runc will not detach or allocate tty")


def tell(
    call: Call,
    made: create.Birth | Joined,
    console: descriptors.Receiver,
    watcher: descriptors.Receiver,
) -> None:
    """Who waits for the terminal, the pidfd and the pid gets them. Raises SystemFailure."""
    if console:
        console.send(made.terminal_fd, "/dev/ptmx")
        os.close(made.terminal_fd)
        made.terminal_fd = -1
    if watcher:
        watcher.send(made.pidfd, call.id)
    if call.args.pid_file:
        write_pid(call.args.pid_file, made.pid)


def write_pid(path: str, pid: int) -> None:
    """Whole or not at all: somebody may be waiting for the file."""
    files.write(path, str(pid).encode(), mode=0o644, durable=False)
