"""The command line's front door: global flags, and the table from verb to module.

A verb's module is imported when the verb is used, and only then.
"""

from __future__ import annotations

import _codecs
import _signal
import os
import sys

from cuddy.cli import boundary, flags
from cuddy.cli.flags import BOOL, STRING, Flag
from cuddy.engine.home import DEFAULT_ROOT, DEFAULT_RUN_ROOT, Home, open_home
from cuddy.errors import UsageError, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from cuddy.cli.flags import Args, Command
    from cuddy.engine.nursery import Nursery


NETWORK = {
    "connect": "network.connect", "create": "network.create", "disconnect": "network.disconnect",
    "inspect": "network.inspect", "ls": "network.ls", "list": "network.ls", "log": "network.log",
    "prune": "network.prune", "rm": "network.rm", "remove": "network.rm", "why": "network.why",
}  # fmt: skip
GROUPS: dict[str, dict[str, str]] = {
    "container": {
        "attach": "container.attach",
        "commit": "container.commit",
        "cp": "container.cp",
        "create": "container.create",
        "diff": "container.diff",
        "exec": "container.exec",
        "export": "container.export",
        "inspect": "container.inspect",
        "kill": "container.kill",
        "logs": "container.logs",
        "pause": "container.pause",
        "ls": "container.ps",
        "list": "container.ps",
        "prune": "container.prune",
        "ps": "container.ps",
        "port": "container.port",
        "rename": "container.rename",
        "restart": "container.restart",
        "rm": "container.rm",
        "remove": "container.rm",
        "run": "container.run",
        "start": "container.start",
        "stats": "container.stats",
        "stop": "container.stop",
        "top": "container.top",
        "unpause": "container.unpause",
        "update": "container.update",
        "wait": "container.wait",
    },
    "image": {
        "diff": "image.diff",
        "explore": "image.explore",
        "history": "image.history",
        "import": "image.import_",
        "inspect": "image.inspect",
        "ls": "image.images",
        "list": "image.images",
        "load": "image.load",
        "prune": "image.prune",
        "pull": "image.pull",
        "push": "image.push",
        "tags": "image.tags",
        "rm": "image.rmi",
        "remove": "image.rmi",
        "save": "image.save",
        "tag": "image.tag",
    },
    "network": NETWORK,
    "system": {
        "boot": "system.boot",
        "check": "system.check",
        "df": "system.df",
        "halt": "system.halt",
        "events": "system.events",
        "info": "system.info",
        "prune": "system.prune",
    },
    "volume": {
        "cp": "volume.cp",
        "create": "volume.create",
        "diff": "volume.diff",
        "export": "volume.export",
        "import": "volume.import_",
        "inspect": "volume.inspect",
        "ls": "volume.ls",
        "list": "volume.ls",
        "mv": "volume.mv",
        "prune": "volume.prune",
        "rm": "volume.rm",
        "remove": "volume.rm",
        "snapshot": "volume.snapshot",
    },
}
GROUP_SUMMARIES = {
    "container": "Manage containers",
    "image": "Manage images",
    "network": "Manage networks",
    "system": "Manage cuddy",
    "volume": "Manage volumes",
}
VERBS: dict[str, str] = {
    "run": "container.run",
    "exec": "container.exec",
    "port": "container.port",
    "ps": "container.ps",
    "pull": "image.pull",
    "push": "image.push",
    "images": "image.images",
    "version": "system.version",
    "info": "system.info",
    "attach": "container.attach",
    "commit": "container.commit",
    "cp": "container.cp",
    "create": "container.create",
    "diff": "container.diff",
    "events": "system.events",
    "export": "container.export",
    "history": "image.history",
    "import": "image.import_",
    "inspect": "system.inspect",
    "kill": "container.kill",
    "login": "system.login",
    "logout": "system.logout",
    "logs": "container.logs",
    "pause": "container.pause",
    "rename": "container.rename",
    "restart": "container.restart",
    "rm": "container.rm",
    "load": "image.load",
    "rmi": "image.rmi",
    "save": "image.save",
    "search": "image.search",
    "start": "container.start",
    "stats": "container.stats",
    "stop": "container.stop",
    "tag": "image.tag",
    "tags": "image.tags",
    "top": "container.top",
    "unpause": "container.unpause",
    "update": "container.update",
    "wait": "container.wait",
}
STARTING = {"container.run": "monitor", "container.exec": "keeper"}
"""Commands that will need exactly one process that stays, and its trade (engine/nursery.py)."""
MOST_USED = ("run", "exec", "ps", "pull", "push", "images", "version", "info")

GLOBAL_FLAGS = (
    Flag("debug", "D", BOOL, "Show tracebacks of unexpected errors (or set CUDDY_DEBUG=1)"),
    Flag(
        "log-level",
        "l",
        STRING,
        'Set the logging level ("debug", "info", "warn", "error", "fatal")',
        "info",
    ),
    Flag(
        "root",
        "",
        STRING,
        f'Where images and containers live (default "{DEFAULT_ROOT}"; CUDDY_ROOT)',
    ),
    Flag(
        "runroot",
        "",
        STRING,
        f'Where running state lives (default "{DEFAULT_RUN_ROOT}"; CUDDY_RUNROOT)',
    ),
    Flag("version", "v", BOOL, "Print version information and quit"),
)
LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")


def main(words: list[str]) -> int:
    """Run one command line, given without the program's name, and return its exit status."""
    try:
        _open_streams()
        return boundary.attempt(lambda: _run(words))
    except KeyboardInterrupt:
        return boundary.INTERRUPTED
    except BrokenPipeError:
        return boundary.PIPE_CLOSED


def _catch_signals() -> None:
    """What asks this program to end unwinds what it is doing, so that half-made things go with it.

    Until now there was nothing to unwind. Signals that were ignored from the start (nohup) stay so.
    """
    handlers = {
        _signal.SIGINT: _signal.default_int_handler,
        _signal.SIGTERM: _unwind,
        _signal.SIGHUP: _unwind,
    }
    for number, handler in handlers.items():
        if _signal.getsignal(number) == _signal.SIG_DFL:
            _signal.signal(number, handler)


def _unwind(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _open_streams() -> None:
    """Standard streams that a caller closed lead to /dev/null, or the next open would be one."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open("/dev/null", os.O_RDWR)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    _codecs.register_error("cuddy", _encode_odd)
    sys.stdout.reconfigure(encoding="utf-8", errors="cuddy")  # type: ignore[union-attr]


def _encode_odd(error: UnicodeError) -> tuple[bytes, int]:
    """What is not text, for standard output.

    Names and paths are bytes that need not be text: they go out as they came in (PEP 383). JSON can
    hold halves of characters, which Go reads as U+FFFD.
    """
    assert isinstance(error, UnicodeEncodeError)
    codes = map(ord, error.object[error.start : error.end])
    pieces = (bytes((c - 0xDC00,)) if 0xDC80 <= c <= 0xDCFF else b"\xef\xbf\xbd" for c in codes)
    return b"".join(pieces), error.end


def _run(words: list[str]) -> int:
    asked = flags.parse(GLOBAL_FLAGS, words, "cuddy", interspersed=False)
    answer = _answer_globals(asked)
    if answer is None:
        module, name, rest = find_command(asked.names)
        if os.environ.get("CUDDY_TRACE") == "1":
            _trace()
        nursery = _nursery(STARTING[module]) if module in STARTING else None
        command = load(module)
        args = flags.parse_command(command, rest, name)
        args.nursery = nursery
        if not args.wants_help:
            return boundary.attempt(
                lambda: _perform(command, args, asked), least=command.error_code
            )
        answer = _help(module, name)
    sys.stdout.write(answer)
    sys.stdout.flush()
    return 0


def _answer_globals(asked: Args) -> str | None:
    """What the words before the command say already; None if there is a command to run."""
    if asked.log_level not in LOG_LEVELS:
        raise WrongArguments(
            f"unable to parse logging level: {asked.log_level}",
            hint=f"one of {', '.join(LOG_LEVELS)}",
        )
    if asked.debug:
        os.environ["CUDDY_DEBUG"] = "1"
    if asked.version:
        from cuddy import __version__

        return f"cuddy version {__version__}\n"
    if asked.wants_help or not asked.names:
        return overview()
    if asked.names[0] == "help" and len(asked.names) == 1:
        return overview()
    if asked.names[0] == "help":
        asked.names = [*asked.names[1:], "--help"]
    if asked.names[0] in GROUPS and asked.names[1:2] in ([], ["--help"], ["-h"]):
        return group_overview(asked.names[0])
    return None


def _trace() -> None:
    """Show system calls on standard error, which is kept for it under a number of its own."""
    import fcntl

    from cuddy.kernel import syscall

    syscall.tracer = syscall.Trace(fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 100))


def _nursery(trade: str) -> Nursery | None:
    """Begin with that process before the command is even read; only root can have one."""
    if os.geteuid():
        return None
    from cuddy.engine.nursery import Nursery

    return Nursery(trade)


def find_command(words: list[str]) -> tuple[str, str, list[str]]:
    """The module that the words name, its command as typed, and the rest. Raises UsageError."""
    group = words[0] if words[0] in GROUPS else ""
    verb, rest = (words[1], words[2:]) if group else (words[0], words[1:])
    verbs = GROUPS[group] if group else VERBS
    name = f"cuddy {group} {verb}" if group else f"cuddy {verb}"
    if verb.startswith("-"):
        raise UsageError(f"unknown flag: {verb}", hint=f"see 'cuddy {group} --help'")
    if verb not in verbs:
        raise _unknown_command(group, verb)
    return verbs[verb], name, rest


def load(module: str) -> Command:
    """The command that a module under `cuddy.cli` declares."""
    command: Command = __import__(f"cuddy.cli.{module}", fromlist=["COMMAND"]).COMMAND
    return command


def _unknown_command(group: str, verb: str) -> WrongArguments:
    from cuddy import suggest

    path = f"cuddy {group}" if group else "cuddy"
    found = suggest.closest(verb, GROUPS[group] if group else [*VERBS, *GROUPS, "help"])
    meant = f"did you mean '{path} {found}'? " if found else ""
    return WrongArguments(f"unknown command: {path} {verb}", hint=f"{meant}see '{path} --help'")


def _help(module: str, name: str) -> str:
    from cuddy.cli import help

    return help.command_help(load(module), name, names_of(module), help.columns())


def _perform(command: Command, args: Args, asked: Args) -> int:
    _catch_signals()
    code = command.action(_home(asked, opened=command.opens_home), args)
    sys.stdout.flush()
    return code


def _home(asked: Args, *, opened: bool) -> Home:
    root = asked.root or os.environ.get("CUDDY_ROOT") or DEFAULT_ROOT
    run_root = asked.runroot or os.environ.get("CUDDY_RUNROOT") or DEFAULT_RUN_ROOT
    return open_home(root, run_root) if opened else Home(root, run_root)


def names_of(module: str) -> list[str]:
    """Every name under which a module's command is reached, groups first."""
    return [
        f"cuddy {group} {verb}".replace("  ", " ")
        for group, verbs in [*GROUPS.items(), ("", VERBS)]
        for verb in verbs
        if verbs[verb] == module
    ]


def overview() -> str:
    """What `cuddy --help` prints."""
    from cuddy.cli import help

    rest = sorted(verb for verb in VERBS if verb not in MOST_USED)
    sections = [
        "Usage:  cuddy [OPTIONS] COMMAND",
        "A container engine without a daemon",
        help.list_commands("Common Commands", _summaries(VERBS, MOST_USED)),
        help.list_commands("Management Commands", GROUP_SUMMARIES.items()),
        help.list_commands("Commands", _summaries(VERBS, rest)),
        "\n".join(["Global Options:", *help.flag_lines(GLOBAL_FLAGS, help.columns() - 1)]),
        "Run 'cuddy COMMAND --help' for more information on a command.",
    ]
    return "\n\n".join(sections) + "\n"


def group_overview(group: str) -> str:
    """What `cuddy GROUP --help` prints."""
    from cuddy.cli import help

    seen: dict[str, str] = {}  # one name for each module: the first
    for verb, module in GROUPS[group].items():
        seen.setdefault(module, verb)
    sections = [
        f"Usage:  cuddy {group} COMMAND",
        GROUP_SUMMARIES[group],
        help.list_commands("Commands", _summaries(GROUPS[group], sorted(seen.values()))),
        f"Run 'cuddy {group} COMMAND --help' for more information on a command.",
    ]
    return "\n\n".join(sections) + "\n"


def _summaries(verbs: dict[str, str], chosen: Iterable[str]) -> list[tuple[str, str]]:
    return [(verb, load(verbs[verb]).summary) for verb in chosen]
