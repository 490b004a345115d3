"""ps: the processes of a container, as pids or as the host's ps(1) shows them."""

from __future__ import annotations

from cuddy import files
from cuddy.cli.flags import STRING, Flag
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state

FLAGS = (Flag("format", "f", STRING, "table or json", "table"),)
USUAL = ["-ef"]
MOST_BYTES = 16 << 20


def show(call: Call) -> int:
    pids = Cgroup(state.read(call.root, call.id)["cgroupPaths"]).pids()
    if call.args.format == "json":
        print(files.format_json(sorted(pids) or None))
    elif call.args.format == "table":
        print("\n".join(rows(call.args.names[1:] or USUAL, set(pids))))
    else:
        raise InvalidArgument("invalid format option")
    return 0


def rows(words: list[str], pids: set[int]) -> list[str]:
    """The lines of ps about these processes, and its titles. Raises SystemFailure."""
    from cuddy.kernel import program  # here: who asks for JSON needs no other program

    path = program.find("ps")
    if not path:
        raise SystemFailure("this host has no ps", hint="install procps")
    done = program.run(path, *words, most_bytes=MOST_BYTES, strip=False)
    if done.code:
        raise SystemFailure(f"exit status {done.code}: {done.output}")
    titles, *lines = done.output.splitlines() or [""]
    if "PID" not in titles.split():
        raise SystemFailure("couldn't find PID field in ps output")
    place = titles.split().index("PID")
    return [titles, *(line for line in lines if is_of(line.split(), place, pids))]


def is_of(fields: list[str], place: int, pids: set[int]) -> bool:
    """Whether a line is about one of these processes."""
    return len(fields) > place and fields[place].isdecimal() and int(fields[place]) in pids


VERB = Verb(
    "List the processes of a container", show, "<container-id> [ps options]", FLAGS, 1,
    interspersed=False,
)  # fmt: skip
