"""The stages of a Dockerfile, and which of them a target needs.

Pure: instructions in, a graph out. Edges are what `FROM`, `COPY --from` and `RUN --mount=from=`
name; a name that is no stage is somebody else's: a named context or an image.
"""

from __future__ import annotations

from cuddy.builder.instructions import Arg, Copy, From, Run
from cuddy.errors import InvalidArgument
from cuddy.image import words
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cuddy.builder.instructions import Instruction

SCRATCH = "scratch"


class Stage(NamedTuple):
    """One stage. `image` and `platform` are those of its FROM, variables replaced."""

    number: int
    name: str  # "" if it has none
    opening: From
    image: str
    platform: str
    instructions: tuple[Instruction, ...]
    parent: int = -1  # the stage it is based on; -1: something else

    @property
    def shown(self) -> str:
        """How the progress of a build calls it."""
        return self.name or f"stage-{self.number}"


def global_arguments(instructions: Sequence[Instruction]) -> list[Arg]:
    """The ARGs above the first FROM."""
    found = []
    for instruction in instructions:
        if isinstance(instruction, From):
            break
        if isinstance(instruction, Arg):
            found.append(instruction)
    return found


def divide(
    instructions: Sequence[Instruction], values: Mapping[str, str], escape: str = words.ESCAPE
) -> tuple[Stage, ...]:
    """The stages in their order. `values`: of the global arguments. Raises InvalidArgument."""
    found: list[Stage] = []
    opening: From | None = None
    inside: list[Instruction] = []
    for instruction in (*instructions, None):
        if instruction is None or isinstance(instruction, From):
            if opening:
                found.append(_stage(found, opening, inside, values, escape))
            opening, inside = instruction, []
        else:
            inside.append(instruction)
    return tuple(found)


def _stage(
    before: list[Stage], opening: From, inside: list[Instruction], values: Mapping[str, str],
    escape: str,
) -> Stage:  # fmt: skip
    image = words.expand(opening.image, values, escape)
    platform = words.expand(opening.platform, values, escape)
    if not image:
        raise InvalidArgument(f"base name ({opening.image}) should not be blank")
    same = [stage for stage in before if opening.name and stage.name == opening.name]
    if same:
        raise InvalidArgument(f"duplicate stage name: {opening.name}")
    parent = next((s.number for s in reversed(before) if s.name and s.name == image.lower()), -1)
    return Stage(len(before), opening.name, opening, image, platform, tuple(inside), parent)


def find(stages: Sequence[Stage], name: str) -> Stage | None:
    """The stage of that name or number; None if there is none."""
    for stage in stages:
        if stage.name and stage.name == name.lower():
            return stage
    if name.isdecimal() and name.isascii() and int(name) < len(stages):
        return stages[int(name)]
    return None


def target(stages: Sequence[Stage], name: str) -> Stage:
    """The stage to be built: the last one if none is named. Raises InvalidArgument."""
    if not stages:
        raise InvalidArgument("the Dockerfile has no stage", hint="it begins with FROM IMAGE")
    if not name:
        return stages[-1]
    found = find(stages, name)
    if found is None:
        known = ", ".join(stage.shown for stage in stages[:20])
        raise InvalidArgument(
            f'target stage "{name[:80]}" could not be found', hint=f"there are {known}"
        )
    return found


def sources(stage: Stage) -> Iterator[tuple[Instruction, str]]:
    """What the instructions of a stage read besides the build context, and which of them does."""
    for instruction in stage.instructions:
        if isinstance(instruction, Copy) and instruction.from_:
            yield instruction, instruction.from_
        elif isinstance(instruction, Run):
            for mount in instruction.mounts:
                if name := mount_source(mount):
                    yield instruction, name


def mount_source(mount: str) -> str:
    """The `from` of a RUN's mount; "" if it has none."""
    for field in mount.split(","):
        key, _, value = field.strip().partition("=")
        if key.lower() == "from":
            return value.strip("\"'")
    return ""


def needed(stages: Sequence[Stage], wanted: Stage) -> list[Stage]:
    """The stages without which the wanted one cannot be, in their order, itself the last."""
    found: set[int] = set()
    pending = [wanted]
    while pending:
        stage = pending.pop()
        if stage.number in found:
            continue
        found.add(stage.number)
        if stage.parent >= 0:
            pending.append(stages[stage.parent])
        for _, name in sources(stage):
            other = find(stages[: stage.number], name)
            if other:
                pending.append(other)
    return [stage for stage in stages if stage.number in found]
