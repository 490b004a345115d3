"""The driver's side of the workshops: which stages are being built, what they tell and ask."""

from __future__ import annotations

import _socket
import os
import select

from cuddy import files
from cuddy.builder import excerpt, report, workshop
from cuddy.builder.instructions import Place
from cuddy.builder.workshop import Tokens, Workshop
from cuddy.errors import StepFailed
from cuddy.image import workers
from cuddy.shapes import NamedTuple
from cuddy.undo import Shield

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.builder.origins import Origins
    from cuddy.builder.plan import Plan
    from cuddy.builder.report import Numbering
    from cuddy.builder.stage_run import Outcome, StageRun
    from cuddy.engine.home import Home
    from cuddy.image.spec import Descriptor
    from cuddy.image.workers import Send


class Employed(NamedTuple):
    """A workshop as the driver knows it."""

    worker: workers.Worker
    number: int  # of its stage
    channel: _socket.socket


class Workshops:
    """The workshops of one build; leaving the `with` block ends those that still work.

    `tell` hears their events, `finished` the outcome of each stage.
    """

    def __init__(
        self, plan: Plan, tell: Numbering, finished: Callable[[int, Outcome], None]
    ) -> None:
        self.plan = plan
        self.tell = tell
        self.number_of = tell.number
        self.finished = finished
        self.outcomes: dict[int, Outcome] = {}
        self.blobs: dict[str, Descriptor] = {}  # of layers that were made, by chain id
        self.started: set[int] = set()
        self.waiting: list[tuple[int, _socket.socket]] = []
        self.employed: dict[int, Employed] = {}
        self._crew = workers.Crew()
        self._tokens = Tokens(max(1, len(os.sched_getaffinity(0))))

    def __enter__(self) -> Workshops:
        return self

    def __exit__(self, *_: object) -> None:
        with Shield():  # another Ctrl-C waits until all is cleared
            self._crew.__exit__()
            for each in self.employed.values():
                each.channel.close()
            self._tokens.close()
            if self.employed:
                clear_up(self.plan.home)

    def start(self, run: StageRun, origins: Origins, *, compresses: bool) -> None:
        """Have the rest of a stage built."""
        ours, theirs = _socket.socketpair()

        def work(send: Send) -> None:
            origins.ask = lambda number: workshop.ask(theirs, send, number)
            Workshop(run, origins, self._tokens, send, compresses=compresses).work()

        worker = self._crew.start(f"stage {run.stage.shown}", work, closing=(ours.fileno(),))
        theirs.close()
        self.employed[worker.fd] = Employed(worker, run.stage.number, ours)
        self.started.add(run.stage.number)

    def provide(self, number: int, outcome: Outcome) -> None:
        """A stage is there: for who waits for it, and who will ask."""
        self.outcomes[number] = outcome
        for wanted, channel in [each for each in self.waiting if each[0] == number]:
            self.waiting.remove((wanted, channel))
            answer(channel, outcome)

    def run(self) -> None:
        """Listen until every workshop is done. Raises StepFailed, CuddyError."""
        while self.employed:
            poll = select.poll()
            for fd in self.employed:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll():
                employed = self.employed[fd]
                for message in employed.worker.messages():
                    self.take(employed, message)

    def take(self, employed: Employed, message: dict[str, Any]) -> None:
        """One message of a workshop."""
        if "event" in message:
            self.tell(report.from_fields(message["event"]))
        elif "need" in message:
            self.need(message["need"], employed.channel)
        elif "outcome" in message:
            self.finished(employed.number, workshop.read_outcome(message["outcome"]))
        elif "blob" in message:
            chain_id, blob = message["blob"]
            self.blobs[chain_id] = blob
        elif "failed" in message:
            raise failure(message["failed"], self.plan, self.number_of(message["failed"]["step"]))
        elif "error" in message:
            raise workers.received_error(message)
        elif "ended" in message:
            del self.employed[employed.worker.fd]
            employed.channel.close()

    def need(self, number: int, channel: _socket.socket) -> None:
        """A workshop waits for a stage."""
        if number in self.outcomes:
            answer(channel, self.outcomes[number])
        else:
            self.waiting.append((number, channel))


def prepare_to_run() -> None:
    """Import what runs programs, once for all workshops that will do so."""
    from cuddy.builder import run_step as run_step


def clear_up(home: Home) -> None:
    """Clear what workshops leave that were killed at their work: their steps, their snapshots."""
    # Imported here: most builds come to a good end.
    from cuddy.engine import build_run

    build_run.sweep(home)
    files.sweep_temporary(home.tmp_dir)


def answer(channel: _socket.socket, outcome: Outcome) -> None:
    """Hand the outcome of a stage to a workshop; one that has died tells so by itself."""
    try:
        channel.sendall(files.format_json(outcome).encode() + b"\n")
    except BrokenPipeError:
        pass


def failure(facts: dict[str, Any], plan: Plan, number: int) -> StepFailed:
    """The error of a step that failed in a workshop; `number`: as the build's report has it."""
    place = Place(*facts["lines"])
    return StepFailed(
        facts["message"],
        hint=facts["hint"],
        step=number,
        excerpt=facts["excerpt"] or excerpt.around(plan.name, plan.dockerfile.lines, place),
        status=facts["status"],
        command=facts["command"],
    )
