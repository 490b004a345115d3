"""What a build looks like at a terminal at one moment, in BuildKit's layout.

    [+] Building 2.3s (5/7)
     => CACHED [1/3] FROM alpine                                                          0.0s
     => [2/3] RUN make                                                                    2.1s
     => => # the last lines that it has written

Only text and its place: who draws it is `build_view.py`.
"""

from __future__ import annotations

from cuddy.builder import report
from cuddy.cli.build_lines import Lines
from cuddy.cli.width import cut, pad, width
from cuddy.escape import printable
from cuddy.shapes import NamedTuple
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.report import Event

PLAIN, DONE, WRONG, STOPPED = "", "blue", "red", "yellow"
TAIL_LINES = 6


class Row(NamedTuple):
    """One line of the frame. `style`: a colour or "". `rank`: rows above 0 may be left out."""

    left: str
    right: str
    style: str
    rank: int = 0


class _Step:
    """What is known of one step."""

    def __init__(self, name: str, began: float) -> None:
        self.name = printable(name)
        self.began = began
        self.ended = 0.0
        self.cached = False
        self.error = ""
        self.tail: list[str] = []
        self.progress: dict[str, tuple[str, float, float]] = {}  # text, begin, latest
        self.streams: dict[int, Lines] = {}


class Frame:
    """Hears all events; `rows` is how it looks at a moment."""

    def __init__(self) -> None:
        self.steps: dict[int, _Step] = {}
        self.missed: dict[int, str] = {}  # of steps that have not begun yet: why they have to
        self.warnings: list[str] = []
        self.began = 0.0

    def hear(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, report.Warned):
            self.warnings.append(event.text)
        elif isinstance(event, report.Began):
            self.began = self.began or event.at
            step = self.steps[event.step] = _Step(event.name, event.at)
            if why := self.missed.pop(event.step, ""):
                step.progress[f"not cached: {why}"] = ("", event.at, event.at)
        elif isinstance(event, report.Missed):
            self.missed[event.step] = event.why
        elif event.step in self.steps:
            self._hear_of(self.steps[event.step], event)

    def _hear_of(self, step: _Step, event: Event) -> None:
        if isinstance(event, report.Output):
            lines = step.streams.setdefault(event.stream, Lines()).feed(event.data)
            step.tail = [*step.tail, *filter(str.strip, lines)][-TAIL_LINES:]
        elif isinstance(event, report.Progress):
            _, began, _ = step.progress.get(event.what, ("", event.at, 0.0))
            step.progress[event.what] = (_progress_text(event), began, event.at)
        elif isinstance(event, report.Ended):
            step.ended, step.cached, step.error = event.at, event.cached, event.error

    def is_active(self) -> bool:
        """Whether some step has begun and not ended."""
        return any(not step.ended for step in self.steps.values())

    def rows(self, now: float, *, finished: bool) -> list[Row]:
        """All of it, from the top."""
        done = sum(bool(step.ended) for step in self.steps.values())
        seconds = max(0.0, now - self.began) if self.began else 0.0
        title = f"[+] Building {seconds:.1f}s ({done}/{len(self.steps)})"
        found = [Row(f"{title} FINISHED" if finished else title, "", PLAIN)]
        for step in self.steps.values():
            found += _step_rows(step, now, finished=finished)
        return found


def _progress_text(event: report.Progress) -> str:
    if not event.total:
        return human_size(event.done) if event.done else ""
    return f"{human_size(event.done)} / {human_size(event.total)}"


def _step_rows(step: _Step, now: float, *, finished: bool) -> list[Row]:
    style = WRONG if step.error else DONE if step.ended else PLAIN
    mark = "ERROR " if step.error else "CACHED " if step.cached else ""
    if finished and not step.ended:
        style, mark = STOPPED, "CANCELED "
    rank = 2 if step.ended and not step.error else 0
    seconds = max(0.0, (step.ended or now) - step.began)
    found = [Row(f" => {mark}{step.name}", f"{seconds:.1f}s", style, rank)]
    for what, (text, began, latest) in step.progress.items():
        left = f" => => {printable(what)}{': ' * bool(text)}{text}"
        found.append(Row(left, f"{max(0.0, latest - began):.1f}s", style, rank or 1))
    if not step.ended and not finished:
        found += [Row(f" => => # {line}", "", PLAIN, 1) for line in step.tail]
    return found


def fit(rows: list[Row], most: int) -> list[Row]:
    """The rows without the earliest of those that say least, so that so many are left."""
    for rank in (2, 1):
        spare = len(rows) - most
        for row in list(rows):
            if spare > 0 and row.rank == rank:
                rows.remove(row)
                spare -= 1
    return rows[:most]


def lay_out(row: Row, columns: int) -> str:
    """A row as one line that is not wider than the terminal."""
    room = columns - (width(row.right) + 1 if row.right else 0)
    left = cut(row.left.replace("\t", "    "), room)
    return pad(left, room) + " " + row.right if row.right else left
