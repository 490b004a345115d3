"""`cuddy system serve`: speak the Docker Engine API, for the tools that use it."""

from __future__ import annotations

import os
import sys

from cuddy.cli import boundary
from cuddy.cli.flags import INT, STRING, Args, Command, Flag
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.sockets import Listener
    from cuddy.engine.home import Home

SOCKET = "cuddy.sock"
GROUP = "cuddy"


def serve(home: Home, args: Args) -> int:
    # Imported here: the help of this command needs none of it.
    from cuddy.api import preload, server, sockets

    if args.idle_timeout < 0:
        raise InvalidArgument("--idle-timeout cannot be negative")
    listeners = sockets.inherited(os.environ) or [_listen(home, args)]
    preload.preload()
    serving = server.Server(home, listeners, idle_timeout_s=args.idle_timeout)
    try:
        for listener in listeners:
            where = listener.path or listener.socket.getsockname()
            sys.stderr.write(f"cuddy serves the Docker API at unix://{where}\n")
        serving.serve()
    finally:
        serving.close()
    return 0


def _listen(home: Home, args: Args) -> Listener:
    from cuddy.api import sockets

    path = args.unix.removeprefix("unix://") or f"{home.run_root}/{SOCKET}"
    gid = _group(args)
    if gid is not None and os.path.dirname(os.path.abspath(path)) == home.run_root:
        os.chmod(home.run_root, 0o711)  # the group must come through to it; nobody may look around
    return sockets.listen(path, gid=gid)


def _group(args: Args) -> int | None:
    """The group that may connect; None: only the engine's own user. Raises InvalidArgument."""
    from cuddy.kernel import namespaces

    if not namespaces.is_initial("user"):
        return None
    import grp

    name = args.group or GROUP
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if args.group:
            raise InvalidArgument(f"there is no group {name!r}", hint=f"groupadd {name}") from None
    boundary.warn([f"only root may connect, as there is no group {name}: groupadd --system {name}"])
    return None


COMMAND = Command(
    summary="Serve the Docker API, so that tools made for docker work with cuddy",
    flags=(
        Flag("group", "", STRING, f'Group that may connect (default "{GROUP}", if it is there)'),
        Flag("idle-timeout", "", INT, "Seconds without a client after which to end (0: never)", 0),
        Flag("unix", "", STRING, "Socket to listen at (default: cuddy.sock in the run root)"),
    ),
    most=0,
    action=serve,
)
