"""Health checks: what is asked for, and what the results of probes make of a container. Pure.

A probe is a command run in the container every now and then. Docker's rules: one success makes the
container healthy; so many failures in a row make it unhealthy, but those of its start period do not
count as long as it never was healthy. Times are nanoseconds, as in Docker's documents; 0 means the
default. `health_keeper` runs the probes.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container, State
    from cuddy.engine.options import ContainerOptions

MS = 10**6
SECOND = 10**9
DEFAULTS = {
    "Interval": 30 * SECOND, "Timeout": 30 * SECOND, "StartPeriod": 0,
    "StartInterval": 5 * SECOND, "Retries": 3,
}  # fmt: skip
LEAST = MS
LONGEST_NS = 20 * 86400 * SECOND  # what poll(2) can wait for
MAX_OUTPUT_BYTES = 4096
MAX_LOG = 5
SHELL = ("/bin/sh", "-c")
FLAGS = {
    "health_cmd": "Test", "health_interval": "Interval", "health_timeout": "Timeout",
    "health_start_period": "StartPeriod", "health_start_interval": "StartInterval",
    "health_retries": "Retries",
}  # fmt: skip
"""Options by what they set."""


class Result(NamedTuple):
    """How a probe ended; times as RFC 3339 has them. An exit code of -1: it could not be told."""

    start: str
    end: str
    exit_code: int
    output: str


def check(options: ContainerOptions) -> None:
    """Refuse what makes no sense, in docker's words. Raises InvalidArgument."""
    given = {name: getattr(options, name) for name in FLAGS if getattr(options, name)}
    if options.no_healthcheck and given:
        raise InvalidArgument("--no-healthcheck conflicts with --health-* options")
    for name, value in given.items():
        if name == "health_cmd":
            continue
        if value < 0:
            raise InvalidArgument(f"--{name.replace('_', '-')} cannot be negative")
        if name != "health_retries" and value < LEAST:
            raise InvalidArgument(f"{FLAGS[name]} in Healthcheck cannot be less than 1ms")


def settings(options: ContainerOptions, image: dict[str, Any]) -> dict[str, Any]:
    """`Healthcheck` and `Shell` of a container's Config: the user's wishes over the image's."""
    shell = list(options.shell) or image.get("Shell")
    found: dict[str, Any] = {"Shell": shell} if shell else {}
    if options.no_healthcheck:
        return found | {"Healthcheck": {"Test": ["NONE"]}}
    wanted: dict[str, Any] = {}
    for name, field in FLAGS.items():
        if value := getattr(options, name):
            wanted[field] = ["CMD-SHELL", value] if field == "Test" else value
    if options.health_test:
        wanted["Test"] = list(options.health_test)
    merged = (image.get("Healthcheck") or {}) | wanted
    kept = {field: merged[field] for field in FLAGS.values() if merged.get(field)}
    return found | ({"Healthcheck": kept} if kept else {})


def command(config: dict[str, Any]) -> list[str]:
    """The words of a container's probe; none without one."""
    test = (config.get("Healthcheck") or {}).get("Test") or []
    if test[:1] == ["CMD"]:
        return list(test[1:])
    if test[:1] == ["CMD-SHELL"] and test[1:]:
        return [*(config.get("Shell") or SHELL), *test[1:]]
    return []


def value(config: dict[str, Any], field: str) -> int:
    """A number of the check's, or its default; images may say what they like."""
    number = (config.get("Healthcheck") or {}).get(field)
    wanted = number if isinstance(number, int) and number > 0 else DEFAULTS[field]
    return min(wanted, LONGEST_NS)


def begin(state: State, config: dict[str, Any]) -> None:
    """A new life begins; the log of earlier ones stays, as with docker."""
    if command(config):
        log = (state.get("Health") or {}).get("Log") or []
        state["Health"] = {"Status": "starting", "FailingStreak": 0, "Log": log}
    else:
        state.pop("Health", None)


def end(state: State) -> None:
    """Docker calls what has ended unhealthy, for compatibility."""
    if health := state.get("Health"):
        health["Status"] = "unhealthy"


def delay_ns(config: dict[str, Any], status: str, elapsed_ns: int) -> int:
    """How long to wait for the next probe, so long after the start."""
    if status == "starting" and elapsed_ns < value(config, "StartPeriod"):
        return value(config, "StartInterval")
    return value(config, "Interval")


def judge(
    health: dict[str, Any], config: dict[str, Any], result: Result, elapsed_ns: int
) -> dict[str, Any]:
    """The health after a probe that began so long after the start."""
    entry = {
        "Start": result.start,
        "End": result.end,
        "ExitCode": result.exit_code,
        "Output": result.output,
    }
    status, streak = health["Status"], health["FailingStreak"]
    if result.exit_code == 0:
        status, streak = "healthy", 0
    elif status != "starting" or elapsed_ns >= value(config, "StartPeriod"):
        streak += 1
        if streak >= value(config, "Retries"):
            status = "unhealthy"
    log = [*(health.get("Log") or []), entry][-MAX_LOG:]
    return {"Status": status, "FailingStreak": streak, "Log": log}


def output_text(data: bytes, *, timed_out_ns: int = 0) -> str:
    """What a probe wrote, as the log has it: cut, and preceded by what went wrong."""
    cut = "..." if len(data) > MAX_OUTPUT_BYTES else ""
    text = data[:MAX_OUTPUT_BYTES].decode("utf-8", "replace") + cut
    if not timed_out_ns:
        return text
    reason = f"Health check exceeded timeout ({go_duration(timed_out_ns)})"
    return f"{reason}: {text}" if text else reason


def go_duration(nanoseconds: int) -> str:
    """A duration as Go prints it: 1m30s, 1.5s, 300ms."""
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", MS)):
        if nanoseconds < size * 1000:
            return f"{decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * SECOND)
    text = f"{decimal(rest, SECOND)}s"
    if minutes >= 60:
        return f"{minutes // 60}h{minutes % 60}m{text}"
    return f"{minutes}m{text}" if minutes else text


def decimal(number: int, unit: int) -> str:
    """A number of units without needless zeros."""
    whole, rest = divmod(number, unit)
    fraction = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def of(record: Container) -> dict[str, Any]:
    """A container's health, empty without a check."""
    return record["State"].get("Health") or {}
