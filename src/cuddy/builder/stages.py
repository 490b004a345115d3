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
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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


class Stages:
    """The stages of a Dockerfile, in their order, and what names mean among them.

    `values`: of the global arguments. `named`: for the name of a context of the user's the stage
    that it stands for, None for one that is something else; such a name means no other stage.
    Raises InvalidArgument.
    """

    def __init__(
        self,
        instructions: Sequence[Instruction],
        values: Mapping[str, str],
        escape: str = words.ESCAPE,
        named: Callable[[str], str | None] = str,
    ) -> None:
        self.all: list[Stage] = []
        self._named = named
        self._numbers: dict[str, int] = {}
        self._triggers: dict[int, Sequence[Instruction]] = {}
        opening: From | None = None
        inside: list[Instruction] = []
        for instruction in (*instructions, None):
            if instruction is None or isinstance(instruction, From):
                if opening:
                    self._add(opening, inside, values, escape)
                opening, inside = instruction, []
            else:
                inside.append(instruction)

    def _add(
        self, opening: From, inside: list[Instruction], values: Mapping[str, str], escape: str
    ) -> None:
        image = words.expand(opening.image, values, escape)
        platform = words.expand(opening.platform, values, escape)
        if not image:
            message = f"line {opening.place.line}: base name ({opening.image}) should not be blank"
            raise InvalidArgument(message, hint="--build-arg, or a default above the first FROM")
        if opening.name in self._numbers:
            message = f"line {opening.place.line}: duplicate stage name: {opening.name}"
            raise InvalidArgument(message, hint="BuildKit would take the last one")
        number = len(self.all)
        parent = self._find(image, number, by_number=False)
        self.all.append(
            Stage(number, opening.name, opening, image, platform, tuple(inside), parent)
        )
        if opening.name:
            self._numbers[opening.name] = number

    def _find(self, name: str, below: int, *, by_number: bool = True) -> int:
        meant = self._named(name)
        if meant is None:
            return -1
        number = self._numbers.get(meant.lower(), -1)
        if number < 0 and by_number and meant.isdecimal() and meant.isascii() and len(meant) < 9:
            number = int(meant)
        return number if number < below else -1

    def find(self, stage: Stage, name: str) -> Stage | None:
        """The stage that a name or number means, wherever it stands; None if it means none."""
        number = self._find(name, len(self.all))
        return self.all[number] if number >= 0 else None

    def hint(self, name: str) -> str:
        """What a name that means no stage may have been meant to be; "" if unknown."""
        from cuddy import suggest

        closest = suggest.closest(name, [each.name for each in self.all])
        return f"no stage has that name; did you mean {closest}?" if closest else ""

    def target(self, name: str) -> Stage:
        """The stage to be built: the last one if none is named. Raises InvalidArgument."""
        if not self.all:
            raise InvalidArgument("the Dockerfile has no stage", hint="it begins with FROM IMAGE")
        if not name:
            return self.all[-1]
        number = self._numbers.get(name.lower(), -1)
        if number < 0 and name.isdecimal() and name.isascii() and len(name) < 9:
            number = int(name)
        if not 0 <= number < len(self.all):
            known = ", ".join(stage.shown for stage in self.all[:20])
            raise InvalidArgument(
                f'target stage "{name[:80]}" could not be found', hint=f"the stages: {known}"
            )
        return self.all[number]

    def needed(self, wanted: Stage) -> list[Stage]:
        """The stages without which the wanted one cannot be, itself as the last one; what a stage
        needs stands before it. Raises InvalidArgument for those that need each other.
        """
        found: list[Stage] = []
        seen: set[int] = set()
        pending = {wanted.number: self._above(wanted)}
        while pending:
            number, above = next(reversed(pending.items()))
            other = next((each for each in above if each not in seen), None)
            if other is None:
                del pending[number]
                seen.add(number)
                found.append(self.all[number])
            elif other in pending:
                shown = self.all[other].shown
                raise InvalidArgument(f"circular dependency detected on stage: {shown}")
            else:
                pending[other] = self._above(self.all[other])
        return found

    def _above(self, stage: Stage) -> Iterator[int]:
        """The stages that a stage itself needs, in their order."""
        read = (*self._triggers.get(stage.number, ()), *stage.instructions)
        others = [self.find(stage, name) for _, name in sources(read)]
        found = {other.number for other in others if other}
        if stage.parent >= 0:
            found.add(stage.parent)
        return iter(sorted(found))

    def learn(self, stage: Stage, triggers: Sequence[Instruction]) -> None:
        """Count the ONBUILD instructions of a stage's base as the stage's own."""
        self._triggers[stage.number] = triggers


def sources(instructions: Iterable[Instruction]) -> Iterator[tuple[Instruction, str]]:
    """What instructions of a stage read besides the build context, and which of them does."""
    for instruction in instructions:
        if isinstance(instruction, Copy) and instruction.from_:
            yield instruction, instruction.from_
        elif isinstance(instruction, Run):
            for mount in instruction.mounts:
                if name := mount_source(mount):
                    yield instruction, name


def mount_source(mount: str) -> str:
    """The `from` of a RUN's mount; "" if it has none. Raises InvalidArgument."""
    if "from" not in mount:
        return ""
    # Imported here: most mounts have none.
    from cuddy.builder import mounts_flag

    return mounts_flag.from_of(mount)
