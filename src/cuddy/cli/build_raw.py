"""--progress=rawjson: what a build tells as BuildKit's `SolveStatus`, a document a line.

Reference: moby/buildkit client/graph.go. A vertex is a step, known by a digest, which here follows
from its number and name; bytes are base64, as Go writes them.
"""

from __future__ import annotations

import binascii

from cuddy import checksum, escape, files
from cuddy.builder import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.builder.report import Event


class Raw:
    """A document for each event."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._vertexes: dict[int, dict[str, Any]] = {}
        self._statuses: dict[tuple[int, str], dict[str, Any]] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, report.Began):
            self._begin(event)
        elif isinstance(event, report.Ended):
            self._end(event)
        elif isinstance(event, report.Output):
            log = {"vertex": self._digest(event.step), "stream": event.stream}
            log |= {"data": _encoded(event.data), "timestamp": _time(event.at)}
            self._say(logs=[log])
        elif isinstance(event, report.Progress):
            self._progress(event)
        elif isinstance(event, report.Missed):
            self._warn(event.step, f"not cached: {event.why}")
        else:
            self._warn(event.step, event.text)

    def close(self) -> None:
        """Nothing is held back."""

    def _say(self, **parts: list[dict[str, Any]]) -> None:
        self._write(files.format_json(parts) + "\n")

    def _digest(self, step: int) -> str:
        return str(self._vertexes.get(step, {}).get("digest", ""))

    def _begin(self, event: report.Began) -> None:
        digest = checksum.fingerprint(f"{event.step} {escape.printable(event.name)}")
        vertex = {"digest": f"sha256:{digest}"}
        vertex |= {"name": event.name, "started": _time(event.at)}
        self._vertexes[event.step] = vertex
        self._say(vertexes=[vertex])

    def _end(self, event: report.Ended) -> None:
        ended = [status for (step, _), status in self._statuses.items() if step == event.step]
        for status in ended:
            status |= {"timestamp": _time(event.at), "completed": _time(event.at)}
        vertex = self._vertexes.get(event.step, {}) | {"completed": _time(event.at)}
        if event.cached:
            vertex["cached"] = True
        if event.error:
            vertex["error"] = event.error
        self._say(vertexes=[vertex], **({"statuses": ended} if ended else {}))

    def _progress(self, event: report.Progress) -> None:
        status = self._statuses.setdefault(
            (event.step, event.what),
            {"id": event.what, "vertex": self._digest(event.step), "started": _time(event.at)},
        )
        status |= {"current": event.done, "timestamp": _time(event.at)}
        if event.total:
            status["total"] = event.total
        self._say(statuses=[status])

    def _warn(self, step: int, text: str) -> None:
        short = _encoded(text.encode("utf-8", "replace"))
        self._say(warnings=[{"vertex": self._digest(step), "level": 1, "short": short}])


def _encoded(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _time(at: float) -> str:
    return files.format_time(int(at * 1_000_000) * 1000)
