"""Top: the processes of a container as the host's ps(1) shows them, with the host's pids.

ps is asked for the container's processes, with whatever options the user likes, and its table is
read back: so every column that ps knows can be had. Of ps implementations, those that cannot be
asked for certain pids (busybox) show all, and the others are dropped here.
"""

from __future__ import annotations

from cuddy.engine import containers, events
from cuddy.errors import Conflict, InvalidArgument, NoSuchContainer, NotRunning, SystemFailure
from cuddy.kernel import namespaces, program
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home

USUAL = ("-ef",)
BLANKS = str.maketrans("\t\v\f\r", "    ")
MOST_BYTES = 16 << 20
MOST_CHOSEN = 200
"""Processes that ps is asked for at once: procps takes 255. Asked for no one, it shows only those
of our own user."""


class Processes(NamedTuple):
    """The columns that ps was asked for, and a row of them for each process."""

    titles: list[str]
    rows: list[list[str]]


def top(home: Home, name: str, options: Iterable[str] = ()) -> Processes:
    """The processes of a running container. `options`: words for ps.

    Raises NoSuchContainer, NotRunning, Conflict while it is being restarted, InvalidArgument for
    what ps does not take, SystemFailure without ps.
    """
    words = " ".join(options).split(" ") if options else list(USUAL)
    check(words)
    record = containers.find(home, name)
    if record["State"].get("Restarting"):
        raise Conflict(f"container {name} is restarting, wait until it is running")
    if not record["State"]["Running"]:
        raise NotRunning(name)
    pids = pids_of(home, record["Id"])
    if not pids:
        raise NotRunning(name)  # it has just ended
    found = parse(ask(words, pids), set(pids))
    events.emit_container(home, "top", record)
    return found


def pids_of(home: Home, container_id: str) -> list[int]:
    """All processes of a container, in the groups of its execs as well; none if it has ended."""
    try:
        document = state.read(home.run_root, container_id)
    except NoSuchContainer:
        return []
    if document["cgroupPaths"]:
        return Cgroup(document["cgroupPaths"]).pids()
    # An ordinary user's, to whom no groups are delegated: those that it sees as its own.
    return namespaces.members(document["pid"], "pid")


def check(words: list[str]) -> None:
    """No other column may pass for that of the pids. Raises InvalidArgument."""
    if "\0" in " ".join(words):
        raise InvalidArgument("a word for ps with a zero byte")
    for word in words:
        column, equals, title = word.partition("=")
        if equals and title.startswith("PID") and column.rpartition(",")[2] != "pid":
            raise InvalidArgument(f'specifying "{word}" is not allowed')


def ask(words: list[str], pids: list[int]) -> str:
    """What ps prints of these processes, perhaps with others. Raises as `top` does."""
    path = program.find("ps")
    if not path:
        hint = "install it: procps on Debian, procps-ng elsewhere"
        raise SystemFailure("cannot list processes: this host has no ps", hint=hint)
    parts = [pids[first : first + MOST_CHOSEN] for first in range(0, len(pids), MOST_CHOSEN)]
    chosen = ["-q" + ",".join(map(str, part)) for part in parts]
    try:
        all_done = [program.run(path, *words, each, most_bytes=MOST_BYTES) for each in chosen]
    except OSError as error:
        raise SystemFailure.from_os("cannot run ps", error) from error
    first, *others = all_done
    tables = [first.output, *(each.output.partition("\n")[2] for each in others)]
    output = "\n".join(table.rstrip("\n") for table in tables)
    done = program.Finished(max(each.code for each in all_done), output)
    if done.code:
        # Some options do not go together with a choice of pids.
        done = program.run(path, *words, most_bytes=MOST_BYTES)
    if done.code:
        raise InvalidArgument(f"ps: {done.output.partition(chr(10))[0]}", hint="see ps(1)")
    return done.output


def parse(output: str, pids: set[int]) -> Processes:
    """The table of ps, without processes of others. Raises InvalidArgument without a pid column."""
    first, *lines = output.split("\n")
    titles = _fields(first)
    if "PID" not in titles:
        hint = "let ps show it: -o pid,..."
        raise InvalidArgument("Couldn't find PID field in ps output", hint=hint)
    place = len(titles) - 1 - titles[::-1].index("PID")
    rows, is_ours = [], False
    for line in lines:
        fields = _fields(line)
        if len(fields) <= place:
            continue
        if fields[place].isdecimal():
            is_ours = int(fields[place]) in pids
        elif fields[place] != "-":  # a thread of the process above
            raise InvalidArgument(f"Unexpected pid '{fields[place]}'")
        if is_ours:
            last = len(titles) - 1
            rows.append([*fields[:last], " ".join(fields[last:])])
    return Processes(titles, rows)


def _fields(line: str) -> list[str]:
    """Words between ASCII blanks: others may be part of a name."""
    return [word for word in line.translate(BLANKS).split(" ") if word]
