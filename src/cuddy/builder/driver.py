"""The driver of a build: one image for one platform.

    plan ─▶ bases ─▶ cache pass ─▶ workshops

The cache pass goes through every stage in this process, as far as a cache knows the layers. If it
knows them all nothing is started and nothing is mounted. What is left of the stages is built by
workshops, one process each, side by side.
"""

from __future__ import annotations

import time

from cuddy.builder import (
    beginnings,
    cache,
    complaints,
    excerpt,
    origins,
    report,
    stages,
    steps,
    surroundings,
)  # fmt: skip
from cuddy.builder.export import Finished
from cuddy.builder.findings import Surroundings
from cuddy.builder.instructions import Copy, Run
from cuddy.builder.stage_run import Outcome, StageRun
from cuddy.errors import CuddyError, InvalidArgument, RegistryUnreachable, StepFailed
from cuddy.image import digest as digests
from cuddy.image import platform, snapshots
from cuddy.image.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.beginnings import Registry
    from cuddy.builder.context import Context
    from cuddy.builder.instructions import Instruction
    from cuddy.builder.named_contexts import Contexts, Named
    from cuddy.builder.plan import Plan
    from cuddy.builder.report import Numbering
    from cuddy.builder.stages import Stage
    from cuddy.builder.state import Layer, State
    from cuddy.builder.steps import Step
    from cuddy.image.platform import Platform
    from cuddy.image.progress import Progress
    from cuddy.image.pull import Report
DOCKERS_LAYERS = 125
"""Images of more are refused by docker when it loads or pulls them."""


class Driver:
    """One image for one platform."""

    def __init__(
        self, plan: Plan, found: Context, target: Platform, registry: Registry, scratch: str,
        tell: Numbering, *, compresses: bool,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.home = plan.home
        self.target = target
        self.compresses = compresses
        self.registry = registry
        self.tell = tell
        self.wanted = plan.stages.target(plan.options.target)
        self.needed = self.plan.stages.needed(self.wanted)
        self.outcomes: dict[int, Outcome] = {}
        self.runs: dict[int, StageRun] = {}
        self.named = self.open_named(scratch)
        self.origins = origins.Origins(
            plan, found, self.named, self.outcomes, self.bring, scratch,
            registry.settings or Settings(),
        )  # fmt: skip
        self.begun: dict[str, State] = {}
        self.has_looked = False

    def open_named(self, scratch: str) -> Contexts | dict[str, Named]:
        """The contexts that the user has given names."""
        texts = self.plan.options.build_contexts
        if not texts:
            return {}
        # Imported here: most builds have none.
        from cuddy.builder.named_contexts import Contexts

        settings = self.registry.settings or Settings()
        return Contexts(
            self.plan.options, self.home.storage, f"{scratch}/named", settings, self.bring,
            platform=str(self.target),
        )  # fmt: skip

    def run(self, *, complains: bool) -> Finished:
        """The state of the target. `complains`: about the Dockerfile. Raises CuddyError."""
        try:
            return self.make(complains=complains)
        finally:
            self.origins.close()
            if not isinstance(self.named, dict):
                self.named.close()

    def make(self, *, complains: bool) -> Finished:
        """Go through all stages, then build what is left of them."""
        if self.tell.watcher:
            self.tell.watcher.planned(self.plan, self.needed)
        for stage in self.needed:
            self.prepare(stage, stage.instructions)
        if complains:
            self.complain()
        for stage in list(self.needed):
            self.look_through(stage)
        if self.wanted.number not in self.outcomes:
            self.work()
        return self.finished()

    def complain(self) -> None:
        """Tell what build checks find. Raises InvalidArgument if that is an error."""
        known = {
            stage.opening: surroundings.variables(self.image_of(stage).config)
            for stage in self.needed
            if stage.parent < 0
        }
        around = Surroundings(known.get, surroundings.ignored(self.origins.context.tree.ignore))
        for text in complaints.of(self.plan.dockerfile, self.plan.given, around):
            self.tell.warn(text)

    def prepare(self, stage: Stage, instructions: Sequence[Instruction]) -> None:
        """Have what instructions name at hand, unless it is a stage. Raises CuddyError."""
        for instruction, name in stages.sources(instructions):
            try:
                self.origins.prepare(stage, name)
            except CuddyError as error:
                self.show_place(error, instruction)
                error.hint = self.plan.stages.hint(name) or error.hint
                raise

    def show_place(self, error: CuddyError, instruction: Instruction) -> None:
        """Have an error tell which instruction it is about."""
        lines = self.plan.dockerfile.lines
        error.excerpt = error.excerpt or excerpt.around(self.plan.name, lines, instruction.place)

    def finished(self) -> Finished:
        """What has come of it."""
        state = self.outcomes[self.wanted.number].state
        everything = {
            layer.chain_id: layer
            for outcome in self.outcomes.values()
            for layer in outcome.state.layers
        }
        if self.plan.options.squash:
            from cuddy.builder import squash

            state = squash.squash_state(self.home.storage, state, epoch=self.plan.epoch)
        if (count := len(state.layers)) > DOCKERS_LAYERS:
            self.tell.warn(f"{count} layers; docker takes images of up to {DOCKERS_LAYERS} of them")
        return Finished(state, self.plan.started, self.plan.epoch, tuple(everything.values()))

    def bring(self, name: str, target: Platform | None = None) -> State:
        """The image of that name, brought if it is not here. Raises as `beginnings.find`."""
        target = target or self.target
        key = f"{name} {target}"
        if key not in self.begun:
            number = report.IMAGES + len(self.begun)
            self.tell.began(number, f"[internal] load metadata for {name}")
            try:
                registry = self.registry._replace(progress=self.pulling(number))
                self.begun[key] = beginnings.resolve(self.home, name, target, registry)
            except CuddyError as error:
                if isinstance(error, RegistryUnreachable) or name not in error.message:
                    error.message = f"{name}: {error.message}"
                self.tell(report.Ended(number, time.time(), error=str(error)))
                raise
            self.tell.ended(number)
        return self.begun[key]

    def pulling(self, number: int) -> Report:
        """Tells of an image that comes, as part of a step."""

        def tell(part: Progress) -> None:
            if self.tell.watcher:
                self.tell.watcher.pulling(part)
            if part.total:
                what = f"{part.id} {part.state.lower()}"
                self.tell(report.Progress(number, what, part.current, part.total, time.time()))

        return tell

    def look_through(self, stage: Stage) -> None:
        """The stage as far as the cache has it; nothing if its base is still to be built."""
        found = self.beginning_of(stage)
        if found is None:
            return
        run = StageRun(self.plan, stage, found)
        self.runs[stage.number] = run
        self.prepare_triggers(run)
        if self.tell.watcher:
            self.tell.watcher.opened(run)
        if stage.image != stages.SCRATCH:
            opening = run.opening_number
            self.tell.began(opening, steps.shown_opening(run), cached=True)
            self.tell.ended(opening, cached=True)
        if run.advance(self.look):
            self.outcomes[stage.number] = run.outcome

    def prepare_triggers(self, run: StageRun) -> None:
        """Have at hand what the ONBUILD instructions of a base read, be it another stage."""
        self.prepare(run.stage, run.triggers)
        if run.triggers:
            self.plan.stages.learn(run.stage, run.triggers)
            known = {stage.number for stage in self.needed}
            for stage in self.plan.stages.needed(run.stage)[:-1]:
                if stage.number not in known:
                    self.add(stage)

    def add(self, stage: Stage) -> None:
        """Count a stage among the needed ones."""
        self.needed.append(stage)
        self.prepare(stage, stage.instructions)
        self.look_through(stage)

    def beginning_of(self, stage: Stage) -> Outcome | None:
        """What a stage begins with; None if it is a stage that is not there yet."""
        if stage.parent >= 0:
            return self.outcomes.get(stage.parent)
        return Outcome(self.image_of(stage), {})

    def image_of(self, stage: Stage) -> State:
        """The image that a stage is based on. Raises CuddyError."""
        if stage.image in self.named:
            named = self.named[stage.image].state
            if named is None:
                raise InvalidArgument(f"the context {stage.image} is no image to build upon")
            found = named
        else:
            target = platform.parse(stage.platform) if stage.platform else self.target
            try:
                found = self.bring(stage.image, target)
            except CuddyError as error:
                self.show_place(error, stage.opening)
                raise
        if self.plan.options.unset:
            from cuddy.builder import unset

            found = unset.unset_state(found, self.plan.options.unset)
        return found

    def look(self, run: StageRun, step: Step) -> Layer | None:
        """The layer that the cache has for a step; None if it has none, or none that is usable."""
        try:
            asked = self.ask(step)
        except CuddyError as error:
            raise self.failed(run, step, error) from error
        if asked is None:
            return None
        found = run.look_up(asked)
        if found is None:
            run.explain(asked, run.number, self.tell)
            return None
        if step.is_link and found.diff_id:
            parents = run.state.chain_ids
            chain_id = digests.chain_ids([*parents[-1:], found.diff_id])[-1]
            if not snapshots.has(self.home.storage, chain_id):
                return None
            found = found._replace(chain_id=chain_id)
        number = run.number
        self.tell.began(number, step.name, cached=True)
        self.tell.ended(number, cached=True)
        return found

    def ask(self, step: Step) -> cache.Asked | None:
        """What the cache is to be asked; the first look into the build context takes longest."""
        reads_context = isinstance(step.instruction, Copy) and not step.instruction.from_
        if not reads_context or self.has_looked:
            return step.ask(self.origins)
        self.has_looked = True
        self.tell.began(report.CONTEXT, "[internal] load build context")
        try:
            return step.ask(self.origins)
        finally:
            self.tell.ended(report.CONTEXT)

    def failed(self, run: StageRun, step: Step, error: CuddyError) -> StepFailed:
        """The error of a step whose sources are not what they should be."""
        number = run.number
        self.tell.began(number, step.name)
        self.tell(report.Ended(number, time.time(), error=str(error)))
        shown = excerpt.around(self.plan.name, self.plan.dockerfile.lines, step.instruction.place)
        told = self.tell.number(number)
        return StepFailed(error.message, hint=error.hint, step=told, excerpt=shown)

    def work(self) -> None:
        """Build what the cache did not have."""
        from cuddy.builder import workshops

        if any(isinstance(each, Run) for stage in self.needed for each in stage.instructions):
            workshops.prepare_to_run()
        with workshops.Workshops(self.plan, self.tell, self.finish) as self.workshops:
            self.workshops.outcomes = self.outcomes
            self.employ()
            self.workshops.run()
        for number, outcome in self.outcomes.items():
            self.outcomes[number] = outcome.with_blobs(self.workshops.blobs)

    def employ(self) -> None:
        """Start a workshop for every stage that can be worked on."""
        chain = self.chain()
        for stage in self.needed:  # which may become more
            if stage.number in self.outcomes or stage.number in self.workshops.started:
                continue
            if stage.number not in self.runs:
                self.look_through(stage)
            if stage.number in self.outcomes:
                self.workshops.provide(stage.number, self.outcomes[stage.number])
            elif run := self.runs.get(stage.number):
                compresses = stage.number in chain and self.compresses
                self.workshops.start(run, self.origins, compresses=compresses)

    def finish(self, number: int, outcome: Outcome) -> None:
        """A workshop is done: others may begin now."""
        self.outcomes[number] = outcome
        self.workshops.provide(number, outcome)
        self.employ()

    def chain(self) -> set[int]:
        """The stages whose layers the image has: the target, what it is based on, and so on."""
        found = set()
        stage: Stage | None = self.wanted
        while stage:
            found.add(stage.number)
            stage = self.plan.stages.all[stage.parent] if stage.parent >= 0 else None
        return found
