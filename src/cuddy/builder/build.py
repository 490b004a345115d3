"""Build: a Dockerfile and what it may read become an image.

    parse ─▶ stages ─▶ bases ─▶ cache pass ─▶ workshops ─▶ image, names, other outputs

The cache pass goes through every stage in this process, as far as the cache knows the layers. If it
knows them all nothing is started and nothing is mounted. What is left of the stages is built by
workshops, one process each, side by side.
"""

from __future__ import annotations

from cuddy import files
from cuddy.builder import (
    arguments,
    beginnings,
    cache,
    context,
    dockerfile,
    export,
    origins,
    report,
    stages,
    steps,
    workshop,
)  # fmt: skip
from cuddy.builder.export import Finished
from cuddy.builder.instructions import Copy, Run
from cuddy.builder.stage_run import Outcome, Plan, StageRun
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image import digest as digests
from cuddy.image import platform, snapshots, store
from cuddy.image.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.builder.beginnings import Registry
    from cuddy.builder.built import Built
    from cuddy.builder.context import Context
    from cuddy.builder.named import Contexts, Named
    from cuddy.builder.options import BuildOptions
    from cuddy.builder.remote_sources import RemoteSources
    from cuddy.builder.report import Numbering, Tell
    from cuddy.builder.stages import Stage
    from cuddy.builder.state import Layer, State
    from cuddy.builder.steps import Step
    from cuddy.engine.home import Home
    from cuddy.image.platform import Platform

DEFINITION, METADATA, CONTEXT, EXPORT = 1, 2, 3, 4
"""Numbers of what is no instruction; see `Numbering`."""
IMAGES = 100


def build(
    home: Home,
    options: BuildOptions,
    *,
    stdin_fd: int = -1,
    stdout_fd: int = 1,
    settings: Settings | None = None,
    tell: Tell,
) -> Built:
    """Build what the options say. Raises CuddyError; StepFailed if one of the steps fails.

    `settings`: how registries are reached; None: images that are not here are not to be had.
    """
    scratch = f"{home.tmp_dir}/{files.name_temporary()}"
    telling = report.Numbering(tell)
    export.check(options, stdout_fd)
    try:
        files.make_directory(home.build_dir)
        files.make_directory(scratch)
        with store.lease(home.storage):
            telling.began(DEFINITION, "[internal] load build definition")
            with context.open(options, stdin_fd, scratch, settings or Settings()) as found:
                telling.ended(DEFINITION)
                registry = beginnings.Registry(settings, options.pull)
                targets = [platform.parse(each) for each in options.platforms or ("",)]
                made = [
                    Build(home, options, found, target, registry, scratch, telling).run()
                    for target in targets
                ]
                return export.export(
                    home, options, made, telling, settings=settings, stdout_fd=stdout_fd
                )
    except OSError as error:
        raise SystemFailure.from_os("the build failed", error) from error
    finally:
        files.remove_tree(scratch)


class Build:
    """One image for one platform."""

    def __init__(
        self, home: Home, options: BuildOptions, found: Context, target: Platform,
        registry: Registry, scratch: str, tell: Numbering,
    ) -> None:  # fmt: skip
        self.home = home
        self.target = target
        self.registry = registry
        self.tell = tell
        self.plan = read_plan(home, options, found, target)
        self.wanted = self.plan.stages.target(options.target)
        self.needed = self.plan.stages.needed(self.wanted)
        self.outcomes: dict[int, Outcome] = {}
        self.runs: dict[int, StageRun] = {}
        self.scratch = scratch
        self.named = self.open_named(scratch)
        self.fetched: RemoteSources | None = None
        self.origins = origins.Origins(
            self.plan, found, self.named, self.outcomes, self.bring, self.fetching
        )
        self.begun: dict[str, State] = {}
        self.has_looked = False

    def open_named(self, scratch: str) -> Contexts | dict[str, Named]:
        """The contexts that the user has given names."""
        texts = self.plan.options.build_contexts
        if not texts:
            return {}
        # Imported here, as in `find_alias`.
        from cuddy.builder.named import Contexts

        settings = self.registry.settings or Settings()
        return Contexts(
            texts, self.home.storage, f"{scratch}/named", settings, self.bring,
            platform=str(self.target),
        )  # fmt: skip

    def fetching(self) -> RemoteSources:
        """What brings the URLs of ADD, once in a build."""
        from cuddy.builder.remote_sources import RemoteSources

        if self.fetched is None:
            settings = self.registry.settings or Settings()
            notes_dir = f"{self.home.build_dir}/digests"
            self.fetched = RemoteSources(self.scratch, settings, notes_dir)
        return self.fetched

    def run(self) -> Finished:
        """The state of the target. Raises CuddyError."""
        try:
            return self.make()
        finally:
            if self.fetched:
                self.fetched.close()
            if not isinstance(self.named, dict):
                self.named.close()

    def make(self) -> Finished:
        """Go through all stages, then build what is left of them."""
        for text in self.warnings():
            self.tell(report.Warned(0, text))
        for stage in self.needed:
            for _, name in stages.sources(stage):
                self.origins.prepare(stage, name)
        for stage in self.needed:
            self.look_through(stage)
        if self.wanted.number not in self.outcomes:
            self.work()
        return self.finished(self.outcomes[self.wanted.number].state)

    def finished(self, state: State) -> Finished:
        """The state of the target as it is to be an image."""
        epoch = self.plan.epoch
        if self.plan.options.squash:
            from cuddy.builder import squash

            state = squash.squash_state(self.home.storage, state, epoch=epoch)
        return Finished(state, self.plan.started, epoch)

    def warnings(self) -> list[str]:
        """What the user should know of the arguments."""
        declared = [
            name
            for instruction in self.plan.dockerfile.instructions
            for name, _ in getattr(instruction, "pairs", ())
        ]
        names = arguments.unused(self.plan.given, declared)
        told = f"One or more build-args [{' '.join(names)}] were not consumed"
        return [told] if names else []

    def bring(self, name: str, target: Platform | None = None) -> State:
        """The image of that name, brought if it is not here. Raises as `beginnings.find`."""
        target = target or self.target
        key = f"{name} {target}"
        if key not in self.begun:
            number = IMAGES + len(self.begun)
            self.tell.began(number, f"[internal] load metadata for {name}")
            self.begun[key] = beginnings.resolve(self.home, name, target, self.registry)
            self.tell.ended(number)
        return self.begun[key]

    def look_through(self, stage: Stage) -> None:
        """The stage as far as the cache has it; nothing if its base is still to be built."""
        found = self.beginning_of(stage)
        if found is None:
            return
        run = StageRun(self.plan, stage, found)
        self.runs[stage.number] = run
        if stage.image != stages.SCRATCH:
            opening = workshop.number_of(run) + workshop.POSITIONS - 1
            self.tell.began(opening, steps.shown_opening(run))
            self.tell.ended(opening, cached=True)
        if run.advance(self.look):
            self.outcomes[stage.number] = run.outcome

    def beginning_of(self, stage: Stage) -> Outcome | None:
        """What a stage begins with; None if it is a stage that is not there yet."""
        if stage.parent >= 0:
            return self.outcomes.get(stage.parent)
        if stage.image in self.named:
            found = self.named[stage.image].state
            if found is None:
                raise InvalidArgument(f"the context {stage.image} is no image to build upon")
        else:
            target = platform.parse(stage.platform) if stage.platform else self.target
            found = self.bring(stage.image, target)
        if self.plan.options.unset:
            from cuddy.builder import unset

            found = unset.unset_state(found, self.plan.options.unset)
        return Outcome(found, {})

    def look(self, run: StageRun, step: Step) -> Layer | None:
        """The layer that the cache has for a step; None if it has none, or none that is usable."""
        if workshop.is_uncached(run):
            return None
        asked = self.ask(step)
        if asked is None:
            return None
        found = cache.look(self.home, asked)
        if found is None:
            self.explain(run, step, asked)
            return None
        if step.is_link and found.diff_id:
            parents = run.state.chain_ids
            chain_id = digests.chain_ids([*parents[-1:], found.diff_id])[-1]
            if not snapshots.has(self.home.storage, chain_id):
                return None
            found = found._replace(chain_id=chain_id)
        number = workshop.number_of(run)
        self.tell.began(number, step.name)
        self.tell.ended(number, cached=True)
        return found

    def ask(self, step: Step) -> cache.Asked | None:
        """What the cache is to be asked; the first look into the build context takes longest."""
        reads_context = isinstance(step.instruction, Copy) and not step.instruction.from_
        if not reads_context or self.has_looked:
            return step.ask(self.origins)
        self.has_looked = True
        self.tell.began(CONTEXT, "[internal] load build context")
        asked = step.ask(self.origins)
        self.tell.ended(CONTEXT)
        return asked

    def explain(self, run: StageRun, step: Step, asked: cache.Asked) -> None:
        """Say why the first step of a stage is not in the cache that is not."""
        if self.plan.options.explain_cache:
            text = cache.explain(self.home, asked)
            self.tell(report.Missed(workshop.number_of(run), text))

    def work(self) -> None:
        """Build what the cache did not have."""
        from cuddy.builder import crew

        if any(isinstance(each, Run) for stage in self.needed for each in stage.instructions):
            # Here rather than in each workshop, and before the first of them begins.
            from cuddy.builder import run

            run.check(self.plan.options)
        with crew.Crew(self.plan, self.tell, self.finish) as self.crew:
            self.crew.outcomes = self.outcomes
            self.employ()
            self.crew.run()

    def employ(self) -> None:
        """Start a workshop for every stage that can be worked on."""
        chain = self.chain()
        for stage in self.needed:
            if stage.number in self.outcomes or stage.number in self.crew.started:
                continue
            if stage.number not in self.runs:
                self.look_through(stage)
            if stage.number in self.outcomes:
                self.crew.provide(stage.number, self.outcomes[stage.number])
            elif run := self.runs.get(stage.number):
                compresses = stage.number in chain and export.needs_blobs(self.plan.options)
                self.crew.start(run, self.origins, compresses=compresses)

    def finish(self, number: int, outcome: Outcome) -> None:
        """A workshop is done: others may begin now."""
        self.outcomes[number] = outcome
        self.crew.provide(number, outcome)
        self.employ()

    def chain(self) -> set[int]:
        """The stages whose layers the image has: the target, what it is based on, and so on."""
        found = set()
        stage: Stage | None = self.wanted
        while stage:
            found.add(stage.number)
            stage = self.plan.stages.all[stage.parent] if stage.parent >= 0 else None
        return found


def read_plan(home: Home, options: BuildOptions, found: Context, target: Platform) -> Plan:
    """What the Dockerfile says. Raises InvalidArgument."""
    parsed = dockerfile.parse(found.dockerfile, found.dockerfile_name)
    given = arguments.parse(options.build_args)
    automatic = arguments.of_platforms(platform.host(), target, options.target)
    epoch = options.timestamp
    if epoch is None and given.get(arguments.EPOCH):
        epoch = read_epoch(given[arguments.EPOCH])
    values, declared = arguments.of_globals(
        stages.global_arguments(parsed.instructions), given, automatic, parsed.escape
    )
    divided = stages.Stages(parsed.instructions, values, parsed.escape, find_alias(options))
    started = files.now() if epoch is None else files.format_time(epoch * 10**9)
    return Plan(
        home, options, parsed, found.dockerfile_name, divided, given, automatic | declared,
        epoch, started,
    )  # fmt: skip


def find_alias(options: BuildOptions) -> Callable[[str], str | None]:
    """What the user's named contexts make of a name: see `Stages`. Raises InvalidArgument."""
    if not options.build_contexts:
        return str
    # Imported here: most builds have none.
    from cuddy.builder import named

    wishes = named.parse_all(options.build_contexts)

    def alias(name: str) -> str | None:
        wish = wishes.get(named.key(name))
        if wish is None:
            return name
        return wish.where if wish.kind == named.STAGE else None

    return alias


def read_epoch(text: str) -> int:
    """SOURCE_DATE_EPOCH (reproducible-builds.org). Raises InvalidArgument."""
    if not (text.isdecimal() and text.isascii() and len(text) < 12):
        raise InvalidArgument(f"invalid {arguments.EPOCH} {text[:40]!r}", hint="seconds since 1970")
    return int(text)
