"""exec: one more process in a running container; its exit code is ours."""

from __future__ import annotations

from cuddy.cli.flags import BOOL, INT, LIST, STRING, Flag
from cuddy.cli.runtime import descriptors, exec_process
from cuddy.cli.runtime.birth import check_terminal, tell
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import InvalidArgument
from cuddy.runtime import bundle, state
from cuddy.runtime import exec as entering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import State

ERROR = 255
FLAGS = (
    *exec_process.FLAGS,
    Flag("console-socket", "", STRING, "Socket to which the terminal's master is sent"),
    Flag("pidfd-socket", "", STRING, "Socket to which a descriptor of the process is sent"),
    Flag("pid-file", "", STRING, "File to write the pid to"),
    Flag("detach", "d", BOOL, "Do not wait for it"),
    Flag("preserve-fds", "", INT, "Descriptors beyond the streams to hand on", 0),
    Flag("cgroup", "", LIST, "Cgroup below the container's to run in: [controller:]path"),
    Flag("ignore-paused", "", BOOL, "Go on in a paused container, too"),
    Flag("no-subreaper", "", BOOL, "Accepted: it is never one"),
)


def execute(call: Call) -> int:
    if call.args.detach:
        enter(call)
        return 0
    from cuddy.cli.runtime import foreground  # here: a detached one has none

    with foreground.listen() as signals:
        joined = enter(call)
        if joined.terminal_fd >= 0:
            foreground.plain_lines(joined.terminal_fd)
        return foreground.accompany(joined.pid, joined.pidfd, joined.terminal_fd, signals)


def enter(call: Call) -> entering.Joined:
    """The process in the container, running; whoever waits for it has heard of it."""
    args = call.args
    document = state.current(call.root, call.id)
    check_state(document, ignore_paused=args.ignore_paused)
    own = bundle.Bundle(document["bundle"], state.read_config(call.root, call.id))
    spec = exec_process.choose(args, own.config["process"])
    group = None
    if args.cgroup:
        from cuddy.cli.runtime import subgroups

        group = subgroups.find(args.cgroup, document["cgroupPaths"])
    descriptors.check(0, args.preserve_fds)
    check_terminal(bool(spec.get("terminal")), bool(args.console_socket), detached=args.detach)
    if spec.get("terminal") and not args.detach:
        from cuddy.cli.runtime import foreground  # here: a detached one has none

        foreground.fit(spec)
    console = descriptors.Receiver(args.console_socket, "terminal")
    watcher = descriptors.Receiver(args.pidfd_socket, "pidfd")
    descriptors.close_inherited(args.preserve_fds)
    joined = entering.enter(
        own, document, spec, None,
        state_root=call.root, group=group, preserve_fds=args.preserve_fds,
    )  # fmt: skip
    entering.finish(joined)
    call.log.warn(joined.warnings)
    call.log.debug(f"the program runs in process {joined.pid}")
    try:
        tell(call, joined, console, watcher)
    except BaseException:
        entering.abandon(joined)
        raise
    return joined


def check_state(document: State, *, ignore_paused: bool) -> None:
    """Raises InvalidArgument, in runc's words."""
    if document["status"] == "stopped":
        raise InvalidArgument("cannot exec in a stopped container")
    if document["status"] == "paused" and not ignore_paused:
        raise InvalidArgument("cannot exec in a paused container (use --ignore-paused to override)")


VERB = Verb(
    "Run one more process in a container", execute, "<container-id> <command> [args...]",
    FLAGS, 1, interspersed=False, error_code=ERROR, failure="exec failed: ",
)  # fmt: skip
