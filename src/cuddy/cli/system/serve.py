"""`cuddy system serve`: speak the Docker Engine API, for the tools that use it.

`--unit` prints systemd units by which it comes when somebody connects, and goes when nobody does.
"""

from __future__ import annotations

import os
import sys

from cuddy.cli import boundary, units
from cuddy.cli.flags import BOOL, INT, STRING, Args, Command, Flag
from cuddy.errors import InvalidArgument, WrongArguments
from cuddy.kernel import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.sockets import Listener
    from cuddy.engine.home import Home

SOCKET = "cuddy.sock"
GROUP = "cuddy"
IDLE_S = 300
SOCKET_UNIT = """\
# Written by 'cuddy system serve --unit socket'. Install it with:
{prepare}#   cuddy system serve --unit socket > {place}/cuddy-api.socket
#   cuddy system serve --unit service > {place}/cuddy-api.service
#   {systemctl} daemon-reload && {systemctl} enable --now cuddy-api.socket
[Unit]
Description=Docker API of cuddy

[Socket]
ListenStream={path}
SocketMode={mode}
{group}RemoveOnStop=yes
# Others may go through to the socket, and look at nothing beside it.
DirectoryMode=0711

[Install]
WantedBy=sockets.target
"""
PROGRAM_UNIT = """\
# Written by 'cuddy system serve --unit service': see cuddy-api.socket.
[Unit]
Description=Docker API of cuddy, while somebody uses it
Requires=cuddy-api.socket
After=cuddy-api.socket

[Service]
ExecStart={program} system serve --idle-timeout {idle}
# The processes that watch over containers end with their containers, not with this one.
KillMode=process
OOMPolicy=continue
"""


def serve(home: Home, args: Args) -> int:
    if args.unit:
        sys.stdout.write(_unit(home, args))
        return 0
    if args.idle_timeout < 0:
        raise InvalidArgument("--idle-timeout cannot be negative")
    # Imported here: the help of this command needs none of it.
    from cuddy.api import preload, server

    serving = server.Server(home, _listeners(home, args), idle_timeout_s=args.idle_timeout)
    try:
        preload.preload(home)
        for listener in serving.listeners:
            sys.stderr.write(f"cuddy serves the Docker API at {listener.url}\n")
        serving.serve()
    finally:
        serving.close()
    return 0


def _listeners(home: Home, args: Args) -> list[Listener]:
    """What systemd has opened, or what the flags say; without any the usual socket."""
    from cuddy.api import sockets

    found = sockets.inherited(os.environ)
    if args.tcp:
        found.append(_listen_tcp(args))
    if args.unix or not found:
        found.append(_listen_unix(home, args))
    return found


def _listen_unix(home: Home, args: Args) -> Listener:
    from cuddy.api import sockets

    path = os.path.abspath(args.unix.removeprefix("unix://") or f"{home.run_root}/{SOCKET}")
    gid = _group(args)
    if gid is not None and os.path.dirname(path) == home.run_root:
        os.chmod(home.run_root, 0o711)  # the group must come through to it; nobody may look around
    listener = sockets.listen(path, gid=gid)
    if gid is None and namespaces.is_initial("user"):
        how = f"groupadd --system {GROUP}"
        boundary.warn([f"only root may connect, as there is no group {GROUP}: {how}"])
    return listener


def _group(args: Args) -> int | None:
    """The group that may connect; None: only the engine's own user. Raises InvalidArgument."""
    if not namespaces.is_initial("user"):
        return None
    import grp

    name = args.group or GROUP
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if args.group:
            raise InvalidArgument(f"there is no group {name!r}", hint=f"groupadd {name}") from None
    return None


def _listen_tcp(args: Args) -> Listener:
    """A port, for clients that show a certificate. Raises WrongArguments, InvalidArgument."""
    from cuddy.api import sockets, tls

    if not (args.tlsverify and args.tlscacert and args.tlscert and args.tlskey):
        raise WrongArguments(
            "TCP is served only with TLS and certificates of clients, also on this machine: "
            "without them every program and every web page here could become root",
            hint="--tlsverify --tlscacert ca.pem --tlscert cert.pem --tlskey key.pem",
        )
    return sockets.listen_tcp(args.tcp, tls.make_context(args.tlscacert, args.tlscert, args.tlskey))


def _unit(home: Home, args: Args) -> str:
    """A unit, for systemd itself or for a user's. Raises InvalidArgument."""
    is_users = not namespaces.is_initial("user")
    values = {
        "place": "~/.config/systemd/user" if is_users else "/etc/systemd/system",
        "systemctl": "systemctl --user" if is_users else "systemctl",
        "path": f"{'%t/cuddy' if is_users else home.run_root}/{SOCKET}",
        "mode": "0600" if is_users else "0660",
        "group": "" if is_users else f"SocketGroup={args.group or GROUP}\n",
        "program": units.program(home),
        "prepare": "" if is_users else f"#   groupadd --system {args.group or GROUP}\n",
        "idle": args.idle_timeout or IDLE_S,
    }
    if args.unit not in ("socket", "service"):
        raise InvalidArgument(f"there is no unit {args.unit!r}", hint="socket or service")
    return (SOCKET_UNIT if args.unit == "socket" else PROGRAM_UNIT).format(**values)


COMMAND = Command(
    summary="Serve the Docker API, so that tools made for docker work with cuddy",
    flags=(
        Flag("group", "", STRING, f'Group that may connect (default "{GROUP}", if it is there)'),
        Flag("idle-timeout", "", INT, "Seconds without a client after which to end (0: never)", 0),
        Flag("tcp", "", STRING, "Serve on a port too: HOST:PORT, with the four flags of TLS"),
        Flag("tlscacert", "", STRING, "Whose certificates clients must have"),
        Flag("tlscert", "", STRING, "The certificate of this server"),
        Flag("tlskey", "", STRING, "The key of its certificate"),
        Flag("tlsverify", "", BOOL, "Serve only clients with certificates"),
        Flag("unit", "", STRING, "Print a systemd unit that has it started: socket or service"),
        Flag("unix", "", STRING, "Socket to listen at (default: cuddy.sock in the run root)"),
    ),
    most=0,
    action=serve,
)
