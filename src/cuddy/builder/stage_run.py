"""A stage on its way from its base to its last instruction.

What only changes the config is done at once. What changes files is a step (`steps.py`): the cache
is asked for it, and only a workshop, which lives in a process of its own, can do what it lacks.
"""

from __future__ import annotations

from cuddy.builder import cache, mistakes, report, steps
from cuddy.builder.arguments import Scope
from cuddy.builder.instructions import Arg, Change, From, Workdir
from cuddy.builder.state import Layer, State
from cuddy.errors import InvalidArgument
from cuddy.image import changes
from cuddy.image.forms import Form
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cuddy.builder.arguments import Values
    from cuddy.builder.cache import Asked
    from cuddy.builder.instructions import Instruction
    from cuddy.builder.plan import Plan
    from cuddy.builder.report import Tell
    from cuddy.builder.stages import Stage
    from cuddy.builder.steps import Step
    from cuddy.image.spec import Descriptor, History

    Work = Callable[["StageRun", Step], Layer | None]


MOST_LAYERS = 500
"""More of them the kernel does not mount at once."""


class Outcome(NamedTuple):
    """What a stage leaves to those that are based on it."""

    state: State
    declared: dict[str, str]  # arguments

    def with_blobs(self, blobs: Mapping[str, Descriptor]) -> Outcome:
        """The same with the blobs that some of its layers, by chain id, have got meanwhile."""
        layers = tuple(
            each if each.blob else each._replace(blob=blobs.get(each.chain_id))
            for each in self.state.layers
        )
        return self._replace(state=self.state._replace(layers=layers))


class StageRun:
    """One stage. `work`: given a step, makes its layer, or None where it cannot be made."""

    def __init__(self, plan: Plan, stage: Stage, found: Outcome) -> None:
        self.plan = plan
        self.stage = stage
        self.scope = Scope(plan.given, plan.known, found.declared)
        self.state, triggers = take_triggers(found.state)
        self.own = changes.Own(self.state.config)
        self.beginning = "".join(self.state.chain_ids[-1:])
        self.triggers = [parse_trigger(plan, stage, text) for text in triggers]
        self.instructions: list[Instruction] = [*self.triggers, *stage.instructions]
        self.step_count = steps.count(self.instructions)
        self.history = list(self.state.history)
        self.position = 0
        self.files_done = 0
        self.has_command = False
        self.is_explained = False

    @property
    def opening_number(self) -> int:
        """The number of its FROM, the same in every process."""
        return (self.stage.number + 2) * report.PER_STAGE - 1

    @property
    def number(self) -> int:
        """The number of the step at which it stands, the same in every process."""
        return (self.stage.number + 1) * report.PER_STAGE + self.position

    @property
    def outcome(self) -> Outcome:
        """What there is so far."""
        return Outcome(self.state._replace(history=tuple(self.history)), self.scope.declared)

    @property
    def environment(self) -> list[str]:
        """The variables of the image."""
        return list(self.state.config.get("Env") or ())

    def values(self) -> Values:
        """What variables in an instruction mean here."""
        return self.scope.values(self.own)

    def advance(self, work: Work) -> bool:
        """Go on as far as `work` can; whether the stage is finished. Raises CuddyError."""
        while self.position < len(self.instructions):
            instruction = self.instructions[self.position]
            try:
                if not self.take(instruction, work):
                    return False
            except InvalidArgument as error:
                if error.message.startswith(f"{self.plan.name}:"):
                    raise  # its place is known
                raise self.mistake(instruction, error) from None
            self.position += 1
        return True

    def mistake(self, instruction: Instruction, error: InvalidArgument) -> InvalidArgument:
        """An error with its place in the file."""
        return mistakes.at(
            self.plan.name, self.plan.dockerfile.lines, instruction.place, error.message,
            hint=error.hint,
        )  # fmt: skip

    def take(self, instruction: Instruction, work: Work) -> bool:
        """Carry out one instruction; False if that cannot be done here."""
        if isinstance(instruction, Arg):
            self.scope.declare(instruction, self.own, self.plan.dockerfile.escape)
            self.note(f"ARG {' '.join(map(self.shown_argument, instruction.pairs))}")
        elif isinstance(instruction, Change) and instruction.name == "MAINTAINER":
            self.state = self.state._replace(author=instruction.rest)
            self.note(instruction.text)
        elif isinstance(instruction, Change):
            self.change(instruction.name, instruction.rest, instruction.flags)
            self.note(instruction.text)
        elif not isinstance(instruction, From):
            return self.take_step(instruction, work)
        return True

    def shown_argument(self, pair: tuple[str, str | None]) -> str:
        """An argument as the history tells of it."""
        value = self.scope.declared.get(pair[0])
        return pair[0] if value is None else f"{pair[0]}={value}"

    def change(self, name: str, rest: str, flags: tuple[tuple[str, str], ...] = ()) -> None:
        """Change the config."""
        form = Form(name, rest, flags, self.plan.dockerfile.escape)
        changed = changes.change(
            self.state.config, form, self.values(), keeps_command=self.has_command, own=self.own
        )
        self.has_command = self.has_command or name == "CMD"
        self.state = self.state._replace(config=changed)

    @property
    def may_look(self) -> bool:
        """Whether what was done before counts."""
        options = self.plan.options
        names = {self.stage.name, str(self.stage.number)} & set(options.no_cache_filter)
        return not (options.no_cache or names)

    def look_up(self, asked: Asked) -> Layer | None:
        """The layer that a cache has for a step of this stage: ours, or one elsewhere."""
        if not self.may_look:
            return None
        found = cache.look(self.plan.home, asked)
        if found is None and self.plan.imports:
            return self.plan.imports.look(asked, self.state.chain_ids)
        return found

    def explain(self, asked: Asked, number: int, tell: Tell) -> None:
        """Say of the first step that is not in the cache why, if the user wants to know."""
        if self.plan.options.explain_cache and not self.is_explained:
            self.is_explained = True
            why = "" if self.may_look else "--no-cache"
            why = why or cache.explain(self.plan.home, asked).replace("\n", "; ")
            tell(report.Missed(number, why))

    def take_step(self, instruction: Instruction, work: Work) -> bool:
        """An instruction that changes files: by a layer that is there, or one that is made."""
        before = self.state
        if len(before.layers) >= MOST_LAYERS:
            message = f"max depth exceeded: an image has at most {MOST_LAYERS} layers"
            raise InvalidArgument(message, hint="one RUN for several commands makes one layer")
        if isinstance(instruction, Workdir):
            self.change("WORKDIR", instruction.path)
        step = steps.plan(self, instruction)
        layer = work(self, step)
        if layer is None:
            self.state = before
            return False
        self.files_done += 1
        if layer.diff_id:
            self.state = self.state._replace(layers=(*self.state.layers, layer))
        self.note(step.history, layer)
        return True

    def note(self, created_by: str, layer: Layer | None = None) -> None:
        """Remember in the image's history what was done."""
        entry: History = {
            "created": layer.created if layer else self.plan.started,
            "created_by": created_by,
            "comment": "cuddy",
        }
        if not (layer and layer.diff_id):
            entry["empty_layer"] = True
        self.history.append(entry)


def take_triggers(state: State) -> tuple[State, list[str]]:
    """A base without its ONBUILD instructions, and these: they are for the next build only."""
    config: Any = dict(state.config)
    triggers = config.pop("OnBuild", None) or []
    return state._replace(config=config), triggers


def parse_trigger(plan: Plan, stage: Stage, text: str) -> Instruction:
    """One ONBUILD instruction of a base. Raises InvalidArgument at the stage's FROM."""
    from cuddy.builder import dockerfile

    try:
        return dockerfile.parse_onbuild(text, stage.opening.place, plan.dockerfile.escape)
    except InvalidArgument as error:
        raise mistakes.at(
            plan.name, plan.dockerfile.lines, stage.opening.place, error.message, hint=error.hint
        ) from None
