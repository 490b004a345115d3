"""The steps of a stage: what RUN, COPY, ADD and WORKDIR read, see and do.

Each knows what the cache is to be asked (`ask`), and how to do it in the mounted root of a snapshot
(`perform`). What it asks by must say all that its result depends on.
"""

from __future__ import annotations

import posixpath

from cuddy.builder import cache, heredoc
from cuddy.builder.instructions import Copy, Run, Workdir
from cuddy.errors import InvalidArgument, NotFound
from cuddy.image import changes, words
from cuddy.image import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from cuddy.builder.cache import Asked
    from cuddy.builder.inputs import Reading
    from cuddy.builder.instructions import Instruction
    from cuddy.builder.origins import Origins
    from cuddy.builder.report import Tell
    from cuddy.builder.snapshot import Snapshot
    from cuddy.builder.stage_run import StageRun

    class Step(Protocol):
        """What changes files. `history`: how the image's history tells of it."""

        @property
        def instruction(self) -> Run | Copy | Workdir: ...

        run: StageRun
        name: str
        history: str
        is_link: bool  # its layer does not depend on what is below it
        is_reliable: bool  # nothing that was read has changed since the cache was asked

        def ask(self, origins: Origins) -> Asked | None:
            """What the cache is asked; None where that cannot be known here."""

        def perform(self, snapshot: Snapshot, origins: Origins, number: int, tell: Tell) -> None:
            """Do it. Raises CuddyError."""


def plan(run: StageRun, instruction: Instruction) -> Step:
    """The step of an instruction at the place where its stage stands. Raises InvalidArgument."""
    if isinstance(instruction, Run):
        return RunStep(run, instruction)
    if isinstance(instruction, Copy):
        return CopyStep(run, instruction)
    assert isinstance(instruction, Workdir)
    return DirectoryStep(run, instruction)


def count(instructions: list[Instruction]) -> int:
    """How many steps there are among the instructions."""
    return sum(isinstance(each, (Run, Copy, Workdir)) for each in instructions)


def shown(run: StageRun, instruction: Instruction) -> str:
    """The name of a step: `[build 2/5] RUN make`; FROM is the first of a stage."""
    return f"{place_shown(run, run.files_done + 2)} {' '.join(instruction.text.split())}"


def shown_opening(run: StageRun) -> str:
    """The name of what a stage begins with."""
    return f"{place_shown(run, 1)} FROM {run.stage.image}"


def place_shown(run: StageRun, number: int) -> str:
    """The platform if there are several, the stage, and which of its steps."""
    stage = f"{run.stage.shown} " if run.stage.name or len(run.plan.stages.all) > 1 else ""
    platform = f"{run.state.platform} " if len(run.plan.options.platforms) > 1 else ""
    return f"[{platform}{stage}{number}/{run.step_count + 1}]"


def place_of(run: StageRun) -> str:
    """Where a step stands, to compare it with what stood there before."""
    return f"{run.plan.options.context}:{run.plan.name}:{run.stage.shown}:{run.position}"


class RunStep:
    """RUN: a command in a container on what is there so far."""

    is_link = False

    def __init__(self, run: StageRun, instruction: Run) -> None:
        self.is_reliable = True
        self.mounted: list[tuple[str, str]] | None = None
        self.run = run
        self.instruction = instruction
        self.name = shown(run, instruction)
        self.config = run.state.config
        self.values = run.values()
        self.arguments = run.scope.effective(run.own)
        self.shell = self.config.get("Shell") or changes.DEFAULT_SHELL
        self.argv, self.script = heredoc.command(instruction, self.shell)
        if any("\0" in word for word in self.argv):
            raise InvalidArgument("RUN: a NUL character in an argument")
        told = [f"{name}={value}" for name, value in self.arguments.items()]
        before = f"|{len(told)} {' '.join(told)} " if told else ""
        self.history = f"RUN {before}{' '.join(self.argv)}"

    def expand(self, text: str) -> str:
        """The text of an option, variables replaced."""
        return words.expand(text, self.values, self.run.plan.dockerfile.escape)

    @property
    def environment(self) -> tuple[str, ...]:
        """All variables that the command sees."""
        proxies = self.run.scope.proxies()
        lent = [f"{name}={value}" for name, value in (proxies | self.arguments).items()]
        kept = (e for e in self.run.environment if e.partition("=")[0] not in self.arguments)
        return (*lent, *kept)

    def ask(self, origins: Origins) -> Asked | None:
        """Everything the command sees, and what is mounted for it."""
        run, options = self.run, self.run.plan.options
        mounted = self.mounted = self.read_mounts(origins)
        if mounted is None:
            return None
        sees = [
            ("command", "\0".join(self.argv)),
            ("script", (self.script or b"").decode("utf-8", "surrogateescape")),
            ("user", self.config.get("User") or ""),
            ("workdir", self.config.get("WorkingDir") or "/"),
            ("network", self.instruction.network or options.network),
            ("security", self.instruction.security),
            ("devices", " ".join(map(self.expand, self.instruction.devices))),
            ("hosts", " ".join(options.add_hosts)),
            *((f"ENV {entry.partition('=')[0]}", entry) for entry in run.environment),
            *((f"ARG {name}", f"={value}") for name, value in self.arguments.items()),
            *mounted,
        ]
        return asked(self, tuple((name, value) for name, value in sees if value))

    def read_mounts(self, origins: Origins) -> list[tuple[str, str]] | None:
        """What there is to see of the mounts; None where that cannot be known."""
        if not self.instruction.mounts:
            return []
        # Imported here: most steps mount nothing.
        from cuddy.builder import mounts_flag

        found = []
        for number, text in enumerate(self.instruction.mounts):
            wanted = mounts_flag.parse(text, self.expand)
            found.append((f"mount {number}", text))
            if wanted.type == "bind":
                digest = origins.read_mount(self.run.stage, wanted.from_, wanted.source)
                if digest is None:
                    return None
                found.append((f"files of mount {number}", digest))
            elif wanted.from_ and origins.state(self.run.stage, wanted.from_) is None:
                return None
        return found

    def perform(self, snapshot: Snapshot, origins: Origins, number: int, tell: Tell) -> None:
        """Run it. Raises StepFailed if it does not end well, CuddyError if it cannot begin."""
        from cuddy.builder import run_step

        run_step.carry_out(self, snapshot, origins, number, tell)
        # Somebody may have changed a context meanwhile: then it has seen one or the other.
        try:
            self.is_reliable = self.read_mounts(origins) == self.mounted
        except NotFound:
            self.is_reliable = False


class CopyStep:
    """COPY and ADD."""

    def __init__(self, run: StageRun, instruction: Copy) -> None:
        self.run = run
        values, escape = run.values(), run.plan.dockerfile.escape

        def replace(text: str) -> str:
            return words.expand(text, values, escape)

        target = replace(instruction.target)
        if not target:
            raise InvalidArgument(f"{'ADD' if instruction.is_add else 'COPY'}: no target is left")
        self.instruction = instruction._replace(
            sources=tuple(map(replace, instruction.sources)),
            target=absolute(run.state.config.get("WorkingDir") or "/", target),
            chown=replace(instruction.chown),
            chmod=replace(instruction.chmod),
            checksum=replace(instruction.checksum),
            exclude=tuple(map(replace, instruction.exclude)),
            heredocs=tuple(
                each._replace(content=words.expand_text(each.content, values))
                if each.expands
                else each
                for each in instruction.heredocs
            ),
        )
        self.name = shown(run, instruction)
        self.history = instruction.text
        self.is_link = instruction.link
        self.is_reliable = True
        self.reading: Reading | None = None

    def ask(self, origins: Origins) -> Asked | None:
        """What is read, and how it is to be written."""
        self.reading = origins.read(self.run.stage, self.instruction)
        if self.reading is None:
            return None
        copy = self.instruction
        sees = [
            ("target", copy.target),
            ("chown", copy.chown),
            ("chmod", copy.chmod),
            ("unpack", "" if copy.unpack is None else str(copy.unpack)),
            ("parents", str(copy.parents) if copy.parents else ""),
        ]
        return asked(self, tuple((name, value) for name, value in sees if value), self.reading)

    def perform(self, snapshot: Snapshot, origins: Origins, number: int, tell: Tell) -> None:
        stamp = origins.copy(self.run.stage, self.instruction, snapshot)
        self.is_reliable = self.reading is None or stamp == self.reading.stamp


class DirectoryStep:
    """WORKDIR: a directory that is there afterwards; who is USER owns it if it is new."""

    is_link = False
    is_reliable = True

    def __init__(self, run: StageRun, instruction: Workdir) -> None:
        self.run = run
        self.instruction = instruction
        self.path = run.state.config.get("WorkingDir") or "/"
        self.name = shown(run, instruction)
        self.history = f"WORKDIR {self.path}"

    def ask(self, origins: Origins) -> Asked | None:
        user = self.run.state.config.get("User") or ""
        return asked(self, (("path", self.path), *([("user", user)] if user else [])))

    def perform(self, snapshot: Snapshot, origins: Origins, number: int, tell: Tell) -> None:
        from cuddy.builder import workdir

        workdir.make(snapshot.root, self.path, self.run.state.config.get("User") or "")


def asked(step: Step, sees: tuple[tuple[str, str], ...], reading: Reading | None = None) -> Asked:
    """What the cache is asked for a step."""
    run = step.run
    return cache.Asked(
        instruction=step.instruction.text.split(None, 1)[0].upper(),
        parent="" if step.is_link else parent_of(run),
        sees=sees,
        reading=reading,
        epoch=run.plan.epoch,
        place=place_of(run),
        shown=step.instruction.text,
        from_=f"{run.stage.image} ({digests.short(run.beginning)})",
    )


def parent_of(run: StageRun) -> str:
    """What a step stands on: the topmost layer's chain id."""
    return run.state.layers[-1].chain_id if run.state.layers else ""


def absolute(workdir: str, target: str) -> str:
    """A target below the working directory, unless it says otherwise; a last slash stays."""
    found = posixpath.normpath(posixpath.join("/", workdir, target)).strip("/")
    is_directory = target.endswith("/") or posixpath.basename(target) in (".", "..")
    return f"/{found}/" if found and is_directory else f"/{found}"
