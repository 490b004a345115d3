"""The progress of a pull or push: bars at a terminal, Docker's plain lines everywhere else.

with progress.Display(sys.stdout) as show:
    pull.pull(..., progress=show)
"""

from __future__ import annotations

import _signal
import time

from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, TextIO

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from cuddy.image.progress import Progress

MOVING = ("Downloading", "Extracting", "Pushing", "Loading layer")
DONE = (
    "Download complete", "Pull complete", "Already exists", "Pushed", "Layer already exists",
    "Loaded layer",
)  # fmt: skip
REFRESH_S = 0.1


class Display:
    """Called with every step. Leaving the `with` block restores the terminal.

    SIGTERM ends the block as Ctrl-C does, so that the workers and half-made layers go with it.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._bars = _Bars(stream) if stream.isatty() and not quiet else None
        self._previous: Any = None

    def __enter__(self) -> Display:
        self._previous = _signal.signal(_signal.SIGTERM, _terminate)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            self._bars.stop()
        _signal.signal(_signal.SIGTERM, self._previous)

    def __call__(self, step: Progress) -> None:
        if self._quiet:
            return
        if self._bars and self._bars.take(step):
            return
        if step.state not in MOVING:
            line = f"{step.id}: {step.state}" if step.id else step.state
            print(line, file=self._stream, flush=True)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


class _Bars:
    """A line for each layer, redrawn in place. No thread: each step may redraw, not too often."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live: RichProgress | None = None
        self._rows: dict[str, TaskID] = {}
        self._states: dict[str, str] = {}
        self._drawn = 0.0

    def take(self, step: Progress) -> bool:
        """Show a step of a layer; False if it is about the whole image."""
        if not step.id or step.state.startswith("Pulling from"):
            self.stop()
            return False
        if self._live is None:
            self._live = _make_live(self._stream)
            self._live.start()
        if step.id not in self._rows:
            self._rows[step.id] = self._live.add_task("", total=1, layer=step.id, amount="")
        self._live.update(
            self._rows[step.id],
            description=step.state,
            completed=step.current if step.state in MOVING else _share(step.state),
            total=max(step.total, 1) if step.state in MOVING else 1,
            amount=_amount(step),
        )
        changed = self._states.get(step.id) != step.state
        self._states[step.id] = step.state
        if changed or time.monotonic() - self._drawn > REFRESH_S:
            self._live.refresh()
            self._drawn = time.monotonic()
        return True

    def stop(self) -> None:
        """Draw the last state and give the terminal back; the next image has lines of its own."""
        if self._live is not None:
            self._live.stop()
        self._live = None
        self._rows.clear()
        self._states.clear()


def _make_live(stream: TextIO) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.fields[layer]}:", markup=False),
        TextColumn("{task.description:<20}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[amount]:>17}", markup=False),
        console=Console(file=stream, highlight=False),
        auto_refresh=False,
        expand=True,
    )


def _share(state: str) -> int:
    """A bar of a layer that nothing moves in: full when it is there, else empty."""
    return int(state in DONE or state.startswith("Mounted from"))


def _amount(step: Progress) -> str:
    if step.state not in MOVING:
        return ""
    return f"{human_size(step.current)}/{human_size(step.total)}"
