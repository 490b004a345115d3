"""How a build is shown while it goes on: BuildKit's forms, on standard error.

    plain     #7 [build 2/5] RUN make      lines, each with the number of its step before it; one
              #7 0.123 gcc -c a.c          step has the floor until it ends or falls silent, what
              #7 DONE 1.2s                 others say meanwhile comes after
    tty       all steps at once, redrawn in place: `build_view.py`
    rawjson   BuildKit's SolveStatus, a document a line: `build_raw.py`
    quiet     nothing but the image's id, on standard output; none: not even that

`auto` is tty at a terminal and plain elsewhere.
"""

from __future__ import annotations

import os

from cuddy.builder import report
from cuddy.cli.build_lines import Lines, warnings_text, write_error
from cuddy.errors import InvalidArgument
from cuddy.escape import printable
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from cuddy.builder.report import Event

    class Display(Protocol):
        """Something that is told all events; `close` draws the last and gives back a terminal."""

        def __call__(self, event: Event) -> None: ...

        def close(self) -> None: ...


FORMS = ("auto", "none", "plain", "quiet", "rawjson", "tty")
SILENT_S = 2.0
WAITING_CHARACTERS = 1 << 18
BETWEEN_PROGRESS_S = 5.0


def choose(wanted: str, environment: Mapping[str, str], *, quiet: bool) -> str:
    """The form that flags and environment ask for. Raises InvalidArgument."""
    form = wanted if wanted != "auto" else ""
    form = "quiet" if quiet else form or environment.get("BUILDKIT_PROGRESS") or "auto"
    if form not in FORMS:
        raise InvalidArgument(f"invalid progress mode {form}", hint=f"one of {', '.join(FORMS)}")
    if form in ("auto", "tty"):
        is_drawable = os.isatty(2) and environment.get("TERM") != "dumb"
        return "tty" if is_drawable else "plain"
    return form


def open_display(form: str, environment: Mapping[str, str]) -> Display:
    """A display of a form that `choose` has chosen, on standard error."""
    if form == "tty":
        from cuddy.cli.build_view import View

        return View(environment)
    if form == "rawjson":
        from cuddy.cli.build_raw import Raw

        return Raw(write_error)
    return Plain(write_error) if form == "plain" else Silent()


class Silent:
    """Shows nothing."""

    def __call__(self, event: Event) -> None:
        pass

    def close(self) -> None:
        pass


class _Step:
    """One step in plain form. `waiting`: lines that were not printed yet."""

    def __init__(self, number: int, name: str, began: float) -> None:
        self.number = number
        self.name = printable(name)
        self.began = began
        self.heard = began
        self.has_spoken = False
        self.has_ended = False
        self.waiting: list[str] = []
        self.waiting_size = 0
        self.streams: dict[int, Lines] = {}
        self.progress: dict[str, tuple[float, str]] = {}  # by what: when shown last, how far it is

    def add(self, text: str) -> None:
        self.waiting.append(f"#{self.number} {text}\n")
        self.waiting_size += len(text)

    def add_lines(self, lines: list[str], at: float) -> None:
        for line in lines:
            self.add(f"{max(0.0, at - self.began):.3f} {line}")


class Plain:
    """Lines for files and pipes. `write` is given whole lines.

    `goes_on`: steps without an end may still come to one.
    """

    def __init__(self, write: Callable[[str], None], *, goes_on: bool = False) -> None:
        self._write = write
        self._steps: dict[int, _Step] = {}  # that were not shown to their end yet
        self._floor: _Step | None = None
        self._missed: dict[int, str] = {}  # of steps that have not begun yet: why they have to
        self._warnings: list[str] = []
        self._is_first = True
        self._goes_on = goes_on

    def __call__(self, event: Event) -> None:
        if isinstance(event, report.Warned):
            self._warnings.append(event.text)
            return
        if isinstance(event, report.Began):
            step = self._steps[event.step] = _Step(event.step, event.name, event.at)
            if event.step in self._missed:
                step.add(self._missed.pop(event.step))
        elif isinstance(event, report.Missed):
            self._missed[event.step] = f"not cached: {printable(event.why)}"
        elif event.step in self._steps:
            self._hear(self._steps[event.step], event)
        self._show()

    def close(self) -> None:
        """Show what still waits, and the warnings."""
        for step in self._steps.values():
            if not self._goes_on:
                step.add("CANCELED")
            step.has_ended = True
        self._show()
        if text := warnings_text(self._warnings):
            self._write(text)

    def _hear(self, step: _Step, event: Event) -> None:
        if isinstance(event, report.Output):
            step.heard = event.at
            lines = step.streams.setdefault(event.stream, Lines())
            step.add_lines(lines.feed(event.data), event.at)
        elif isinstance(event, report.Progress):
            step.heard = event.at
            _hear_progress(step, event)
        elif isinstance(event, report.Ended):
            _hear_end(step, event)

    def _show(self) -> None:
        """Let whoever has the floor speak, and the next when it has said all."""
        while (step := self._next()) is not None:
            text = ""
            if step is not self._floor:
                gap = "" if self._is_first else "\n"
                if self._floor is not None:
                    gap = f"#{self._floor.number} ...\n\n"
                text = f"{gap}#{step.number} {step.name}\n"
                self._floor, self._is_first = step, False
            text += "".join(step.waiting)
            step.has_spoken |= bool(step.waiting)
            step.waiting.clear()
            step.waiting_size = 0
            if step.has_ended:
                del self._steps[step.number]
                self._floor = None
            self._write(text)

    def _next(self) -> _Step | None:
        """Who has something to say that may be said now."""
        floor = self._floor
        if floor is not None and (floor.waiting or floor.has_ended):
            return floor
        others = [step for step in self._steps.values() if step is not floor]
        speakers = [step for step in others if step.waiting]
        if floor is None:
            return next(iter(speakers or others), None)
        latest = max((step.heard for step in speakers), default=0.0)
        for step in speakers:
            is_short = step.has_ended and not floor.has_spoken
            is_long = step.waiting_size > WAITING_CHARACTERS
            if is_short or is_long or latest - floor.heard > SILENT_S:
                return step
        return None


def _hear_progress(step: _Step, event: report.Progress) -> None:
    """Shown when it is done, and now and then on the way; without an amount there is none yet."""
    shown, _ = step.progress.get(event.what, (event.at, ""))
    text = printable(event.what)
    if event.done or event.total:
        text += f": {human_size(event.done)}"
    if event.total and event.done >= event.total:
        step.progress.pop(event.what, None)
        step.add(f"{text} done")
        return
    if event.at - shown > BETWEEN_PROGRESS_S:
        shown = event.at
        step.add(f"{text} / {human_size(event.total)}" if event.total else text)
    step.progress[event.what] = (shown, text)


def _hear_end(step: _Step, event: report.Ended) -> None:
    for lines in step.streams.values():
        step.add_lines(lines.end(), event.at)
    for _, text in step.progress.values():
        step.add(text if event.error else f"{text} done")
    if event.error:
        step.add(f"ERROR: {printable(event.error)}")
    elif event.cached:
        step.add("CACHED")
    else:
        step.add(f"DONE {max(0.0, event.at - step.began):.1f}s")
    step.heard = event.at
    step.has_ended = True
