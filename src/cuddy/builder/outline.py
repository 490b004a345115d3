"""What a Dockerfile offers to who builds it: its targets, and what each takes (`build --call`).

A comment above a FROM or an ARG that begins with its name describes it: `# base what all have`.
"""

from __future__ import annotations

from cuddy.builder.instructions import Arg, Copy, From, Run
from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cuddy.builder.dockerfile import Dockerfile
    from cuddy.builder.instructions import Instruction
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


def outline(parsed: Dockerfile, wanted: str) -> Outline:
    """What a target takes, and the stages that it is made of. Raises InvalidArgument."""
    known = targets(parsed)
    number = _number(known, wanted)
    needed = _needed(parsed, known, number)
    arguments: dict[str, Argument] = {}
    lent: dict[tuple[str, str], Lent] = {}
    stage = -1
    for instruction, statement in zip(parsed.instructions, parsed.statements):
        stage += isinstance(instruction, From)
        if stage not in needed and stage >= 0:
            continue
        if isinstance(instruction, Arg):
            for name, value in instruction.pairs:
                text = description(statement, name)
                earlier = arguments.get(name)
                if earlier is None or not earlier.value:
                    text = text or (earlier.description if earlier else "")
                    arguments[name] = Argument(name, value or "", text)
        elif isinstance(instruction, Run):
            for each in _lent(instruction):
                lent.setdefault((each.kind, each.id), each)
    return Outline(known[number], tuple(arguments.values()), tuple(lent.values()))


def _number(known: Sequence[Target], wanted: str) -> int:
    if not wanted:
        return len(known) - 1
    for number, target in enumerate(known):
        if target.name == wanted.lower() or str(number) == wanted:
            return number
    raise InvalidArgument(f'target stage "{wanted[:80]}" could not be found')


def _needed(parsed: Dockerfile, known: Sequence[Target], number: int) -> set[int]:
    """A stage and those before it that it names."""
    names = {target.name: each for each, target in enumerate(known) if target.name}
    sources: dict[int, set[str]] = {}
    stage = -1
    for instruction in parsed.instructions:
        stage += isinstance(instruction, From)
        sources.setdefault(stage, set()).update(_sources(instruction))
    needed, pending = set(), [number]
    while pending:
        each = pending.pop()
        needed.add(each)
        for name in sources.get(each, ()):
            found = names.get(name.lower(), int(name) if name.isdecimal() else -1)
            if 0 <= found < each and found not in needed:
                pending.append(found)
    return needed


def _sources(instruction: Instruction) -> Iterator[str]:
    if isinstance(instruction, From):
        yield instruction.image
    elif isinstance(instruction, Copy) and instruction.from_:
        yield instruction.from_
    elif isinstance(instruction, Run):
        for mount in instruction.mounts:
            yield from (_fields(mount).get("from", ""),)


def _lent(run: Run) -> Iterator[Lent]:
    for mount in run.mounts:
        fields = _fields(mount)
        kind = fields.get("type", "")
        if kind in ("secret", "ssh"):
            place = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
            usual = "default" if kind == "ssh" else place.rpartition("/")[2]
            required = fields.get("required", "false") in ("", "true", "1")
            yield Lent(kind, fields.get("id") or usual, required)


def _fields(mount: str) -> dict[str, str]:
    """A RUN's mount as pairs; what is wrong with it is for who builds to say."""
    pairs = (field.partition("=") for field in mount.split(","))
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def description(statement: Statement, name: str) -> str:
    """What the comment above says of a name."""
    for comment in statement.comments:
        word, _, text = comment.partition(" ")
        if name and word.lower() == name.lower():
            return text.strip()
    return ""
