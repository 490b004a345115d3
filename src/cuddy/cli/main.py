"""The command line's front door: global flags, and the way to a command."""

from __future__ import annotations

import _codecs
import _signal
import os
import sys

from cuddy.cli import boundary, flags, verbs
from cuddy.cli.flags import BOOL, STRING, Flag
from cuddy.engine.home import DEFAULT_ROOT, DEFAULT_RUN_ROOT, Home, open_home
from cuddy.errors import NotPermitted, SystemFailure, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.cli.flags import Args, Command
    from cuddy.engine.nursery import Nursery


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
        module, name, rest = verbs.find_command(asked.names)
        if os.environ.get("CUDDY_TRACE") == "1":
            _trace()
        places = _places(asked)
        nursery = _nursery(module, places) if module in verbs.STARTING else None
        command = verbs.load(module)
        args = flags.parse_command(command, rest, name)
        args.nursery = nursery
        if not args.wants_help:
            return boundary.attempt(
                lambda: _perform(command, args, places), least=command.error_code
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
        return _overview()
    if asked.names[0] == "help" and len(asked.names) == 1:
        return _overview()
    if asked.names[0] == "help":
        asked.names = [*asked.names[1:], "--help"]
    group, rest = verbs.split_group(asked.names)
    if group and rest[:1] in ([], ["--help"], ["-h"]):
        return _overview(group)
    return None


def _overview(group: str = "") -> str:
    from cuddy.cli import overview

    return overview.group_overview(group) if group else overview.overview(GLOBAL_FLAGS)


def _trace() -> None:
    """Show system calls on standard error, which is kept for it under a number of its own."""
    import fcntl

    from cuddy.kernel import syscall

    syscall.tracer = syscall.Trace(fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, 100))


def _nursery(module: str, places: Home) -> Nursery:
    """Begin with that process before the command is even read. Raises CuddyError."""
    try:
        _become_root(places)
    except (NotPermitted, SystemFailure) as error:
        error.exit_code = max(error.exit_code, verbs.load(module).error_code)
        raise
    from cuddy.engine.nursery import Nursery

    return Nursery(verbs.STARTING[module])


def _become_root(places: Home) -> None:
    """An ordinary user's command works in a user namespace, where it is root. Raises CuddyError."""
    if os.geteuid():
        from cuddy.engine import rootless

        rootless.become_root(places.run_root)


def _help(module: str, name: str) -> str:
    from cuddy.cli import help

    return help.command_help(verbs.load(module), name, verbs.names_of(module), help.columns())


def _perform(command: Command, args: Args, places: Home) -> int:
    _catch_signals()
    if command.opens_home:
        _become_root(places)
        places = open_home(*places)
    code = command.action(places, args)
    sys.stdout.flush()
    return code


def _places(asked: Args) -> Home:
    """Where this user's engine is: said on the command line, in the environment, or as usual."""
    root = asked.root or os.environ.get("CUDDY_ROOT") or ""
    run_root = asked.runroot or os.environ.get("CUDDY_RUNROOT") or ""
    if (not root or not run_root) and (uid := os.geteuid()):
        from cuddy.engine import rootless

        root = root or rootless.data_root(os.environ, uid)
        run_root = run_root or rootless.run_root(os.environ, uid)
    return Home(root or DEFAULT_ROOT, run_root or DEFAULT_RUN_ROOT)
