"""`cuddy attach`: the user's terminal on a running container."""

from __future__ import annotations

from cuddy.cli import foreground, terminal
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import attach, containers, detach_keys
from cuddy.errors import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def attach_(home: Home, args: Args) -> int:
    keys = detach_keys.parse_keys(args.detach_keys)
    container = containers.find(home, args.names[0])
    if not container["State"]["Running"]:
        raise NotRunning(args.names[0])
    stdin = container["Config"]["OpenStdin"] and not args.no_stdin
    attachment = attach.attach(home, container["Id"], stdin=stdin, stdout=True, stderr=True)
    if attachment.tty and (window := terminal.size()):
        # A size that is not the old one makes full-screen programs draw themselves anew.
        rows, columns = window
        attachment.resize(rows + 1, columns + 1)
        attachment.resize(rows, columns)
    ended = foreground.accompany(
        home, container["Id"], attachment, stdin=stdin, keys=keys, proxy=args.sig_proxy
    )
    return foreground.exit_code(home, container["Id"], attachment) if ended else 0


COMMAND = Command(
    summary="Attach local standard input, output, and error streams to a running container",
    arguments="CONTAINER",
    flags=(
        Flag("detach-keys", "", STRING, "Override the key sequence for detaching a container"),
        Flag("no-stdin", "", BOOL, "Do not attach STDIN"),
        Flag("sig-proxy", "", BOOL, "Proxy all received signals to the process", True),
    ),
    least=1,
    most=1,
    action=attach_,
)
