"""Calls that go on while something is told: logs, events, execs; and files in and out."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.library.serving import Call


def logs(
    call: Call, name: str, follow: bool, tail: int | None, since: str, until: str
) -> None:  # fmt: skip
    """What a container has written: stream, time and line as items."""
    from cuddy import files
    from cuddy.engine import logs as reading
    from cuddy.engine import moments

    now_ns = time.time_ns()
    since, until = (
        files.format_time(moments.moment(each, now_ns)) if each else "" for each in (since, until)
    )
    found = reading.read(call.home, name, follow=follow, tail=tail, since=since, until=until)
    for entry in found:
        for line in entry.data.removesuffix(b"\n").split(b"\n"):
            call.item([entry.stream, entry.time, line.decode(errors="surrogateescape")])


def events(call: Call, filters: list[tuple[str, str]], since: str, until: str) -> None:
    """What happens, as items; first an empty one, when nothing more is missed."""
    from cuddy.engine import event_filters, event_log, moments

    now_ns = time.time_ns()
    since_ns, until_ns = (moments.moment(each, now_ns) if each else None for each in (since, until))
    wanted = event_filters.parse([(name, value) for name, value in filters])
    found = event_log.follow(call.home, wanted, since_ns=since_ns, until_ns=until_ns)
    call.item(None)
    for event in found:
        call.item(event)


def follow_stats(call: Call, name: str, every_s: float) -> None:
    """What it uses, as items, as long as it runs."""
    from cuddy.engine import containers
    from cuddy.engine.stats_series import Series

    series = Series(call.home, containers.find(call.home, name))
    for reading in series.readings(every_s):
        if not series.is_alive:
            return
        call.item(reading)


def attach(call: Call, name: str) -> dict[str, Any]:
    """The streams of one that runs; first an item, when nothing more is missed: can it be written
    to, and has it a terminal?
    """
    from cuddy.engine import attach as attaching
    from cuddy.engine import containers, frames
    from cuddy.library.joining import Joined

    config = containers.find(call.home, name)["Config"]
    attachment = attaching.attach(call.home, name, stdin=True, also=frames.WANT_CLOSING)
    call.item([config["OpenStdin"], config["Tty"]])
    Joined(call, attachment, stdin=True).run()
    return {"ExitCode": attachment.exit_code}


def exec_(call: Call, name: str, options: dict[str, Any]) -> dict[str, Any]:
    """One more command in a container, its streams on the call."""
    from cuddy.engine import containers, sandbox_usage
    from cuddy.engine import exec as executing
    from cuddy.engine.options import ExecOptions
    from cuddy.library import speech
    from cuddy.library.joining import Joined

    container_id = containers.find_id(call.home, name)
    killed = sandbox_usage.oom_kills(call.home, container_id)
    session = executing.exec_attached(call.home, name, ExecOptions(**speech.with_tuples(options)))
    try:
        Joined(call, session, stdin=bool(options["interactive"])).run()
        code = session.wait()
    finally:
        session.close()
    return {
        "ExitCode": code, "TimedOut": session.timed_out, "Warnings": session.warnings,
        "OOMKilled": sandbox_usage.oom_kills(call.home, container_id) > killed,
    }  # fmt: skip


def put(call: Call, name: str, source: str, target: str) -> None:
    """From this machine into a container."""
    from cuddy.engine import cp

    cp.cp_in(call.home, source, name, target, cp.Options())


def get(call: Call, name: str, source: str, target: str) -> None:
    """From a container to this machine."""
    from cuddy.engine import cp

    cp.cp_out(call.home, name, source, target, cp.Options())


def take(call: Call, name: str, path: str, limit_bytes: int) -> None:
    """What is at a path, as an archive to the descriptor that came along."""
    from cuddy.engine import cp_archive

    cp_archive.take(call.home, name, path, call.fds[0], limit_bytes=limit_bytes)


def unpack(call: Call, name: str, path: str, to_user: bool) -> None:
    """An archive from the descriptor, into a directory of a container; `to_user`: its user's."""
    from cuddy.engine import cp_archive

    cp_archive.put(
        call.home, name, path, call.fds[0],
        to_user=to_user, gives_way=to_user, replaces=not to_user,
    )  # fmt: skip


def export(call: Call, name: str) -> None:
    """A container's root as a tar to the descriptor."""
    from cuddy.engine import export as exporting

    exporting.export(call.home, name, call.fds[0])
