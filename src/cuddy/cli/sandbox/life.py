"""How long a sandbox lives: flags of those who make one."""

from __future__ import annotations

from cuddy.cli.flags import INT, Args, Flag, Kind

BILLION = 10**9


def _time(word: str) -> int:
    """A duration in nanoseconds: 90s, 1h30m, or a number of seconds."""
    # Imported here: few name one.
    from cuddy.engine import moments

    return moments.duration(f"{word}s" if word.replace(".", "", 1).isdecimal() else word)


OWNER = Flag("owner", "", INT, "Process with which it ends: its pid, $$ in a shell")
TTL = Flag("ttl", "", Kind("duration", _time), "Time after which it ends (s|m|h)")


def ttl_s(args: Args) -> float | None:
    """Seconds that it has, if somebody has said so."""
    return None if args.ttl is None else args.ttl / BILLION
