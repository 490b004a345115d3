"""`cuddy sandbox stats`: what sandboxes have used, beside what they may."""

from __future__ import annotations

import sys

from cuddy.cli import boundary, table
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.engine import sandbox_usage, sandboxes
from cuddy.sizes import human_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={
        "Name": "NAME", "Memory": "MEMORY", "Peak": "PEAK", "MemoryLimit": "LIMIT",
        "OOMKills": "OOM KILLS", "CPU": "CPU S", "CPUs": "CPUS", "Throttled": "THROTTLED S",
        "PIDs": "PIDS", "PIDsPeak": "PIDS PEAK", "PIDsLimit": "PIDS LIMIT",
    },
    columns=(
        "Name", "Memory", "Peak", "MemoryLimit", "OOMKills", "CPU", "CPUs", "Throttled", "PIDs",
        "PIDsPeak", "PIDsLimit",
    ),
    identity="Name",
)  # fmt: skip
UNKNOWN = "--"


def stats_(home: Home, args: Args) -> int:
    rows: list[dict[str, str]] = []
    every = [record["Name"].removeprefix("/") for record in sandboxes.list_all(home)]
    code = boundary.each(
        args.names or every, lambda name: rows.append(row(name, sandbox_usage.usage(home, name)))
    )
    sys.stdout.write(table.render(LISTING, rows, form=args.format, quiet=False))
    return code


def row(name: str, usage: sandbox_usage.Usage) -> dict[str, str]:
    """One sandbox."""
    return {
        "Name": name,
        "Memory": memory(usage.memory_bytes),
        "Peak": memory(usage.memory_peak_bytes),
        "MemoryLimit": memory(usage.memory_limit_bytes),
        "OOMKills": str(usage.oom_kills),
        "CPU": number(usage.cpu_s),
        "CPUs": number(usage.cpus_limit),
        "Throttled": number(usage.throttled_s),
        "PIDs": number(usage.pids),
        "PIDsPeak": number(usage.pids_peak),
        "PIDsLimit": number(usage.pids_limit),
    }


def memory(size_bytes: int | None) -> str:
    """A size, if it is known."""
    return UNKNOWN if size_bytes is None else human_memory(size_bytes)


def number(value: float | None) -> str:
    """A number, if it is known."""
    return UNKNOWN if value is None else f"{round(value, 2):g}"


COMMAND = Command(
    summary="Show what sandboxes have used, beside what they may",
    arguments="[SANDBOX...]",
    flags=(Flag("format", "", STRING, table.FORMAT_HELP),),
    action=stats_,
)
