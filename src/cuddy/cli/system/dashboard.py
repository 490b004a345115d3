"""`cuddy dashboard`: one page in a browser on this machine, for as long as this command runs."""

from __future__ import annotations

import os
import sys

from cuddy import files
from cuddy.cli.flags import BOOL, INT, Args, Command, Flag
from cuddy.engine.home import Home, open_home
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.sockets import Listener

TOKEN_BYTES = 32
PREFIX = "dashboard."
"""Of the directories in the run root that lead a browser here, whose names say whose they are."""
OPENER = "xdg-open"
SCREENS = ("WAYLAND_DISPLAY", "DISPLAY")
LEADING = """\
<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={url}">
<title>cuddy</title>
<a href="{url}">Open the dashboard</a>
"""


def dashboard(home: Home, args: Args) -> int:
    if not 0 <= args.port <= 65535:
        hint = "1 to 65535, or 0 for any that is free"
        raise InvalidArgument(f"there is no port {args.port}", hint=hint)
    # Imported here: the help of this command needs none of it.
    import secrets

    from cuddy.api import sockets
    from cuddy.api.dashboard import endpoints
    from cuddy.api.dashboard.door import Door
    from cuddy.engine import explain_facts

    home = Home(os.path.abspath(home.root), os.path.abspath(home.run_root))
    # Before an ordinary user's command becomes root elsewhere.
    outside = explain_facts.own_namespaces()
    token, sock = secrets.token_urlsafe(TOKEN_BYTES), sockets.bind_loopback(args.port)
    port = sock.getsockname()[1]
    listener = sockets.Listener(sock, door=Door(token, port, endpoints.table(outside)))
    url = f"{listener.url}/#{token}"
    sys.stdout.write(f"cuddy's dashboard is at {url}\nCtrl-C ends it.\n")
    sys.stdout.flush()
    sweep(home.run_root)
    leading = "" if args.no_open else open_browser(home, url)
    try:
        _serve(home, listener)
    finally:
        listener.close()
        if leading:
            files.remove_tree(leading)
    return 0


def _serve(home: Home, listener: Listener) -> None:
    from cuddy.api import preload, server

    if os.geteuid():
        from cuddy.engine import rootless

        rootless.become_root(home.run_root)
    own = open_home(*home)
    serving = server.Server(own, [listener], idle_timeout_s=0)
    try:
        preload.preload(own)
        serving.serve()
    finally:
        serving.close()


def sweep(run_root: str) -> None:
    """Directories go whose dashboards were killed."""
    for name in files.list_directory(run_root):
        if name.startswith(PREFIX) and files.is_abandoned(name):
            files.remove_tree(f"{run_root}/{name}")


def open_browser(home: Home, url: str) -> str:
    """Have the user's browser open it, if there is one; the directory to remove afterwards, or "".

    Everybody on this machine may read the arguments of a program: they name a file that only its
    owner may read. Root's browser would be one that runs as root, which nobody should have.
    """
    import shutil

    program = shutil.which(OPENER)
    if not os.geteuid() or not program or not any(map(os.environ.get, SCREENS)):
        return ""
    files.make_directory(home.run_root)
    directory = f"{home.run_root}/{PREFIX}{files.name_temporary()}"
    os.mkdir(directory, 0o700)
    path = f"{directory}/index.html"
    files.write(path, LEADING.format(url=url).encode(), durable=False)
    _start(program, f"file://{path}")
    return directory


def _start(program: str, target: str) -> None:
    """Run a program that is nobody's child, and that no key of this terminal reaches."""
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            os.execv(program, [program, target])
    finally:
        os._exit(0)


COMMAND = Command(
    summary="Watch and use containers in a browser on this machine",
    flags=(
        Flag("no-open", "", BOOL, "Only print the address, open no browser"),
        Flag("port", "", INT, "Port to listen on (0: any that is free)", 0),
    ),
    most=0,
    action=dashboard,
    opens_home=False,
)
