"""What calls come to, as programs see it."""

from __future__ import annotations

from cuddy import files
from cuddy.errors import CommandFailed
from cuddy.library import notebook
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

STREAMS = {1: "stdout", 2: "stderr"}


class Result(NamedTuple):
    """How a command ended and what it wrote. With a terminal everything is `stdout_bytes`."""

    exit_code: int  # 128 + the signal if one ended it
    stdout_bytes: bytes = b""
    stderr_bytes: bytes = b""
    out_of_memory: bool = False  # the kernel has killed some of it for want of memory
    warnings: tuple[str, ...] = ()  # what could not be as it was asked for

    @property
    def stdout(self) -> str:
        """What it wrote to its standard output, as text; what is no UTF-8 is U+FFFD."""
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """The same of standard error."""
        return self.stderr_bytes.decode(errors="replace")

    def _repr_html_(self) -> str:
        return notebook.result(self.exit_code, self.stdout, self.stderr, self.warnings)

    def checked(self, command: Sequence[str] = ()) -> Result:
        """Itself, if the exit code is 0. Raises CommandFailed."""
        if self.exit_code == 0:
            return self
        lines = self.stderr.strip().splitlines()
        raise CommandFailed(
            " ".join(command)[:80] or "the image's command", self.exit_code,
            self.stdout_bytes, self.stderr_bytes, hint=lines[-1][:200] if lines else "",
        )  # fmt: skip


class LogLine(NamedTuple):
    """A line that a container has written, without its end."""

    stream: str  # stdout or stderr
    time: str  # RFC 3339 with nanoseconds, UTC
    data: bytes

    @property
    def text(self) -> str:
        """The line as text; what is no UTF-8 is U+FFFD."""
        return self.data.decode(errors="replace")

    @staticmethod
    def of(item: Any) -> LogLine:
        """What was said of it."""
        stream, time, text = item
        return LogLine(STREAMS[stream], time, text.encode(errors="surrogateescape"))


class Piece(NamedTuple):
    """Some of what a container writes."""

    stream: str  # stdout or stderr; with a terminal all is stdout
    data: bytes

    @staticmethod
    def of(said: Any) -> Piece:
        """What was said of it."""
        return Piece(STREAMS[said.stream], said.data)


class Event(NamedTuple):
    """Something that happened."""

    type: str  # container, image, network, volume, builder
    action: str  # create, start, die, destroy, ...
    id: str  # of what it happened to
    attributes: dict[str, str]  # name, image, exitCode and others, by action; and labels
    time_ns: int  # since 1970

    def _repr_html_(self) -> str:
        return notebook.table([self.row()])

    def row(self) -> notebook.Row:
        """Itself in a table."""
        about = " ".join(f"{name}={value}" for name, value in self.attributes.items())
        time = files.format_time(self.time_ns)[:23]
        return {
            "time": time, "type": self.type, "action": self.action, "id": self.id[:12],
            "attributes": about,
        }  # fmt: skip

    @staticmethod
    def of(item: Mapping[str, Any]) -> Event:
        """What was said of it."""
        actor = item["Actor"]
        return Event(
            item["Type"], item["Action"], actor["ID"], actor["Attributes"], item["timeNano"]
        )


class Change(NamedTuple):
    """A path that a container has changed."""

    letter: str  # A added, C changed, D deleted
    path_bytes: bytes  # from the root

    @property
    def path(self) -> str:
        """The path as text."""
        return self.path_bytes.decode(errors="replace")

    def row(self) -> notebook.Row:
        """Itself in a table."""
        return {"change": self.letter, "path": self.path}

    @staticmethod
    def of(item: Any) -> Change:
        """What was said of it."""
        letter, path = item
        return Change(letter, path.encode(errors="surrogateescape"))


class Top(NamedTuple):
    """Processes of a container."""

    titles: list[str]
    rows: list[list[str]]

    def _repr_html_(self) -> str:
        return notebook.table(dict(zip(self.titles, row)) for row in self.rows)


class Usage(NamedTuple):
    """What a sandbox has used, and what it may. None: no limit, or nothing here counts it."""

    memory_bytes: int | None  # just now
    memory_peak_bytes: int | None
    memory_limit_bytes: int | None
    oom_kills: int  # processes that the kernel has killed for want of memory
    cpu_s: float | None  # that it has computed
    cpus_limit: float | None
    throttled_s: float | None  # for so long it was held back by that limit
    throttled_periods: int | None  # so many times
    pids: int | None  # processes and threads just now
    pids_peak: int | None
    pids_limit: int | None


class Progress(NamedTuple):
    """How far a pull or push is with a layer."""

    id: str  # of the layer; "": about the whole
    state: str  # Downloading, Pull complete, Pushed, Already exists, ... as Docker says it
    current: int  # bytes
    total: int  # bytes; 0: not known


def progress(listener: Callable[[Progress], object] | None) -> Callable[[Any], object]:
    """Who takes such items for somebody."""
    return lambda item: listener and listener(Progress(*item))


class Pruned(NamedTuple):
    """What was removed, and how many bytes that has freed."""

    names: list[str]
    freed_bytes: int

    @staticmethod
    def of(value: Mapping[str, Any]) -> Pruned:
        """What was said of it."""
        return Pruned(list(value["names"]), int(value["freed_bytes"]))
