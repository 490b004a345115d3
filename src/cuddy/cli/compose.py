"""`cuddy compose`: the compose tool that is installed, with cuddy as its engine.

Compose tools speak Docker's API. A server of our own answers this one on a private socket, for as
long as it runs: it takes the place of this process, with its streams, its terminal, its signals and
its exit status, and the server is its child, which ends when it ends, however that comes about.
"""

from __future__ import annotations

import _signal
import os

from cuddy import files
from cuddy.cli import boundary
from cuddy.cli.flags import Args, Command
from cuddy.engine import rootless
from cuddy.engine.home import Home, open_home
from cuddy.errors import NotFound, SystemFailure
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.api.sockets import Listener

NAME = "docker-compose"
PLUGINS = (
    "/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins",
)  # fmt: skip
HINT = "install docker-compose-v2 or docker-compose with the system's package manager"
OTHER_ENGINES = (
    "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION",
)  # fmt: skip
"""Variables that lead elsewhere, or say how it is spoken to there."""
BUILDS = {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0", "COMPOSE_BAKE": "false"}
"""Builds go through the engine's API, not to a BuildKit of their own."""
PR_SET_PDEATHSIG = 1
PREFIX = "compose."
"""Of the sockets in the run root, whose names say whose they are."""
TITLE = "cuddy: API for compose"


def compose(home: Home, args: Args) -> int:
    """Become the tool, having left a server behind as a child. Raises CuddyError."""
    from cuddy.api import sockets

    tool = find_tool(os.environ)
    home = Home(os.path.abspath(home.root), os.path.abspath(home.run_root))
    files.make_directory(home.run_root)
    sweep(home.run_root)
    path = f"{home.run_root}/{PREFIX}{files.name_temporary()}"
    # Whoever connects waits from now on: the tool need not wait for the server to start.
    listener = sockets.listen(path, gid=None)
    server = _start(home, listener)
    try:
        os.execve(tool, [NAME, *args.names], environment(os.environ, path))
    except OSError as error:
        os.kill(server, _signal.SIGTERM)
        os.waitpid(server, 0)
        raise SystemFailure.from_os(f"cannot run {tool}", error) from error


def find_tool(environ: Mapping[str, str]) -> str:
    """The path of the compose tool: docker's plugin, which also runs alone, before a program on
    the PATH. Raises NotFound.
    """
    docker = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME', '')}/.docker"
    plugins = (f"{docker}/cli-plugins", *PLUGINS)
    programs = [place for place in environ.get("PATH", os.defpath).split(":") if place]
    for place in (*plugins, *programs):
        path = os.path.abspath(f"{place}/{NAME}")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise NotFound("no compose tool is installed", hint=HINT)


def environment(environ: Mapping[str, str], path: str) -> dict[str, str]:
    """What the tool sees: our socket, and no way to another engine."""
    kept = {name: value for name, value in environ.items() if name not in OTHER_ENGINES}
    return kept | BUILDS | {"DOCKER_HOST": f"unix://{path}"}


def sweep(run_root: str) -> None:
    """Sockets go whose servers were killed."""
    for name in files.list_directory(run_root):
        if name.startswith(PREFIX) and files.is_abandoned(name):
            try:
                os.unlink(f"{run_root}/{name}")
            except FileNotFoundError:
                pass


def _start(home: Home, listener: Listener) -> int:
    """The server, as a child in a session of its own: no key of the terminal reaches it."""
    parent = os.getpid()
    if pid := os.fork():
        return pid
    code = boundary.INTERRUPTED
    try:
        os.setsid()
        code = boundary.attempt(lambda: _serve(home, listener, parent))
    finally:
        os._exit(code)


def _serve(home: Home, listener: Listener, parent: int) -> None:
    from cuddy.api import preload, server

    try:
        _leave_terminal()
        if os.geteuid():
            rootless.become_root(home.run_root)
        # Not before: new powers take it back (prctl(2)).
        process.prctl(PR_SET_PDEATHSIG, _signal.SIGTERM)
        if os.getppid() != parent:
            return
        own = open_home(*home)
        preload.preload(own)
        serving = server.Server(own, [listener], idle_timeout_s=0)
        try:
            serving.serve()
        finally:
            serving.close()
    finally:
        listener.close()


def _leave_terminal() -> None:
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.chdir("/")
    process.set_title(TITLE)


COMMAND = Command(
    summary="Run applications of several containers, with the compose tool",
    arguments="[ARG...]",
    action=compose,
    opens_home=False,
    passes_on=True,
)
