"""Where the steps of a stage are done: a process of its own, in a view of its own.

    driver                                         workshop, one per stage
    start ───────────────────────────────────────▶ private mount namespace
          ◀─────────────── events, as they come     cache? else snapshot, step, layer
          ◀─────────────── "need" another stage
    its outcome, when it is there ───────────────▶
          ◀─────────────── "outcome", or "failed"
          ◀─────────────── "blob" of each layer     gzip has gone on beside the steps

As many work at once as there are tokens; who waits for a stage has none. Everything that is mounted
is mounted here, and goes with the process.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.builder import cache, layers, report, snapshot
from cuddy.builder.stage_run import Outcome
from cuddy.builder.state import Layer, State
from cuddy.errors import CuddyError, SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

    from cuddy.builder.cache import Asked
    from cuddy.builder.layers import Making
    from cuddy.builder.origins import Origins
    from cuddy.builder.stage_run import StageRun
    from cuddy.builder.steps import Step
    from cuddy.image.workers import Send


class Tokens:
    """So many processes may work at once: each takes a byte out of a pipe, and puts it back."""

    def __init__(self, count: int) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.write(self._writer, bytes(count))

    def __enter__(self) -> None:
        os.read(self._reader, 1)

    def __exit__(self, *_: object) -> None:
        os.write(self._writer, b"\0")

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


class Workshop:
    """The process of one stage. `compresses`: its layers are part of the image."""

    def __init__(
        self, run: StageRun, origins: Origins, tokens: Tokens, send: Send, *, compresses: bool
    ) -> None:
        self.run = run
        self.origins = origins
        self.tokens = tokens
        self.send = send
        self.compresses = compresses
        self.making: list[tuple[Step, Asked, Making]] = []

    def work(self) -> None:
        """The rest of the stage; tells its outcome, or why there is none, and then its blobs."""
        snapshot.enter_private()
        try:
            self.run.advance(self.take)
        except CuddyError as error:
            self.send(failed=as_failure(self.run, error))
        else:
            # Whoever is based on the stage needs no blobs.
            self.send(outcome=self.run.outcome)
        self.finish()

    def finish(self) -> None:
        """Wait for the blobs that are still being made of layers."""
        for step, asked, making in self.making:
            layer = making.finish()
            if step.is_reliable:
                cache.keep(self.run.plan.home, asked, layer)
            self.send(blob=[layer.chain_id, layer.blob])

    def tell(self, event: report.Event) -> None:
        """Hand an event on to the driver."""
        self.send(event=report.to_fields(event))

    def take(self, run: StageRun, step: Step) -> Layer:
        """The layer of a step: the cache's, or made now."""
        asked = self.ask(run, step)
        if asked is None:
            raise SystemFailure(f"{step.name}: what it reads is not there")
        found = run.look_up(asked)
        number = run.number
        if found is None:
            run.explain(asked, number, self.tell)
        with self.tokens:
            self.tell(report.Began(number, step.name, time.time(), found is not None))
            try:
                if found:
                    made = self.adopt(step, found)
                else:
                    made = self.make(step, asked, number)
                    if step.is_reliable:
                        cache.keep(run.plan.home, asked, made)
            except OSError as error:
                told = SystemFailure.from_os(f"{step.name} failed", error)
                self.tell(report.Ended(number, time.time(), error=str(told)))
                raise told from error
            except CuddyError as error:
                self.tell(report.Ended(number, time.time(), error=str(error)))
                raise
            self.tell(report.Ended(number, time.time(), cached=found is not None))
        return made

    def ask(self, run: StageRun, step: Step) -> Asked | None:
        """What the cache is asked for a step; one whose sources are not there has failed."""
        try:
            return step.ask(self.origins)
        except CuddyError as error:
            self.tell(report.Began(run.number, step.name, time.time()))
            self.tell(report.Ended(run.number, time.time(), error=str(error)))
            raise

    def adopt(self, step: Step, found: Layer) -> Layer:
        """A layer of the cache, on what is below it here."""
        if not step.is_link or not found.diff_id:
            return found
        return layers.relink(self.run.plan.home.storage, found, self.run.state.chain_ids)

    def make(self, step: Step, asked: Asked, number: int) -> Layer:
        """Do the step; its layer has no ids if nothing has changed."""
        storage, parents = self.run.plan.home.storage, self.run.state.chain_ids
        with snapshot.Snapshot(storage, [] if step.is_link else parents) as place:
            step.perform(place, self.origins, number, self.tell)
            making = layers.commit(
                storage, place, parents=parents, epoch=self.run.plan.epoch,
                compress=self.compresses,
            )  # fmt: skip
        if making is None:
            return Layer("", "", 0, self.created())
        self.making.append((step, asked, making))
        return making.layer

    def created(self) -> str:
        """When a step was done, as its image tells."""
        return files.now() if self.run.plan.epoch is None else self.run.plan.started


def as_failure(run: StageRun, error: CuddyError) -> dict[str, Any]:
    """What the driver has to know of an error that ends the build."""
    place = run.instructions[run.position].place
    return {
        "kind": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "excerpt": error.excerpt,
        "step": run.number,
        "lines": list(place),
        "status": getattr(error, "status", 0),
        "command": getattr(error, "command", ""),
    }


def read_outcome(fields: list[Any]) -> Outcome:
    """An outcome that came as JSON."""
    (found, config, history, platform, author), declared = fields
    state = State(tuple(Layer(*each) for each in found), config, tuple(history), platform, author)
    return Outcome(state, declared)


def ask(channel: _socket.socket, send: Send, number: int) -> Outcome:
    """The outcome of another stage, once it is there. Raises SystemFailure: nobody answers."""
    send(need=number)
    data = b""
    while not data.endswith(b"\n"):
        piece = channel.recv(1 << 16)
        if not piece:
            raise SystemFailure("the build has ended")
        data += piece
    return read_outcome(files.parse_json(data))
