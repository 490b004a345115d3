"""What is kept of a build: who it was, how it ended, and all that it told.

    <root>/build/logs/<build id>/record.json    its `Record`, written at the begin and at the end
    <root>/build/logs/<build id>/events         what it told, an event a line, as it was told

Lines are JSON arrays: the event's name and its fields; output is text with what is not UTF-8 as
halves of surrogate pairs (PEP 383), so that its bytes come back as they were. A build that was
killed leaves a record that says it runs, of a process that is gone, and whole lines before one that
may be torn. Values of arguments and secrets are in none of it but as what a program printed.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import report
from cuddy.errors import NotFound
from cuddy.shapes import NamedTuple, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from cuddy.builder.options import BuildOptions
    from cuddy.builder.report import Event
    from cuddy.engine.home import Home

RUNNING, COMPLETED, FAILED, CANCELED = "Running", "Completed", "Error", "Canceled"
LAST = "LAST"
MOST_BUILDS = 50
AT_ONCE = 10  # so many more before some go: most builds remove nothing
MOST_BYTES = 512 << 20  # of all logs together, this build's not counted
MOST_BYTES_OF_ONE = 256 << 20
_LONG = 1 << 20  # logs below it are only counted


class Record(TypedDict):
    """record.json: a build as lists show it."""

    Id: str
    Context: str
    Dockerfile: str
    Target: str
    Names: list[str]
    Platforms: list[str]
    Status: str
    Error: str
    Started: str
    Completed: str  # "" while it runs
    Steps: int
    CachedSteps: int
    Image: str  # its id
    IsCut: bool  # the log has not all of it
    Pid: int
    PidStarted: int


class Kept(NamedTuple):
    """A build whose journal there is. `status`: also of one that was killed."""

    record: Record
    directory: str

    @property
    def status(self) -> str:
        """Running, Completed, Error or Canceled."""
        said = self.record["Status"]
        return CANCELED if said == RUNNING and not is_alive(self.record) else said


def logs_dir(home: Home) -> str:
    """Where journals are."""
    return f"{home.build_dir}/logs"


def new_id() -> str:
    """An id that no build has yet."""
    return os.urandom(6).hex()


class Journal:
    """Hears what a build tells, and keeps it; leaving the `with` block says how the build ended.

    A disk that is full takes nothing away from the build, only from its log.
    """

    image_id = ""

    def __init__(self, home: Home, options: BuildOptions) -> None:
        self.home = home
        self.is_broken = False
        self.size_bytes = 0
        self.record: Record = {
            "Id": options.build_id, "Context": shown(options.context),
            "Dockerfile": options.dockerfile, "Target": options.target,
            "Names": list(options.tags), "Platforms": list(options.platforms),
            "Status": RUNNING, "Error": "", "Started": files.now(), "Completed": "",
            "Steps": 0, "CachedSteps": 0, "Image": "", "IsCut": False,
            "Pid": os.getpid(), "PidStarted": files.start_time(os.getpid()),
        }  # fmt: skip
        self._directory = f"{logs_dir(home)}/{options.build_id}"
        self._fd = -1
        try:
            self._begin()
        except OSError:
            self.is_broken = True

    def _begin(self) -> None:
        """Nobody sees the directory before its record is in it."""
        files.make_directory(logs_dir(self.home))
        made = f"{self.home.tmp_dir}/{files.name_temporary()}"
        os.mkdir(made, 0o700)
        files.write_json(f"{made}/record.json", self.record, durable=False)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(f"{made}/events", flags, 0o600)
        os.rename(made, self._directory)

    def __call__(self, event: Event) -> None:
        """Hear one event."""
        if isinstance(event, report.Began):
            self.record["Steps"] += 1
        elif isinstance(event, report.Ended):
            self.record["CachedSteps"] += event.cached
        if self.is_broken or self.record["IsCut"]:
            return
        line = encode(event)
        self.size_bytes += len(line)
        if self.size_bytes > MOST_BYTES_OF_ONE:
            self.record["IsCut"] = True
            return
        try:
            files.write_all(self._fd, line)
        except OSError:
            self.is_broken = True

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close(COMPLETED)
        elif isinstance(error, Exception):
            self.close(FAILED, error=str(error))
        else:
            self.close(CANCELED)

    def close(self, status: str, *, error: str = "") -> None:
        """The build has come to its end; old journals make room."""
        ended: Record = {**self.record, "Status": status, "Error": error}
        ended["Image"] = self.image_id
        ended["Completed"] = files.now()
        ended["IsCut"] = ended["IsCut"] or self.is_broken
        self.record = ended
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        try:
            files.write_json(f"{self._directory}/record.json", ended, durable=False)
            _make_room(self.home, is_long=self.size_bytes > _LONG)
        except OSError:
            self.is_broken = True


def shown(context: str) -> str:
    """A context without a password, as it may be kept and listed."""
    if "@" not in context:
        return context
    from cuddy.builder import git_source

    return git_source.redact(context)


def encode(event: Event) -> bytes:
    """One line of the file `events`."""
    return files.format_json(report.to_fields(event)).encode() + b"\n"


def decode(line: bytes) -> Event:
    """The event of a line. Raises ValueError."""
    fields = files.parse_json(line)
    if not isinstance(fields, list) or not fields or fields[0] not in _SAMPLES:
        raise ValueError("no event")
    usuals = _SAMPLES[fields[0]]
    if not len(usuals) - _LATER.get(fields[0], 0) <= len(fields) - 1 <= len(usuals):
        raise ValueError(f"{fields[0]} has {len(fields) - 1} fields")
    for value, usual in zip(fields[1:], usuals):
        wanted = (int, float) if isinstance(usual, float) else type(usual)
        if not isinstance(value, wanted):
            raise ValueError(f"{fields[0]} with {value!r}")
    return report.from_fields(fields)


_SAMPLES = {
    "began": (0, "", 0.0, False), "ended": (0, 0.0, False, ""), "output": (0, 0, "", 0.0),
    "progress": (0, "", 0, 0, 0.0), "missed": (0, ""), "warned": (0, ""),
}  # fmt: skip
_LATER = {"began": 1}
"""So many fields at the end came later: old journals have none of them."""


def is_alive(record: Record) -> bool:
    """Whether the process that builds is still there."""
    return files.start_time(record["Pid"]) == record["PidStarted"]


def builds(home: Home) -> list[Kept]:
    """Every build that is kept, the latest first. A record that makes no sense is left out."""
    found = []
    for name in files.list_directory(logs_dir(home)):
        directory = f"{logs_dir(home)}/{name}"
        try:
            record = _checked(files.read_json(f"{directory}/record.json"))
        except (OSError, ValueError):
            continue
        if record["Id"] == name:
            found.append(Kept(record, directory))
    return sorted(found, key=lambda kept: kept.record["Started"], reverse=True)


def _checked(record: Record) -> Record:
    """Raises ValueError."""
    for key, usual in _USUAL.items():
        if not isinstance(record, dict) or type(record.get(key)) is not type(usual):
            raise ValueError(f"a record without {key}")
    return record


_USUAL: Record = {
    "Id": "", "Context": "", "Dockerfile": "", "Target": "", "Names": [], "Platforms": [],
    "Status": "", "Error": "", "Started": "", "Completed": "", "Steps": 0, "CachedSteps": 0,
    "Image": "", "IsCut": False, "Pid": 0, "PidStarted": 0,
}  # fmt: skip


def find(home: Home, which: str) -> Kept:
    """A build by the begin of its id, LAST, or ^N for the one N builds before. Raises NotFound."""
    kept = builds(home)
    if which in ("", LAST) or which.startswith("^"):
        back = which.removeprefix("^") if which.startswith("^") else "0"
        if not (back.isascii() and back.isdigit()) or int(back) >= len(kept):
            raise NotFound(f"No such build: {which or LAST}", hint=_LISTING)
        return kept[int(back)]
    found = [each for each in kept if each.record["Id"].startswith(which)]
    if len(found) != 1:
        what = "No such build" if not found else "Several builds begin with that"
        raise NotFound(f"{what}: {which}", hint=_LISTING)
    return found[0]


_LISTING = "'cuddy builder history ls' lists them"


def events(kept: Kept) -> Iterator[Event]:
    """What a build has told. Lines that make no sense are left out. Raises OSError."""
    with open(f"{kept.directory}/events", "rb") as file:
        for line in file:
            try:
                yield decode(line)
            except ValueError:
                continue


def remove(home: Home, kept: Kept) -> None:
    """Take away a journal: out of sight first, by one rename."""
    doomed = f"{home.tmp_dir}/{files.name_temporary()}"
    try:
        os.rename(kept.directory, doomed)
    except FileNotFoundError:
        return
    files.remove_tree(doomed)


def _make_room(home: Home, *, is_long: bool) -> None:
    """Remove the oldest journals once they are too many or too large, and what is none."""
    names = files.list_directory(logs_dir(home))
    if len(names) <= MOST_BUILDS + AT_ONCE and not is_long:
        return
    total = 0
    known = builds(home)
    for name in {*names} - {kept.record["Id"] for kept in known}:
        files.remove_tree(f"{logs_dir(home)}/{name}")
    for number, kept in enumerate(known):
        if kept.status == RUNNING:
            continue
        try:
            total += os.stat(f"{kept.directory}/events").st_size if number else 0
        except OSError:
            pass
        if number >= MOST_BUILDS or total > MOST_BYTES:
            remove(home, kept)


def steps(kept: Kept) -> list[dict[str, object]]:
    """The steps of a build, each with its number, name, and how it ended. Raises OSError."""
    found: dict[int, dict[str, object]] = {}
    began: dict[int, float] = {}
    for event in events(kept):
        if isinstance(event, report.Began):
            began[event.step] = event.at
            found[event.step] = {
                "Step": event.step, "Name": event.name, "Cached": False, "Seconds": None,
                "Error": "",
            }  # fmt: skip
        elif isinstance(event, report.Ended) and event.step in found:
            seconds = round(max(0.0, event.at - began[event.step]), 3)
            ended = {"Cached": event.cached, "Seconds": seconds, "Error": event.error}
            found[event.step] |= ended
    return [found[number] for number in sorted(found)]
