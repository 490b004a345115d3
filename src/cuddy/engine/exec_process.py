"""The process of an exec, as config.json describes one: the container's own with the options over
it. Its user is looked up in the files that the container has now.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import containers, events, process, users
from cuddy.errors import (
    CommandNotExecutable,
    Conflict,
    CorruptContent,
    InvalidArgument,
    NoSuchContainer,
    NotRunning,
)
from cuddy.kernel import capabilities
from cuddy.runtime import bundle, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ExecOptions
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.spec import Process, State

MAX_WORDS = 4096
"""Characters of a command that are told as an event: an image's health check may be megabytes."""


def find_running(home: Home, container_id: str, name: str) -> Container:
    """The container, if a command can be run in it. `name`: what the user calls it.

    Raises NoSuchContainer, NotRunning, Conflict.
    """
    record = containers.read(home, container_id)
    state = record["State"]
    if state["Restarting"]:
        raise Conflict(f"Container {name} is restarting, wait until the container is running")
    if not state["Running"]:
        raise NotRunning(name)
    if state["Paused"]:
        raise Conflict(
            f"Container {name} is paused, unpause the container before exec",
            hint=f"'cuddy unpause {name}' does",
        )
    return record


def note_creation(home: Home, container: Container, exec_id: str, options: ExecOptions) -> None:
    """Tell that there is an exec to be started."""
    note(home, container, f"exec_create: {words(options)}", exec_id)


def note(home: Home, container: Container, action: str, exec_id: str, **attributes: str) -> None:
    """Tell what happens to an exec."""
    events.emit_container(home, action, container, {"execID": exec_id, **attributes})


def words(options: ExecOptions) -> str:
    """The command, as events have it."""
    program, *arguments = options.command
    return f"{program} {' '.join(arguments)}"[:MAX_WORDS]


def prepare(
    home: Home, record: Container, options: ExecOptions, size: tuple[int, int] | None = None
) -> tuple[State, Bundle, Process]:
    """The running container's state, what it was started with, and the process to run in it.

    `size`: rows and columns of the user's window. Raises NotRunning, CorruptContent,
    CommandNotExecutable.
    """
    try:
        document = state.read(home.run_root, record["Id"])
        own = bundle.reload(home.container_dir(record["Id"]))
    except NoSuchContainer:
        raise NotRunning(record["Id"][:12]) from None
    except ValueError as error:
        raise CorruptContent(f"container {record['Id'][:12]}: {error}") from None
    entrant = build_process(record, own, document, options)
    if size and options.tty:
        entrant["consoleSize"] = {"height": size[0], "width": size[1]}
    return document, own, entrant


def build_process(record: Container, own: Bundle, document: State, options: ExecOptions) -> Process:
    """The process to run: the container's own, with the options over it."""
    entrant: Process = dict(own.config["process"])  # type: ignore[assignment]
    entrant.pop("consoleSize", None)
    identity = identify(record, document, options)
    host_config = record["HostConfig"]
    if options.privileged:
        if host_config.get("Egress"):
            from cuddy.engine import egress_powers

            egress_powers.check_exec(record)
        host_config = host_config | {"Privileged": True}
    powers = process.granted(host_config, capabilities.own())
    entrant |= {
        "terminal": options.tty,
        "args": list(options.command),
        "cwd": options.workdir or record["Config"]["WorkingDir"] or "/",
        "env": process.with_home(environment(record, own, options), identity.home),
        "user": {
            "uid": identity.uid,
            "gid": identity.gid,
            # The primary group as well, or what is denied to it is not (CVE-2022-2989).
            "additionalGids": sorted({identity.gid, *identity.groups}),
        },
        "capabilities": process.capability_sets(powers, identity.uid),
    }
    return entrant


def environment(record: Container, own: Bundle, options: ExecOptions) -> list[str]:
    """The container's variables, those of its links among them, and the user's over them; a
    terminal's type under both. The home directory is another user's, if nobody named it.
    """
    named = record["Config"]["Env"]
    started_with = [
        entry
        for entry in own.config["process"].get("env", [])
        if entry in named or not entry.startswith("HOME=")
    ]
    terminal = ["TERM=xterm"] if options.tty else []
    return process.merge([*terminal, *started_with], options.env)


def identify(record: Container, document: State, options: ExecOptions) -> users.Identity:
    """Numbers for the user's name, from the files the container has now.

    Raises NotRunning; CommandNotExecutable if there is no such user.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        root_fd = os.open(f"/proc/{document['pid']}/root", flags)
    except (FileNotFoundError, ProcessLookupError):
        raise NotRunning(record["Id"][:12]) from None
    try:
        # The link was followed by pid: what we opened is the container's only if it lives still.
        if files.start_time(document["pid"]) != document["startTime"]:
            raise NotRunning(record["Id"][:12])
        user = options.user or record["Config"]["User"]
        return users.read_identity(root_fd, user, record["HostConfig"]["GroupAdd"])
    except InvalidArgument as error:  # as nobody it cannot be executed: docker's exec exits so
        raise CommandNotExecutable(error.message, hint=error.hint) from None
    finally:
        os.close(root_fd)
