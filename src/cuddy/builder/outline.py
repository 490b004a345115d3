"""What a Dockerfile offers to who builds it: its targets, and what each takes (`build --call`).

A comment above a FROM or an ARG that begins with its name describes it: `# base what all have`.
"""

from __future__ import annotations

from cuddy.builder import arguments, mounts_flag, stages
from cuddy.builder.instructions import Arg, From, Run
from cuddy.image import platform
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cuddy.builder.dockerfile import Dockerfile
    from cuddy.builder.stages import Stages
    from cuddy.builder.statements import Statement


class Target(NamedTuple):
    """A stage that can be built. `is_default`: the one that is if none is named."""

    name: str
    description: str
    image: str  # what it is based on, as it was written
    is_default: bool


class Argument(NamedTuple):
    """A build argument. `value`: without --build-arg."""

    name: str
    value: str
    description: str


class Lent(NamedTuple):
    """A secret or an SSH agent that some RUN wants."""

    kind: str  # secret, ssh
    id: str
    is_required: bool


class Outline(NamedTuple):
    """What one target takes."""

    target: Target
    arguments: tuple[Argument, ...]
    lent: tuple[Lent, ...]


def targets(parsed: Dockerfile) -> list[Target]:
    """The stages, in the order of the file."""
    found: list[Target] = []
    last = sum(isinstance(each, From) for each in parsed.instructions) - 1
    for instruction, statement in zip(parsed.instructions, parsed.statements):
        if isinstance(instruction, From):
            text = description(statement, instruction.name)
            is_default = len(found) == last
            found.append(Target(instruction.name, text, instruction.image, is_default))
    return found


def outline(parsed: Dockerfile, wanted: str, given: Mapping[str, str]) -> Outline:
    """What a target takes, and the stages that it is made of. `given`: build arguments, by which a
    FROM may name one. Raises InvalidArgument.
    """
    divided = _divide(parsed, wanted, given)
    target = divided.target(wanted)
    needed = {stage.number for stage in divided.needed(target)}
    found: dict[str, Argument] = {}
    lent: dict[tuple[str, str], Lent] = {}
    number = -1
    for instruction, statement in zip(parsed.instructions, parsed.statements):
        number += isinstance(instruction, From)
        if number not in needed and number >= 0:
            continue
        if isinstance(instruction, Arg):
            for name, value in instruction.pairs:
                text = description(statement, name)
                earlier = found.get(name)
                if earlier is None or not earlier.value:
                    text = text or (earlier.description if earlier else "")
                    found[name] = Argument(name, value or "", text)
        elif isinstance(instruction, Run):
            for each in _lent(instruction):
                lent.setdefault((each.kind, each.id), each)
    return Outline(targets(parsed)[target.number], tuple(found.values()), tuple(lent.values()))


def _divide(parsed: Dockerfile, wanted: str, given: Mapping[str, str]) -> Stages:
    """The stages, as a build on this machine would have them."""
    here = platform.host()
    values, _ = arguments.of_globals(
        stages.global_arguments(parsed.instructions), given,
        arguments.of_platforms(here, here, wanted), parsed.escape,
    )  # fmt: skip
    return stages.Stages(parsed.instructions, values, parsed.escape)


def _lent(run: Run) -> Iterator[Lent]:
    for mount in run.mounts:
        # Variables are as they stand: which value they have is not known before a build.
        split = map(mounts_flag.split, mounts_flag.fields(mount))
        fields = {key: value for key, _, value in split}
        kind = fields.get("type", "").lower()
        if kind in ("secret", "ssh"):
            usual = "default" if kind == "ssh" else fields.get("target", "").rpartition("/")[2]
            name = fields.get("source") or fields.get("id") or usual
            required = fields.get("required", "false")
            yield Lent(kind, name, not required or required in mounts_flag.TRUE)


def description(statement: Statement, name: str) -> str:
    """What the comment above says of a name."""
    for comment in statement.comments:
        word, _, text = comment.partition(" ")
        if name and word.lower() == name.lower():
            return text.strip()
    return ""
