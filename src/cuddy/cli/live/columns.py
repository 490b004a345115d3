"""The columns of the live view: what stands in them, how wide they are, and by what they sort.

A terminal has room for some of them only: `choose` takes the most important, and the name gets
what is left. Pure.
"""

from __future__ import annotations

from cuddy.cli.width import cut, pad
from cuddy.escape import printable
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cuddy.engine.samples import Row

    Cell = tuple[str, str]

_UNITS = ("", "k", "M", "G", "T", "P", "E")
_TIMES = ((1, 31_557_600, "y"), (10, 604_800, "w"), (1, 86_400, "d"), (1, 3600, "h"), (1, 60, "m"))
"""From how many on, of so many seconds, which unit is told."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = " ▁▂▃▄▅▆▇█"
NAME_LEAST = 12
WIDE = 110
"""From so many columns on what comes and what goes is told apart."""
BUSY, FULL = 50.0, 85.0
"""Percent from which on a bar is yellow, and red."""
HISTORY = 60
"""Looks that are remembered of each container."""
STATES = {
    "running": "green", "healthy": "green", "starting": "yellow", "unhealthy": "red bold",
    "paused": "yellow", "restarting": "yellow", "created": "cyan", "removing": "dim",
    "exited": "dim", "dead": "red",
}  # fmt: skip


class Column(NamedTuple):
    """One column. `cell`: pieces of text with their styles, as wide as it is."""

    key: str
    title: str
    width: int  # 0: what is left
    rank: int  # the lower, the longer it stays
    sort: Callable[[Row], Any]
    cell: Callable[[Row, View], list[Cell]]
    downwards: bool = True  # the largest first
    right: bool = True
    within: range = range(10_000)  # widths of the terminal with which it is there

    @property
    def is_usage(self) -> bool:
        """Whether there is nothing to see of what does not run, which comes last then."""
        return self.right and self.key != "up"


class View(NamedTuple):
    """What cells depend on beside the row."""

    now_ns: int
    cpus: int
    history: dict[str, list[float]]  # per container, percent of a processor
    widths: dict[str, int]
    doing: dict[str, str] = {}  # per container, what somebody here is doing to it


def choose(width: int) -> tuple[list[Column], dict[str, int]]:
    """The columns for a terminal of that width, in order, and how wide each is."""
    fit = [each for each in COLUMNS if width in each.within]
    room = width - NAME_LEAST - 1
    taken = set()
    for column in sorted(fit, key=lambda each: each.rank):
        if column.width and column.width + 1 <= room:
            room -= column.width + 1
            taken.add(column.key)
    shown = [each for each in fit if not each.width or each.key in taken]
    return shown, {each.key: each.width or NAME_LEAST + room for each in shown}


def arrange(rows: Sequence[Row], key: str, *, reverse: bool, wanted: str) -> list[Row]:
    """The rows that are wanted, sorted by a column. `wanted`: words that must all occur."""
    column = next(each for each in COLUMNS if each.key == key)
    words = wanted.lower().split()
    found = [each for each in rows if all(matches(each, word) for word in words)]
    found.sort(key=lambda each: (each.name, each.id))
    found.sort(key=column.sort, reverse=column.downwards != reverse)
    if column.is_usage:
        found.sort(key=lambda each: not each.is_running)
    return found


def matches(row: Row, word: str) -> bool:
    """Whether a word of a filter, in small letters, is in what a container is called or is like, or
    its id begins so.
    """
    text = f"{row.name} {row.image} {row.status} {row.health}".lower()
    return word in text or row.id.startswith(word)


def state(row: Row) -> str:
    """How it is, in a word."""
    if row.status == "running" and row.health:
        return row.health
    if row.status == "exited":
        return f"exited {row.exit_code}"
    return row.status


def state_style(row: Row) -> str:
    """The colour of that."""
    if row.status == "exited" and row.exit_code:
        return "red dim"
    return STATES.get(state(row).split()[0], "")


def amount(number: float) -> str:
    """A size in at most five characters: 0, 812, 1.2k, 34M, 1023M."""
    step = 0
    while number >= 1000 and step < len(_UNITS) - 1:
        number /= 1024
        step += 1
    short = f"{number:.1f}" if step and number < 9.95 else f"{number:.0f}"
    return f"{short}{_UNITS[step]}"


def duration(nanoseconds: int) -> str:
    """A time in at most four characters: 9s, 5m, 3h, 12d, 40w, 9y."""
    seconds = max(0, nanoseconds // 10**9)
    for least, size, unit in _TIMES:
        if seconds >= least * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def bar(percent: float, width: int) -> list[Cell]:
    """A bar of eighths of characters, with its rest dim."""
    eighths = round(min(max(percent, 0.0), 100.0) / 100 * width * 8)
    whole, part = divmod(eighths, 8)
    style = "green" if percent < BUSY else "yellow" if percent < FULL else "red"
    full = "█" * whole + (_EIGHTHS[part] if part else "")
    return [(full, style), ("·" * (width - len(full)), "dim")]


def sparkline(values: Sequence[float], width: int, top: float = 100.0) -> str:
    """The last values as columns of eighths. `top`: what fills a whole one."""
    top = max([top, *values[-width:]])
    steps = [min(8, -int(-value / top * 8 // 1)) for value in values[-width:]]
    return "".join(_LEVELS[step] for step in steps).rjust(width)


def fit(text: str, column: Column, width: int) -> str:
    """The text in its column."""
    text = cut(text, width)
    return " " * (width - len(text)) + text if column.right and text.isascii() else pad(text, width)


def _text(of: Callable[[Row], str], style: str = "") -> Callable[[Row, View], list[Cell]]:
    return lambda row, view: [(of(row), style)]


def _used(of: Callable[[Row], float]) -> Callable[[Row, View], list[Cell]]:
    """An amount, dim where it is nothing, and blank where nothing runs."""

    def cell(row: Row, view: View) -> list[Cell]:
        number = of(row)
        return [(amount(number) if row.is_running else "", "" if number >= 1 else "dim")]

    return cell


def _name(row: Row, view: View) -> list[Cell]:
    return [(printable(row.name), "bold" if row.is_running else "dim")]


def _state(row: Row, view: View) -> list[Cell]:
    if doing := view.doing.get(row.id):
        return [(doing, "yellow italic")]
    return [(state(row), state_style(row))]


def _cpu_bar(row: Row, view: View) -> list[Cell]:
    return bar(row.cpu_percent, view.widths["cpubar"]) if row.is_running else []


def _memory_share(row: Row) -> float:
    return row.memory_bytes / row.memory_limit_bytes * 100 if row.memory_limit_bytes else 0.0


def _memory_bar(row: Row, view: View) -> list[Cell]:
    return bar(_memory_share(row), view.widths["membar"]) if row.is_running else []


def _history(row: Row, view: View) -> list[Cell]:
    return [(sparkline(view.history.get(row.id, []), view.widths["history"]), "cyan")]


def _up(row: Row, view: View) -> list[Cell]:
    if row.is_running and row.started_ns:
        return [(duration(view.now_ns - row.started_ns), "")]
    since = row.finished_ns or row.created_ns
    return [(duration(view.now_ns - since) if since else "", "dim")]


def _since(row: Row) -> int:
    """When it began to be as it is, the running first."""
    return row.started_ns or row.created_ns if row.is_running else (row.finished_ns or 1)


NARROW, BROAD = range(WIDE), range(WIDE, 10_000)
COLUMNS = (
    Column("name", "NAME", 0, 0, lambda row: row.name.lower(), _name, False, False),
    Column("image", "IMAGE", 16, 9, lambda row: row.image, _text(lambda r: printable(r.image)),
           False, False),
    Column("state", "STATE", 10, 1, lambda row: (not row.is_running, state(row)),
           _state, False, False),
    Column("cpu", "CPU%", 5, 2, lambda row: row.cpu_percent,
           lambda row, view: [(f"{row.cpu_percent:.1f}"[:5] if row.is_running else "", "")]),
    Column("cpubar", "", 5, 6, lambda row: row.cpu_percent, _cpu_bar, within=NARROW),
    Column("cpubar", "", 10, 6, lambda row: row.cpu_percent, _cpu_bar, within=BROAD),
    Column("history", "CPU HISTORY", 15, 11, lambda row: row.cpu_percent, _history),
    Column("mem", "MEM", 5, 3, lambda row: row.memory_bytes, _used(lambda row: row.memory_bytes)),
    Column("membar", "", 5, 7, _memory_share, _memory_bar, within=NARROW),
    Column("membar", "", 10, 7, _memory_share, _memory_bar, within=BROAD),
    Column("limit", "LIMIT", 5, 10, lambda row: row.memory_limit_bytes,
           _used(lambda row: row.memory_limit_bytes), within=BROAD),
    Column("net", "NET/s", 5, 4, lambda row: row.per_s.received + row.per_s.sent,
           _used(lambda row: row.per_s.received + row.per_s.sent), within=NARROW),
    Column("received", "RECV/s", 6, 4, lambda row: row.per_s.received,
           _used(lambda row: row.per_s.received), within=BROAD),
    Column("sent", "SENT/s", 6, 4, lambda row: row.per_s.sent,
           _used(lambda row: row.per_s.sent), within=BROAD),
    Column("io", "IO/s", 5, 5, lambda row: row.per_s.read + row.per_s.written,
           _used(lambda row: row.per_s.read + row.per_s.written), within=NARROW),
    Column("read", "READ/s", 6, 5, lambda row: row.per_s.read,
           _used(lambda row: row.per_s.read), within=BROAD),
    Column("written", "WRIT/s", 6, 5, lambda row: row.per_s.written,
           _used(lambda row: row.per_s.written), within=BROAD),
    Column("pids", "PIDS", 5, 8, lambda row: row.pids, _used(lambda row: row.pids)),
    Column("up", "TIME", 4, 2, _since, _up),
)  # fmt: skip
"""In their order on the screen. A key may be there twice, for narrow and for wide terminals."""
