"""What a build tells about itself while it goes on; whoever shows it or keeps it hears all of it.

A step is known by its number. Times are seconds since the epoch.
"""

from __future__ import annotations

import time

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol, TypeAlias

    from cuddy.builder.plan import Plan
    from cuddy.builder.stage_run import StageRun
    from cuddy.builder.stages import Stage
    from cuddy.image import progress

    Event: TypeAlias = "Began | Ended | Output | Progress | Missed | Warned"
    Tell: TypeAlias = Callable[[Event], None]

    class Watcher(Protocol):
        """Who wants to know of the Dockerfile's instructions, not only of steps.

        Steps have the numbers that they have inside of the build: see `place`.
        """

        def planned(self, plan: Plan, needed: Sequence[Stage]) -> None:
            """What is about to be built."""

        def opened(self, run: StageRun) -> None:
            """What a stage begins with is there, and with it the triggers of its base."""

        def pulling(self, part: progress.Progress) -> None:
            """How far an image is that comes from its registry."""

        def hear(self, event: Event) -> None:
            """What everybody hears."""


STDOUT, STDERR = 1, 2
DEFINITION, CONTEXT, EXPORT = 1, 2, 3
OUTPUTS, PUSHES, IMAGES = 1_000, 2_000, 3_000
"""By these the build itself knows what it tells of and is no instruction; the latter are the first
of several. Nobody else hears them, see `Numbering`.
"""
PER_STAGE = 1_000_000
"""More than a stage has instructions: the number of a step is made of both."""


OPENING = PER_STAGE - 1


def place(step: int) -> tuple[int, int]:
    """Stage and position of a step's number inside of the build; its FROM's is OPENING."""
    stage, position = divmod(step, PER_STAGE)
    return stage - 1, position


class Began(NamedTuple):
    """A step has begun. `name`: `[stage-1 2/5] RUN make`, or `[internal] load build context`.

    `cached`: the cache has it, so it is about to end.
    """

    step: int
    name: str
    at: float
    cached: bool = False


class Ended(NamedTuple):
    """A step has come to its end. `error`: why it failed; `cached`: nothing had to be done."""

    step: int
    at: float
    cached: bool = False
    error: str = ""


class Output(NamedTuple):
    """What a step's program has written. `stream`: STDOUT or STDERR."""

    step: int
    stream: int
    data: bytes
    at: float


class Progress(NamedTuple):
    """How far something of a step is. `total`: 0 if nobody knows; bytes."""

    step: int
    what: str  # such as "transferring context"
    done: int
    total: int
    at: float


class Missed(NamedTuple):
    """The cache did not have a step, as --explain-cache tells: what differs from what it has."""

    step: int
    why: str


class Warned(NamedTuple):
    """Something the user should hear, of a step or (0) of the whole."""

    step: int
    text: str


def to_fields(event: Event) -> list[Any]:
    """An event for JSON: what it is called, and its fields; output as text, byte for byte."""
    fields: list[Any] = list(event)
    if isinstance(event, Output):
        fields[2] = event.data.decode("utf-8", "surrogateescape")
    return [NAMES[type(event)], *fields]


def from_fields(fields: list[Any]) -> Event:
    """The event of what `to_fields` made; whoever did not make it checks it first."""
    name, *values = fields
    kind = KINDS[name]
    if kind is Output:
        values[2] = values[2].encode("utf-8", "surrogateescape")
    event: Event = kind(*values)
    return event


KINDS: dict[str, type[Any]] = {
    "began": Began, "ended": Ended, "output": Output, "progress": Progress, "missed": Missed,
    "warned": Warned,
}  # fmt: skip
NAMES = {kind: name for name, kind in KINDS.items()}


class Numbering:
    """Steps get their numbers in the order in which they are heard of; 0 stays the whole build."""

    def __init__(self, tell: Tell, watcher: Watcher | None = None) -> None:
        self._tell = tell
        self.watcher = watcher
        self._numbers: dict[int, int] = {0: 0}
        self._count = 0

    def restart(self) -> None:
        """From here on what is told of is something else: another platform's."""
        self._count += len(self._numbers) - 1
        self._numbers = {0: 0}

    def __call__(self, event: Event) -> None:
        self._tell(event._replace(step=self.number(event.step)))
        if self.watcher:
            self.watcher.hear(event)

    def number(self, raw: int) -> int:
        """What a step is called outside."""
        return self._numbers.setdefault(raw, self._count + len(self._numbers))

    def began(self, step: int, name: str, *, cached: bool = False) -> None:
        """Tell that something begins."""
        self(Began(step, name, time.time(), cached))

    def ended(self, step: int, *, cached: bool = False) -> None:
        """Tell that something is done."""
        self(Ended(step, time.time(), cached))

    def warn(self, text: str) -> None:
        """Tell of something that concerns the whole build."""
        self(Warned(0, text))
