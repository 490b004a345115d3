"""One call of `cuddy-runtime`: global flags, a verb, and what becomes of its errors.

A verb's module is imported when it is called, and only then: a container costs five calls.
"""

from __future__ import annotations

import _signal
import os
import sys

from cuddy import __version__
from cuddy.cli import flags
from cuddy.cli.flags import BOOL, STRING, Flag
from cuddy.cli.runtime import verb as verbs
from cuddy.cli.runtime.log import Log
from cuddy.cli.runtime.verb import Call
from cuddy.errors import (
    CommandNotExecutable,
    CommandNotFound,
    CuddyError,
    InvalidArgument,
    NoSuchContainer,
    SystemFailure,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args
    from cuddy.cli.runtime.verb import Verb

USAGE_ERROR = 1
UNKNOWN_VERB = 3
INTERRUPTED = 130
SUMMARIES = {
    "checkpoint": "Save a running container to files",
    "create": "Create a container",
    "delete": "Delete what is left of a container",
    "events": "Show what a container uses, and when it lacks memory",
    "exec": "Run one more process in a container",
    "features": "Show what this runtime can do",
    "kill": "Send a signal to a container",
    "list": "List containers",
    "pause": "Stop all processes of a container where they are",
    "ps": "List the processes of a container",
    "restore": "Bring a saved container back",
    "resume": "Let a paused container go on",
    "run": "Create and start a container",
    "spec": "Write a config.json to begin with",
    "start": "Start a created container",
    "state": "Show a container's state",
    "update": "Change the limits of a container",
}
"""The verbs. Their modules say the same, but need not be imported to be listed."""

GLOBAL_FLAGS = (
    Flag("root", "", STRING, "Directory of the containers' state"),
    Flag("log", "", STRING, "File to write errors and warnings to"),
    Flag("log-format", "", STRING, "Format of the log: text or json", "text"),
    Flag("debug", "", BOOL, "Say more in the log"),
    Flag(
        "systemd-cgroup", "", BOOL, "Let systemd manage cgroups: the same as a manager of systemd"
    ),
    Flag("cgroup-manager", "", STRING, "Who manages cgroups: cgroupfs, systemd or disabled"),
    Flag(
        "rootless", "", STRING, "Ignore cgroups that may not be changed: true, false, auto", "auto"
    ),
    Flag("criu", "", STRING, "The criu to use", "criu"),
    Flag("version", "v", BOOL, "Print the version"),
)


def main(words: list[str]) -> int:
    """One call of the runtime: words without the program's name -> exit status."""
    code = answer(words)
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads, or the disk is full
        return code or USAGE_ERROR
    return code


def answer(words: list[str]) -> int:
    """Do what the words say, and say what became of it."""
    log, code, failure = Log(), USAGE_ERROR, ""
    if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)  # to take back what was begun
    try:
        asked = flags.parse(GLOBAL_FLAGS, words, "cuddy-runtime", interspersed=False, one_dash=True)
        if asked.version:
            from cuddy.runtime.bundle import OCI_VERSION  # here: few ask

            print(f"cuddy-runtime version {__version__}\nspec: {OCI_VERSION}")
            return 0
        if asked.wants_help or not asked.names or asked.names[0] in ("help", "h"):
            sys.stdout.write(overview())
            return 0
        log = Log(asked.log, asked.log_format, talkative=asked.debug)
        log.debug(f"cuddy-runtime {__version__}: {' '.join(asked.names)}")
        if asked.names[0] not in SUMMARIES:
            log.error(f"No help topic for '{asked.names[0]}': unknown command")
            return UNKNOWN_VERB
        verb = load(asked.names[0])
        code, failure = verb.error_code, verb.failure
        return perform(verb, asked, log)
    except CuddyError as error:
        log.error(f"{failure}{words_of(error)}")
    except OSError as error:
        log.error(f"{failure}{SystemFailure.from_os('cuddy-runtime', error)}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def words_of(error: CuddyError) -> str:
    """An error as callers know it from runc, whose words they look for."""
    if isinstance(error, NoSuchContainer):
        return "container does not exist"
    if isinstance(error, CommandNotFound | CommandNotExecutable):
        return f"unable to start container process: {error}"
    return str(error)


def perform(verb: Verb, asked: Args, log: Log) -> int:
    """Parse the verb's own words and carry it out. Raises CuddyError, OSError."""
    name, *words = asked.names
    args = verbs.parse(verb, words, name)
    if args.wants_help:
        sys.stdout.write(describe(verb, name))
        return 0
    check_cgroups(asked)
    return verb.action(Call(os.path.abspath(asked.root or default_root()), args, asked, log))


def load(name: str) -> Verb:
    """What the module of a verb declares."""
    verb: Verb = __import__(f"cuddy.cli.runtime.{name}", fromlist=["VERB"]).VERB
    return verb


def default_root() -> str:
    """Where state is unless --root says otherwise."""
    directory = os.environ.get("XDG_RUNTIME_DIR", "") if os.geteuid() else ""
    return f"{directory or '/run'}/cuddy-runtime"


def check_cgroups(asked: Args) -> None:
    """Who is to manage cgroups. Raises InvalidArgument."""
    if asked.cgroup_manager not in ("", "cgroupfs", "systemd", "disabled"):
        raise InvalidArgument(f'unknown cgroup manager "{asked.cgroup_manager}"')
    if asked.rootless not in ("true", "false", "auto"):
        raise InvalidArgument(f'invalid value "{asked.rootless}" of --rootless')


def overview() -> str:
    """What `cuddy-runtime --help` prints."""
    lines = [f"   {name:10}  {summary}" for name, summary in SUMMARIES.items()]
    return "\n".join(
        [
            "NAME:", "   cuddy-runtime - Open Container Initiative runtime", "",
            "USAGE:", "   cuddy-runtime [global options] command [command options]", "",
            "COMMANDS:", *lines, "",
            "GLOBAL OPTIONS:", *options(GLOBAL_FLAGS), "",
        ]
    )  # fmt: skip


def describe(verb: Verb, name: str) -> str:
    """What `cuddy-runtime VERB --help` prints."""
    usage = f"   cuddy-runtime {name} [command options] {verb.arguments}".rstrip()
    lines = ["NAME:", f"   cuddy-runtime {name} - {verb.summary}", "", "USAGE:", usage, ""]
    if verb.flags:
        lines += ["OPTIONS:", *options(verb.flags), ""]
    return "\n".join(lines)


def options(table: tuple[Flag, ...]) -> list[str]:
    """A line for each flag."""
    lines = []
    for flag in table:
        value = "" if flag.kind is BOOL else " value"
        short = f", -{flag.short}{value}" if flag.short else ""
        lines.append(f"   {f'--{flag.name}{value}{short}':32}  {flag.help}")
    return lines
