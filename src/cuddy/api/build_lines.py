"""A build in the words of Docker's classic builder: its steps one after the other, as lines.

    Step 2/3 : RUN make
     ---> Running in 4a20be7d0fe7            or  ---> Using cache
    what make writes, errors in red
     ---> Removed intermediate container 4a20be7d0fe7
     ---> 359bc67d67f4

Stages that are built side by side are told of in their order: what a later one says waits until it
is its turn, unless that is very much. Instructions that change no files make no step: they are
taken to come from the cache as long as all above them do. No images are made on the way, so ids
between the first and the last are made up, the same for the same steps; containers likewise.
"""

from __future__ import annotations

import codecs

from cuddy import checksum
from cuddy.api import transfers
from cuddy.builder import report
from cuddy.builder.instructions import Copy, Run, Workdir
from cuddy.builder.stages import SCRATCH, global_arguments
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cuddy.builder.instructions import Instruction
    from cuddy.builder.plan import Plan
    from cuddy.builder.report import Event
    from cuddy.builder.stage_run import StageRun
    from cuddy.builder.stages import Stage
    from cuddy.image.progress import Progress

    Tell = Callable[[dict[str, Any]], object]
    FindId = Callable[[str], str]

RED, PLAIN = "\x1b[91m", "\x1b[0m"
MAX_WAITING_BYTES = 1 << 20
"""So much of a stage's output waits for its turn."""
ID_LENGTH = 12


class Row(NamedTuple):
    """One instruction: `head` is its line, "" for a trigger, which has none of its own."""

    head: str
    text: str
    instruction: Instruction | None = None

    @property
    def changes_files(self) -> bool:
        """Whether it is a step, of which events tell."""
        return isinstance(self.instruction, (Run, Copy, Workdir))

    @property
    def runs(self) -> bool:
        """Whether a program runs for it."""
        return isinstance(self.instruction, Run)


class _Stage:
    """A stage that is told of: how far it is, and what waits. `rows`: its FROM comes first."""

    def __init__(self, stage: Stage, rows: list[Row], *, is_cached: bool) -> None:
        self.image = stage.image
        self.parent = stage.parent
        self.rows = rows
        self.trigger_count = 0
        self.position = 0  # of the next row to be told of
        self.is_cached = is_cached
        self.id = ""
        self.waiting: list[tuple[int, Event]] = []
        self.waiting_bytes = 0
        self.decoders: dict[int, codecs.IncrementalDecoder] = {}

    @property
    def is_scratch(self) -> bool:
        """Whether it begins with nothing, of which no event tells."""
        return self.image == SCRATCH and self.parent < 0

    @property
    def steps_left(self) -> bool:
        """Whether events are still to come."""
        return any(row.changes_files for row in self.rows[self.position :])


class BuildLines:
    """Hears a build as its watcher, and tells of it.

    `find_id`: the id of an image that has a name. `is_removing`: whether containers of steps go.
    """

    def __init__(self, tell: Tell, find_id: FindId, build_id: str, *, is_removing: bool) -> None:
        self._tell = tell
        self._find_id = find_id
        self._build_id = build_id
        self._is_removing = is_removing
        self._stages: dict[int, _Stage] = {}
        self._order: list[int] = []
        self._turn = 0
        self._running = ""  # the container of the step that is told of
        self._warnings: list[str] = []
        self.has_plan = False

    # What the builder says.

    def planned(self, plan: Plan, needed: Sequence[Stage]) -> None:
        """Number all instructions, and say the first."""
        self.has_plan = True
        first = global_arguments(plan.dockerfile.instructions)
        labels = " ".join(sorted(plan.options.labels))
        total = len(first) + sum(1 + len(each.instructions) for each in needed) + bool(labels)
        texts = [each.text for each in first]
        heads = (f"Step {number}/{total} : " for number in range(1, total + 1))
        for text in texts:
            self._say_step(f"{next(heads)}{text}")
        for stage in needed:
            opening = Row(f"{next(heads)}{stage.opening.text}", stage.opening.text)
            rows = [
                Row(f"{next(heads)}{each.text}", each.text, each) for each in stage.instructions
            ]
            may_be_cached = not plan.options.no_cache
            self._stages[stage.number] = _Stage(stage, [opening, *rows], is_cached=may_be_cached)
            self._order.append(stage.number)
        if labels:
            last = self._stages[self._order[-1]]
            last.rows.append(Row(f"{next(heads)}LABEL {labels}", f"LABEL {labels}"))
        self._open_turn()

    def opened(self, run: StageRun) -> None:
        """A stage's base is there, and with it the triggers that come before its instructions."""
        stage = self._stages.get(run.stage.number)
        if stage:
            stage.rows[1:1] = [Row("", each.text, each) for each in run.triggers]
            stage.trigger_count = len(run.triggers)

    def pulling(self, part: Progress) -> None:
        """An image comes."""
        self._tell(transfers.pulled(part))

    def hear(self, event: Event) -> None:
        """A step has begun, written something, or ended."""
        if isinstance(event, report.Warned):
            self._warnings.append(event.text)
            return
        number, position = report.place(event.step)
        stage = self._stages.get(number)
        if stage is None or not isinstance(event, (report.Began, report.Output, report.Ended)):
            return
        row = 0 if position == report.OPENING else position + 1
        if self._order[self._turn] == number:
            self._take(stage, row, event)
        else:
            self._keep(stage, row, event)
        self._go_on()

    def finish(self, image_id: str, names: Sequence[str], *, was_known: bool) -> None:
        """The image is there. `was_known`: it had been before."""
        self._go_on()
        last = self._stages[self._order[-1]]
        last.is_cached = last.is_cached and was_known
        self._say_up_to(last, len(last.rows))
        if len(last.rows) > 1:
            self._say(f" ---> {short(image_id)}\n")
        self._tell({"aux": {"ID": image_id}})
        for text in self._warnings:
            self._say(f"[Warning] {text}\n")
        self._say(f"Successfully built {short(image_id)}\n")
        for name in names:
            self._say(f"Successfully tagged {name}\n")

    # Whose turn it is.

    def _keep(self, stage: _Stage, row: int, event: Event) -> None:
        """Let an event wait; more output than there is room for is told out of turn."""
        if isinstance(event, report.Output):
            if stage.waiting_bytes > MAX_WAITING_BYTES:
                self._write(stage, event)
                return
            stage.waiting_bytes += len(event.data)
        stage.waiting.append((row, event))

    def _go_on(self) -> None:
        """Give the next stage its turn, once all of one has been told."""
        while True:
            stage = self._stages[self._order[self._turn]]
            for row, event in stage.waiting:
                self._take(stage, row, event)
            stage.waiting.clear()
            is_last = self._turn + 1 == len(self._order)
            if is_last or not stage.position or stage.steps_left:
                return
            self._say_up_to(stage, len(stage.rows))
            self._turn += 1
            self._open_turn()

    def _open_turn(self) -> None:
        """Say what a stage begins with; an image may still have to come for it."""
        stage = self._stages[self._order[self._turn]]
        self._say_step(stage.rows[0].head)
        if stage.is_scratch:
            self._say_begin(stage)

    # What is said.

    def _take(self, stage: _Stage, row: int, event: Event) -> None:
        if isinstance(event, report.Output):
            self._write(stage, event)
        elif row == 0:
            if isinstance(event, report.Ended) and not event.error:
                self._say_begin(stage)
        elif row < stage.position or row >= len(stage.rows):
            return
        elif isinstance(event, report.Began):
            self._begin(stage, row, event)
        elif isinstance(event, report.Ended) and not event.error:
            self._end(stage, row)

    def _say_begin(self, stage: _Stage) -> None:
        if stage.position:
            return
        stage.position = 1
        if stage.parent >= 0 and stage.parent in self._stages:
            stage.id = self._stages[stage.parent].id
            stage.is_cached = stage.is_cached and self._stages[stage.parent].is_cached
        elif not stage.is_scratch:
            stage.id = short(self._find_id(stage.image))
        self._say(f" ---> {stage.id}\n")
        if stage.trigger_count:
            plural = "s" if stage.trigger_count > 1 else ""
            self._say(f"# Executing {stage.trigger_count} build trigger{plural}\n")

    def _begin(self, stage: _Stage, row: int, event: report.Began) -> None:
        # What changes no files comes from the cache with what follows it.
        stage.is_cached = stage.is_cached and event.cached
        self._say_up_to(stage, row)
        self._say_head(stage.rows[row])
        if event.cached:
            self._say(" ---> Using cache\n")
        elif stage.rows[row].runs:
            self._running = checksum.fingerprint(f"{self._build_id} {event.step}")[:ID_LENGTH]
            self._say(f" ---> Running in {self._running}\n")

    def _end(self, stage: _Stage, row: int) -> None:
        stage.decoders.clear()
        if self._running and self._is_removing:
            self._say(f" ---> Removed intermediate container {self._running}\n")
        self._running = ""
        self._advance(stage, row)

    def _say_up_to(self, stage: _Stage, end: int) -> None:
        """Say the instructions before a row that have not been said: they have made no step."""
        for number in range(max(1, stage.position), end):
            self._say_head(stage.rows[number])
            if stage.is_cached:
                self._say(" ---> Using cache\n")
            self._advance(stage, number)

    def _advance(self, stage: _Stage, row: int) -> None:
        """A row has been told of: only its id is left to say, but for the image's own."""
        stage.position = row + 1
        stage.id = checksum.fingerprint(f"{stage.id} {stage.rows[row].text}")[:ID_LENGTH]
        if stage is not self._stages[self._order[-1]] or stage.position < len(stage.rows):
            self._say(f" ---> {stage.id}\n")

    def _write(self, stage: _Stage, event: report.Output) -> None:
        """What a program has written: its errors in red."""
        decoder = stage.decoders.get(event.stream)
        if decoder is None:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            stage.decoders[event.stream] = decoder
        text = decoder.decode(event.data)
        if text:
            self._say(f"{RED}{text}{PLAIN}" if event.stream == report.STDERR else text)

    def _say_head(self, row: Row) -> None:
        if row.head:
            self._say_step(row.head)

    def _say_step(self, head: str) -> None:
        self._say(head)
        self._say("\n")

    def _say(self, text: str) -> None:
        self._tell({"stream": text})


def short(image_id: str) -> str:
    """Twelve digits of an id."""
    return image_id.partition(":")[2][:ID_LENGTH]
