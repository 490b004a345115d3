"""A container's log in a notebook, which grows while the container writes."""

from __future__ import annotations

import importlib
import time
from collections import deque

from cuddy.library import notebook
from cuddy.library.requests import Request
from cuddy.library.talk import Talk
from cuddy.library.values import LogLine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.library.link import Link

EVERY_S = 0.1
"""Between two drawings."""


class LiveLogs:
    """The last lines of a container's log. As the value of a cell it grows until the container has
    ended, or the cell is interrupted; the container does not mind. Elsewhere it is text.
    """

    def __init__(self, link: Link, container_id: str, name: str, lines: int) -> None:
        self._link = link
        self._request = Request("logs", {
            "name": container_id, "follow": True, "tail": lines, "since": "", "until": "",
        })  # fmt: skip
        self._name = name
        self._lines: deque[str] = deque(maxlen=lines)

    def __str__(self) -> str:
        return "\n".join(self._lines)

    def __repr__(self) -> str:
        return f"<LiveLogs of {self._name}, {len(self._lines)} lines>"

    def _repr_html_(self) -> str:
        return notebook.text(str(self), f"log of {self._name}")

    def drawings(self) -> Iterator[str]:
        """The log as HTML, again and again until the container has ended."""
        drawn_s = 0.0
        with Talk(self._link, self._request) as talk:
            for batch in talk.batches():
                self._lines.extend(LogLine.of(said.value).text for said in batch)
                left_s = drawn_s + EVERY_S - time.monotonic()
                if batch and (left_s <= 0 or talk.is_quiet(left_s)):
                    drawn_s = time.monotonic()
                    yield self._repr_html_()
        yield self._repr_html_()

    def _ipython_display_(self) -> None:
        # Whoever calls this is IPython, which is no dependency of ours.
        shown: Any = importlib.import_module("IPython.display")
        handle = shown.display(shown.HTML(self._repr_html_()), display_id=True)
        try:
            for drawing in self.drawings():
                handle.update(shown.HTML(drawing))
        except KeyboardInterrupt:
            pass  # enough seen
