"""Runtimes that are programs of others: where they are, and what they need to be told.

A name is one of those below, found in the PATH; or an absolute path. Kernel isolation by gVisor is
`--runtime runsc`.
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.runtime import other
from cuddy.runtime.bundle import INIT_ANNOTATION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.runtimes import Stdio
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.create import Birth
    from cuddy.runtime.spec import Config, State

KNOWN = ("runc", "crun", "runsc", "youki", "kata-runtime", "krun")
OCI_VERSION = "1.0.2"
"""What our configs need; some refuse what is newer than they are."""
INIT_PROGRAMS = ("docker-init", "catatonit", "tini")
"""What others have for `--init`; our own has no file. Each takes `--` and a command."""
INIT_TARGET = "/dev/init"
LIBRARIES = "/usr/libexec/podman"  # where catatonit is
OLD_GVISOR = "cannot run with network enabled in root network namespace"
NEW_GVISOR = (
    "runsc of before 2024 takes every network for the host's on kernels from 6.9 on: "
    "install a newer one, or run with --network none"
)
NO_STACK = "runsc"
"""gVisor has a network stack of its own, which it cannot set up where there is no network."""


class Other:
    """One of them; see `runtimes.Runtime`."""

    def __init__(self, command: list[str]) -> None:
        self.command = command

    def fit(self, config: Config) -> None:
        config["ociVersion"] = OCI_VERSION
        if config["annotations"].pop(INIT_ANNOTATION, ""):
            give_init(config)

    def begin(self, bundle: Bundle, container_id: str, state_root: str, stdio: Stdio) -> Birth:
        return other.begin(self.command, bundle, container_id, state_root=state_root, stdio=stdio)

    def finish(self, birth: Birth) -> None:
        """It is ready when `create` has ended."""

    def start(self, birth: Birth) -> None:
        try:
            other.start(self.command, birth)
        except SystemFailure as error:
            if OLD_GVISOR not in error.message:
                raise
            raise SystemFailure(error.message, hint=NEW_GVISOR) from None

    def abort(self, birth: Birth) -> None:
        other.abort(self.command, birth)


def find(name: str) -> str:
    """The program of a runtime's name, or of its path. Raises InvalidArgument."""
    if name.startswith("/"):
        if os.path.isfile(name) and os.access(name, os.X_OK):
            return name
        raise InvalidArgument(f"no runtime at {name}", hint="the path of an executable file")
    if name not in KNOWN:
        hint = f"cuddy, {', '.join(KNOWN)}, or an absolute path"
        raise InvalidArgument(f"unknown or invalid runtime name: {name}", hint=hint)
    if path := search(name):
        return path
    raise InvalidArgument(f"the runtime {name} is not installed", hint=f"install {name}")


def search(name: str) -> str:
    """The path of a program of the host's, or ""."""
    for directory in (*other.SEARCHED.split(":"), LIBRARIES):
        path = f"{directory}/{name}"
        if os.access(path, os.X_OK):
            return path
    return ""


def command(name: str, record: Container) -> list[str]:
    """How a runtime is called for a container. Raises InvalidArgument."""
    program = find(name)
    if os.path.basename(program) == NO_STACK and record["HostConfig"]["NetworkMode"] == "none":
        return [program, "--network=none"]
    return [program]


def installed() -> dict[str, dict[str, str]]:
    """Those that are there, as `info` shows them."""
    found = {name: search(name) for name in KNOWN}
    return {name: {"path": path} for name, path in found.items() if path}


def give_init(config: Config) -> None:
    """A small first process as a file, since ours has none. Raises InvalidArgument."""
    path = next(filter(None, map(search, INIT_PROGRAMS)), "")
    if not path:
        hint = f"install one of {', '.join(INIT_PROGRAMS)}, or use cuddy's own runtime"
        raise InvalidArgument("--init with another runtime needs a program for it", hint=hint)
    config["mounts"].append(
        {"destination": INIT_TARGET, "type": "bind", "source": path, "options": ["bind", "ro"]}
    )
    config["process"]["args"][:0] = [INIT_TARGET, "--"]


def forget(document: State, run_dir: str) -> None:
    """Let the runtime of a container that has ended give back what it holds."""
    other.forget(document["runtime"], document["id"], run_dir, document["attendants"])
