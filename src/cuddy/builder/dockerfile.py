"""A Dockerfile is read: parser directives, then statements, then instructions (Dockerfile
reference, "Parser directives").

Its text is UTF-8; in comments anything may stand.
"""

from __future__ import annotations

from cuddy.builder import grammar, mistakes, statements
from cuddy.builder.instructions import Arg, From, Place
from cuddy.builder.lines import SPACES
from cuddy.builder.mistakes import Mistake
from cuddy.errors import InvalidArgument
from cuddy.image import words
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.instructions import Instruction
    from cuddy.builder.statements import Statement

MAX_BYTES = 4 << 20
DIRECTIVES = ("syntax", "escape", "check")
ESCAPES = ("\\", "`")
BYTE_ORDER_MARK = "\ufeff"


class Dockerfile(NamedTuple):
    """A file that was read. `statements` are what its instructions were read from, one each."""

    name: str
    lines: tuple[str, ...]
    directives: dict[str, str]
    escape: str
    instructions: tuple[Instruction, ...]
    statements: tuple[Statement, ...]


def parse(data: bytes, name: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile; `name` is what errors call it. Raises InvalidArgument."""
    if not data:
        raise InvalidArgument(f"{name}: the Dockerfile cannot be empty")
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f"{name}: larger than {MAX_BYTES >> 20} MiB")
    text, is_odd = _decode(data, name)
    lines = text.removeprefix(BYTE_ORDER_MARK).split("\n")
    if not lines[-1]:
        lines.pop()
    directives = _directives(lines, name)
    escape = directives.get("escape", words.ESCAPE)
    try:
        found = statements.read(lines, escape, len(directives))
    except statements.Unreadable as error:
        raise _located(name, lines, error.place, error.mistake, escape) from None
    if is_odd:
        _refuse_odd(name, lines, found)
    made = []
    for statement in found:
        try:
            made.append(grammar.read(statement, escape))
        except Mistake as mistake:
            raise _located(name, lines, statement.place, mistake, escape) from None
    if not made:
        raise InvalidArgument(f"{name}: file with no instructions")
    _check_order(name, lines, made)
    return Dockerfile(name, tuple(lines), directives, escape, tuple(made), tuple(found))


def parse_onbuild(text: str, place: Place, escape: str = words.ESCAPE) -> Instruction:
    """A trigger kept in a base image; it is said to stand where the FROM does.

    Raises InvalidArgument.
    """
    lines = text.split("\n")
    try:
        found = statements.read(lines, escape)
        if len(found) != 1:
            raise Mistake("onbuild trigger should be a single expression")
        return grammar.read(found[0]._replace(place=place), escape)
    except (Mistake, statements.Unreadable) as error:
        mistake = error.mistake if isinstance(error, statements.Unreadable) else error
        shown = mistakes.clean(lines[0][:100])
        raise InvalidArgument(
            f"ONBUILD {shown}, of the base image: {mistake.message}", hint=mistake.hint
        ) from None


def _decode(data: bytes, name: str) -> tuple[str, bool]:
    """The text, and whether there is something in it that no instruction may have."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InvalidArgument(f"{name}: it is UTF-16", hint="save it as UTF-8") from None
        return data.decode(errors="surrogateescape"), True
    return text, "\0" in text


def _refuse_odd(name: str, lines: Sequence[str], found: Sequence[Statement]) -> None:
    """Raise InvalidArgument if an instruction has bytes that are no UTF-8, or NUL."""
    for statement in found:
        for number in range(statement.place.line, statement.place.last_line + 1):
            line = lines[number - 1]
            if line.lstrip().startswith("#") and not statement.heredocs:
                continue
            for column, each in enumerate(line, 1):
                if each == "\0" or "\udc80" <= each <= "\udcff":
                    what = "a NUL byte" if each == "\0" else "not UTF-8"
                    place = statement.place._replace(line=number)
                    raise mistakes.at(name, lines, place, what, column=column)


def _directives(lines: Sequence[str], name: str) -> dict[str, str]:
    """Those of the first lines. Raises InvalidArgument."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip(SPACES)
        if not text.startswith("#"):
            break
        key, sign, value = text[1:].partition("=")
        key, value = key.strip().lower(), value.strip()
        if not sign or not value or key not in DIRECTIVES:
            break
        wrong = ""
        if key in found:
            wrong = f"only one {key} parser directive can be used"
        elif key == "escape" and value not in ESCAPES:
            wrong = f"invalid escape token '{value}' does not match ` or \\"
        if wrong:
            place = Place(number, number)
            raise mistakes.at(name, lines, place, wrong)
        found[key] = value
    return found


def _check_order(name: str, lines: Sequence[str], made: Sequence[Instruction]) -> None:
    """Raise InvalidArgument unless a FROM comes first, but for ARG."""
    for instruction in made:
        if isinstance(instruction, From):
            return
        if not isinstance(instruction, Arg):
            raise mistakes.at(
                name,
                lines,
                instruction.place,
                "no build stage in current context",
                hint="FROM comes first",
            )
    raise InvalidArgument(f"{name}: dockerfile contains no stages to build", hint="FROM begins one")


def _located(
    name: str, lines: Sequence[str], place: Place, mistake: Mistake, escape: str
) -> InvalidArgument:
    return mistakes.within(
        name, lines, place, mistake.message, word=mistake.word, escape=escape, hint=mistake.hint
    )
