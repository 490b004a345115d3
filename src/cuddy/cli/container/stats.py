"""`cuddy stats`: what containers use, redrawn every second."""

from __future__ import annotations

import os
import sys
import time

from cuddy.cli import boundary, configuration, table
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.terminal import size
from cuddy.cli.width import width
from cuddy.engine import containers, ps, stats
from cuddy.errors import CorruptContent, NoSuchContainer
from cuddy.sizes import human_memory, human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.stats import Sample

LISTING = table.Listing(
    headers={
        "ID": "CONTAINER ID", "Name": "NAME", "CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT",
        "MemPerc": "MEM %", "NetIO": "NET I/O", "BlockIO": "BLOCK I/O", "PIDs": "PIDS",
        "Container": "CONTAINER",
    },
    columns=("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"),
    elastic=(),
)  # fmt: skip
PERIOD_S = 1.0
FIRST_S = 0.5
"""Between the first two samples: long enough to tell how busy a container is."""
HOME_CURSOR, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
CLEAR_ALL = "\x1b[2J"
UNKNOWN = "--"
_SHORT_ID = 12


def stats_(home: Home, args: Args) -> int:
    if code := boundary.each(args.names, lambda name: _check(home, name)):
        return code
    form = args.format or configuration.list_format(os.environ, "statsFormat")
    view = _View(home, args, "" if form == "table" else form)
    view.look()
    time.sleep(FIRST_S)
    view.look()
    if args.no_stream:
        sys.stdout.write(view.text())
        return 0
    _stream(view)
    return 0


def _check(home: Home, name: str) -> None:
    containers.find(home, name)


def _stream(view: _View) -> None:
    """Draw again and again, until all containers that were named are gone. Ends by Ctrl-C."""
    is_terminal = os.isatty(1)
    if is_terminal:
        sys.stdout.write(CLEAR_ALL)
    due = time.monotonic()
    while True:
        text = view.text()
        sys.stdout.write(_frame(text, *(size() or (0, 0))) if is_terminal else text)
        sys.stdout.flush()
        if view.is_over:
            return
        due = max(due + PERIOD_S, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        view.look()


def _frame(text: str, rows: int, columns: int) -> str:
    """A whole screen in one write: lines over those of before, so that nothing flickers."""
    lines = text.splitlines()
    room = rows - 2  # for the last line here, and the cursor
    heights = [-(-width(line) // columns) if columns else 1 for line in lines]
    if rows > 2 and sum(heights) > room + 1:
        shown = sum(1 for end in range(len(lines)) if sum(heights[: end + 1]) <= room)
        lines = [*lines[:shown], f"... and {len(lines) - shown} more"[:columns]]
    return HOME_CURSOR + "".join(f"{line}{CLEAR_LINE}\n" for line in lines) + CLEAR_BELOW


class _View:
    """The containers that are watched, and the last two samples of each."""

    def __init__(self, home: Home, args: Args, form: str) -> None:
        self.home = home
        self.args = args
        self.form = form
        self.shown: list[tuple[str, Container]] = []  # as typed
        self.samples: dict[str, tuple[Sample | None, Sample]] = {}
        self.is_over = False
        self.told: set[str] = set()

    def look(self) -> None:
        """Take a sample of each container, those that came meanwhile among them."""
        self.shown = self.named() if self.args.names else self.listed()
        host = stats.machine()
        before, self.samples = self.samples, {}
        for _, record in self.shown:
            last = before.get(record["Id"])
            found = stats.sample(self.home, record, host)
            self.samples[record["Id"]] = (last[1] if last else None, found)

    def listed(self) -> list[tuple[str, Container]]:
        """What runs now, or all there is."""
        found = ps.ps(self.home, all=self.args.all)
        for problem in map(str, found.unreadable):
            if problem not in self.told:
                self.told.add(problem)
                boundary.warn([problem])
        return [(each["Id"][:_SHORT_ID], each) for each in found.containers]

    def named(self) -> list[tuple[str, Container]]:
        """Those that were asked for; one that is gone stays as it was last seen, and is still."""
        found, gone = [], 0
        known = dict(self.shown)
        for name in dict.fromkeys(self.args.names):
            try:
                record = containers.find(self.home, known[name]["Id"] if name in known else name)
            except (NoSuchContainer, CorruptContent):
                if name not in known:
                    continue
                record = known[name]
                record["State"]["Running"] = False
                gone += 1
            found.append((name, record))
        self.is_over = gone == len(found)
        return found

    def text(self) -> str:
        rows = [self.row(name, record) for name, record in self.shown]
        return table.render(LISTING, rows, form=self.form)

    def row(self, typed: str, record: Container) -> dict[str, Any]:
        before, now = self.samples[record["Id"]]
        identity = record["Id"] if self.args.no_trunc else record["Id"][:_SHORT_ID]
        name = record["Name"].removeprefix("/")
        known = {"ID": identity, "Name": name, "Container": typed}
        # docker shows zeros for what does not run, but dashes while it goes on looking
        if not now.usage and not self.args.no_stream:
            both = f"{UNKNOWN} / {UNKNOWN}"
            unknown = dict.fromkeys(("CPUPerc", "MemPerc", "NetIO", "BlockIO", "PIDs"), UNKNOWN)
            return known | unknown | {"MemUsage": both}
        return known | figures(before, now)


def figures(before: Sample | None, now: Sample) -> dict[str, str]:
    """The cells of one container."""
    networks, devices = now.networks.values(), now.usage.get("io", [])
    received, sent = sum(n.rx_bytes for n in networks), sum(n.tx_bytes for n in networks)
    read, written = sum(d.read_bytes for d in devices), sum(d.written_bytes for d in devices)
    limit = now.memory_limit_bytes
    busy = stats.cpu_percent(before, now) if before and before.usage else 0.0
    return {
        "CPUPerc": f"{busy:.2f}%",
        "MemUsage": f"{human_memory(now.memory_bytes)} / {human_memory(limit)}",
        "MemPerc": f"{now.memory_bytes / limit * 100 if limit else 0:.2f}%",
        "NetIO": f"{human_size(received)} / {human_size(sent)}",
        "BlockIO": f"{human_size(read)} / {human_size(written)}",
        "PIDs": str(now.usage.get("pids", 0)),
    }


COMMAND = Command(
    summary="Display a live stream of container(s) resource usage statistics",
    arguments="[CONTAINER...]",
    flags=(
        Flag("all", "a", BOOL, "Show all containers (default shows just running)"),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("no-stream", "", BOOL, "Disable streaming stats and only pull the first result"),
        Flag("no-trunc", "", BOOL, "Do not truncate output"),
    ),
    action=stats_,
)
