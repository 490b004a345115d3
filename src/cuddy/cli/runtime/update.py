"""update: other limits for a container, of flags or of a file with linux.resources."""

from __future__ import annotations

from cuddy.cli import values
from cuddy.cli.flags import INT, STRING, Flag, Kind
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import InvalidArgument
from cuddy.runtime import resources_file
from cuddy.runtime import update as updating

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.cli.flags import Args

MEMORY = Kind("bytes", values.size_or_unlimited)
FIELDS = {
    "memory": ("memory", "limit"),
    "memory_reservation": ("memory", "reservation"),
    "memory_swap": ("memory", "swap"),
    "kernel_memory": ("memory", "kernel"),
    "kernel_memory_tcp": ("memory", "kernelTCP"),
    "cpu_share": ("cpu", "shares"),
    "cpu_quota": ("cpu", "quota"),
    "cpu_period": ("cpu", "period"),
    "cpu_burst": ("cpu", "burst"),
    "cpu_idle": ("cpu", "idle"),
    "cpu_rt_period": ("cpu", "realtimePeriod"),
    "cpu_rt_runtime": ("cpu", "realtimeRuntime"),
    "cpuset_cpus": ("cpu", "cpus"),
    "cpuset_mems": ("cpu", "mems"),
    "pids_limit": ("pids", "limit"),
    "blkio_weight": ("blockIO", "weight"),
}
"""Flag -> section and field of linux.resources."""
FLAGS = (
    Flag("resources", "r", STRING, "File with linux.resources as JSON, or - for standard input"),
    Flag("memory", "", MEMORY, "Memory limit"),
    Flag("memory-reservation", "", MEMORY, "Memory that is not taken back under pressure"),
    Flag("memory-swap", "", MEMORY, "Limit of memory and swap together, -1 for none"),
    Flag("kernel-memory", "", MEMORY, "Ignored: kernels count it as memory"),
    Flag("kernel-memory-tcp", "", MEMORY, "Ignored"),
    Flag("cpu-share", "", INT, "Share of the CPUs' time", aliases=("cpu-shares",)),
    Flag("cpu-quota", "", INT, "Microseconds of CPU time in each period"),
    Flag("cpu-period", "", INT, "Microseconds of a period"),
    Flag("cpu-burst", "", INT, "Microseconds that may be saved up"),
    Flag("cpu-idle", "", INT, "1: only when nobody else wants the CPUs"),
    Flag("cpu-rt-period", "", INT, "Microseconds of a real-time period"),
    Flag("cpu-rt-runtime", "", INT, "Microseconds of real-time in each"),
    Flag("cpuset-cpus", "", STRING, "CPUs to use"),
    Flag("cpuset-mems", "", STRING, "Memory nodes to use"),
    Flag("pids-limit", "", INT, "Most processes, -1 for no limit"),
    Flag("blkio-weight", "", INT, "Share of the disks' time: 10 to 1000"),
    Flag("l3-cache-schema", "", STRING, "Refused: there is no Intel RDT"),
    Flag("mem-bw-schema", "", STRING, "Refused: there is no Intel RDT"),
)


def update(call: Call) -> int:
    args = call.args
    for name, what in (
        ("l3_cache_schema", "CAT: l3 cache"),
        ("mem_bw_schema", "MBA: memory bandwidth"),
    ):
        if getattr(args, name):
            raise InvalidArgument(f"Intel RDT/{what} schema is not enabled")
    wanted = resources_file.load(args.resources) if args.resources else of_flags(args)
    call.log.warn(updating.update(call.root, call.id, wanted))
    return 0


def of_flags(args: Args) -> dict[str, Any]:
    """linux.resources of the flags that were given."""
    wanted: dict[str, Any] = {}
    for flag, (section, field) in FIELDS.items():
        if flag in args.given:
            wanted.setdefault(section, {})[field] = getattr(args, flag)
    if args.pids_limit == 0:
        wanted["pids"]["limit"] = 1  # 0 would be no wish at all; with one, there is no other
    return wanted


VERB = Verb("Change the limits of a container", update, "<container-id>", FLAGS, 1, 1)
