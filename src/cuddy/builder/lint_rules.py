"""The rules of docker's build checks, each by its name, in Docker's words.

Stages are walked as they stand, all of them, also those no build of this file needs.
"""

from __future__ import annotations

from cuddy.builder.findings import Finding
from cuddy.builder.instructions import Arg, Change, Copy, From, Run, Workdir
from cuddy.builder.mistakes import Nearby
from cuddy.errors import InvalidArgument
from cuddy.files import quote
from cuddy.image import forms, words
from cuddy.image.forms import Form
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cuddy.builder.dockerfile import Dockerfile
    from cuddy.builder.findings import Surroundings
    from cuddy.builder.instructions import Instruction, Place
    from cuddy.builder.statements import Statement

PLATFORM_ARGS = tuple(
    f"{whose}{what}"
    for whose in ("BUILD", "TARGET")
    for what in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
)
RESERVED_STAGES = ("context", "scratch")
SECRET_WORDS = {
    "apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret",
    "token",
}  # fmt: skip
HARMLESS_WORDS = {"public", "file", "version"}
ONCE = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
MOST_CHARACTERS = 4096
"""What a variable is worth is not of more interest here."""
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Line(NamedTuple):
    """An instruction and how it was written."""

    instruction: Instruction
    statement: Statement

    @property
    def keyword(self) -> str:
        """Its name, in the author's case."""
        return forms.halves(self.statement.text)[0]

    def found(self, rule: str, message: str, place: Place | None = None) -> Found:
        """What a rule has to say of it, with the comments above."""
        return Finding(rule, message, place or self.statement.place), self.statement.comments


Found = tuple[Finding, tuple[str, ...]]


class _Stage:
    """What is known at some point of a stage."""

    def __init__(self, variables: Mapping[str, str] | None, escape: str, nearby: Nearby) -> None:
        self.escape = escape
        self.nearby = nearby
        self.is_known = variables is not None
        self.variables = dict(variables or {"PATH": DEFAULT_PATH})
        self.declared: set[str] = set()  # ARG without a value
        self.has_shell = False
        self.has_workdir = False
        self.last: dict[str, Place] = {}

    def copy(self) -> _Stage:
        """As a stage begins that stands on this one."""
        made = _Stage(self.variables, self.escape, self.nearby)
        made.is_known = self.is_known
        made.declared = set(self.declared)
        made.has_shell, made.has_workdir = self.has_shell, self.has_workdir
        return made

    def expand(self, text: str) -> tuple[str, set[str]]:
        """The text, and the variables in it that have no value."""
        return _expand(text, self.variables, self.escape)

    def form(self, instruction: Change) -> Form:
        """What to read an instruction from."""
        return Form(instruction.name, instruction.rest, instruction.flags, self.escape)


def findings(dockerfile: Dockerfile, surroundings: Surroundings) -> Iterator[Found]:
    """What all rules find, each with the comments above its instruction."""
    lines = [Line(*each) for each in zip(dockerfile.instructions, dockerfile.statements)]
    yield from _casing(lines)
    yield from _stage_names(lines)
    yield from _stages(lines, dockerfile.escape, surroundings)
    for line in lines:
        statement = line.statement
        if statement.has_gap:
            yield line.found("NoEmptyContinuation", "Empty continuation line")
        yield from _description(line)


def _casing(lines: Iterable[Line]) -> Iterator[Found]:
    """ConsistentInstructionCasing: as most instructions of the stages are."""
    in_stages: list[Line] = []
    for line in lines:
        if in_stages or isinstance(line.instruction, From):
            in_stages.append(line)
    keywords = [line.keyword for line in in_stages]
    is_lower = sum(map(str.islower, keywords)) > sum(map(str.isupper, keywords))
    wanted = "lowercase" if is_lower else "uppercase"
    for line in in_stages:
        if not (line.keyword.islower() if is_lower else line.keyword.isupper()):
            yield line.found(
                "ConsistentInstructionCasing",
                f"Command '{line.keyword}' should match the case of the command majority"
                f" ({wanted})",
            )


def _stage_names(lines: Iterable[Line]) -> Iterator[Found]:
    seen = set()
    for line in lines:
        stage = line.instruction
        if not isinstance(stage, From) or not stage.name:
            continue
        *_, keyword, name = forms.divide(line.statement.text)
        if name != name.lower():
            yield line.found("StageNameCasing", f"Stage name '{name}' should be lowercase")
        case = str.islower if line.keyword.islower() else str.isupper
        if case(line.keyword) and not case(keyword):
            message = f"'{keyword}' and '{line.keyword}' keywords' casing do not match"
            yield line.found("FromAsCasing", message)
        if stage.name in RESERVED_STAGES:
            message = f"Stage name should not use the same name as reserved stage {quote(name)}"
            yield line.found("ReservedStageName", message)
        if stage.name in seen:
            message = f"Duplicate stage name {quote(stage.name)}, stage names should be unique"
            yield line.found("DuplicateStageName", message)
        seen.add(stage.name)


def _description(line: Line) -> Iterator[Found]:
    """InvalidDefinitionDescription: the comment above ARG and FROM begins with the name."""
    instruction, comments = line.instruction, line.statement.comments
    if not comments:
        return
    if isinstance(instruction, From) and instruction.name:
        kind, names = "FROM", [instruction.name]
    elif isinstance(instruction, Arg):
        kind, names = "ARG", [name for name, _ in instruction.pairs]
    else:
        return
    if comments[-1].split(" ")[0] not in names:
        name = names[0] if len(names) == 1 else "<arg_key>"
        message = f"Comment for {kind} should follow the format: `# {name} <description>`"
        yield line.found("InvalidDefinitionDescription", message)


def _stages(lines: Iterable[Line], escape: str, surroundings: Surroundings) -> Iterator[Found]:
    """The rules that depend on what stands above."""
    global_args: dict[str, str | None] = dict.fromkeys(PLATFORM_ARGS, "")
    given = dict.fromkeys(PLATFORM_ARGS, "")
    nearby = Nearby()
    stages: dict[str, _Stage] = {}
    stage: _Stage | None = None
    number = 0
    for line in lines:
        instruction = line.instruction
        if isinstance(instruction, From):
            yield from _from(line, instruction, global_args, given, escape, stages, nearby)
            beneath = stages.get(instruction.image.lower())
            if beneath is not None:
                stage = beneath.copy()
            elif instruction.image == "scratch":
                stage = _Stage({"PATH": DEFAULT_PATH}, escape, nearby)
            else:
                stage = _Stage(surroundings.environment(instruction), escape, nearby)
            stages |= {name: stage for name in (str(number), instruction.name) if name}
            number += 1
        elif stage is None:
            if isinstance(instruction, Arg):
                for name, value in instruction.pairs:
                    global_args[name] = found = value and _expand(value, given, escape)[0]
                    given.pop(name, "")
                    if found is not None:
                        given[name] = found
        else:
            yield from _variables(line, stage)
            yield from _config(line, stage)
            if isinstance(instruction, Copy):
                yield from _copy(line, instruction, stage, surroundings)
            _take_in(instruction, stage, global_args)


def _expand(text: str, values: Mapping[str, str], escape: str) -> tuple[str, set[str]]:
    """The text, and the variables that have no value. What cannot be read is no rule's matter."""
    missing: set[str] = set()
    try:
        return words.expand(text, values, escape, missing)[:MOST_CHARACTERS], missing
    except InvalidArgument:
        return text, set()


def _from(
    line: Line,
    stage: From,
    global_args: Mapping[str, str | None],
    values: Mapping[str, str],
    escape: str,
    stages: Mapping[str, object],
    nearby: Nearby,
) -> Iterator[Found]:
    image, missing = _expand(stage.image, values, escape)
    platform, more = _expand(stage.platform, values, escape)
    for name in sorted(each for each in missing | more if each not in global_args):
        near = nearby.meant(name, global_args, PLATFORM_ARGS)
        yield line.found("UndefinedArgInFrom", f"FROM argument '{name}' is not declared{near}")
    if image != stage.image and image.lower() not in stages and not _is_reference(image):
        message = f"Default value for ARG {stage.image} results in empty or invalid base image name"
        yield line.found("InvalidDefaultArgInFrom", message)
    if stage.platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
        message = (
            f"Setting platform to predefined {stage.platform} in FROM is redundant as this is the "
            "default behavior"
        )
        yield line.found("RedundantTargetPlatform", message)
    names_it = any(part in stage.name for part in platform.split("/")[:2])
    if stage.platform and "$" not in stage.platform and not names_it:
        message = f"FROM --platform flag should not use constant value {quote(platform)}"
        yield line.found("FromPlatformFlagConstDisallowed", message)


def _is_reference(image: str) -> bool:
    from cuddy.image import reference

    try:
        reference.parse(image)
    except InvalidArgument:
        return False
    return True


def _texts(instruction: Instruction, stage: _Stage) -> list[str]:
    """What of an instruction has variables."""
    if isinstance(instruction, Copy):
        paths = [*instruction.sources, instruction.target]
        return [*paths, instruction.chown, instruction.chmod, instruction.checksum]
    if isinstance(instruction, Run):
        return list(instruction.mounts)
    if isinstance(instruction, Workdir):
        return [instruction.path]
    if isinstance(instruction, Arg):
        return [value for _, value in instruction.pairs if value]
    if not isinstance(instruction, Change):
        return []
    form = stage.form(instruction)
    if instruction.name in ("ENV", "LABEL"):
        return [text for pair in forms.key_values(form) for text in pair]
    if instruction.name in ("USER", "STOPSIGNAL"):
        return [instruction.rest]
    return forms.paths(form) if instruction.name == "VOLUME" else []


def _variables(line: Line, stage: _Stage) -> Iterator[Found]:
    """UndefinedVar: only where the base's own variables are known."""
    if not stage.is_known:
        return
    missing: set[str] = set()
    for text in _texts(line.instruction, stage):
        missing |= stage.expand(text)[1]
    if isinstance(line.instruction, Copy):
        for each in line.instruction.heredocs:
            if each.expands:
                missing |= _expand(each.content, stage.variables, words.ESCAPE)[1]
    for name in sorted(missing - stage.declared):
        near = stage.nearby.meant(name, stage.variables).replace("mean ", "mean $")
        yield line.found("UndefinedVar", f"Usage of undefined variable '${name}'{near}")


def _config(line: Line, stage: _Stage) -> Iterator[Found]:
    instruction = line.instruction
    if isinstance(instruction, Workdir):
        path, missing = stage.expand(instruction.path)
        is_open = instruction.path.startswith("$") and missing and not stage.is_known
        if not (stage.has_workdir or path.startswith("/") or is_open):
            message = (
                f"Relative workdir {quote(path)} can have unexpected results if the base image "
                "changes"
            )
            yield line.found("WorkdirRelativePath", message)
    if isinstance(instruction, Arg):
        yield from _secrets(line, "ARG", [name for name, _ in instruction.pairs])
    if isinstance(instruction, Change):
        yield from _change(line, instruction, stage)


def _change(line: Line, instruction: Change, stage: _Stage) -> Iterator[Found]:
    name, rest = instruction.name, instruction.rest
    if name == "MAINTAINER":
        message = "Maintainer instruction is deprecated in favor of using label"
        yield line.found("MaintainerDeprecated", message)
    if name in ("CMD", "ENTRYPOINT") and not stage.has_shell and forms.exec_form(rest) is None:
        message = (
            f"JSON arguments recommended for {line.keyword} to prevent unintended behavior related "
            "to OS signals"
        )
        yield line.found("JSONArgsRecommended", message)
    if name in ("ENV", "LABEL"):
        yield from _pairs(line, instruction, stage)
    if name in ONCE and name in stage.last:
        message = (
            f"Multiple {line.keyword} instructions should not be used in the same stage because "
            "only the last one will be used"
        )
        yield line.found("MultipleInstructionsDisallowed", message, stage.last[name])
    if name == "EXPOSE":
        yield from _expose(line, rest)


def _pairs(line: Line, instruction: Change, stage: _Stage) -> Iterator[Found]:
    if "=" not in words.split(instruction.rest, stage.escape)[0]:
        key = line.keyword
        message = f'"{key} key=value" should be used instead of legacy "{key} key value" format'
        yield line.found("LegacyKeyValueFormat", message)
    if instruction.name == "ENV":
        names = [name for name, _ in forms.key_values(stage.form(instruction))]
        yield from _secrets(line, "ENV", names)


def _secrets(line: Line, kind: str, names: Iterable[str]) -> Iterator[Found]:
    for name in names:
        parts = set(name.lower().split("_"))
        if parts & SECRET_WORDS and not parts & HARMLESS_WORDS:
            message = (
                f"Do not use ARG or ENV instructions for sensitive data ({kind} {quote(name)})"
            )
            yield line.found("SecretsUsedInArgOrEnv", message)


def _expose(line: Line, rest: str) -> Iterator[Found]:
    for port in forms.divide(rest):
        protocol = port.partition("/")[2]
        if protocol != protocol.lower() and "$" not in protocol:
            message = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
            yield line.found("ExposeProtoCasing", message)
        if ":" in port and "$" not in port:
            message = (
                "EXPOSE instruction should not define an IP address or host-port mapping, found "
                f"'{port}'"
            )
            yield line.found("ExposeInvalidFormat", message)


def _copy(line: Line, copy: Copy, stage: _Stage, surroundings: Surroundings) -> Iterator[Found]:
    if copy.from_:
        return
    for source in copy.sources:
        path = stage.expand(source)[0]
        if "://" not in path and surroundings.is_ignored(path):
            verb = "Add" if copy.is_add else "Copy"
            message = f"Attempting to {verb} file {quote(path)} that is excluded by .dockerignore"
            yield line.found("CopyIgnoredFile", message)


def _take_in(
    instruction: Instruction, stage: _Stage, global_args: Mapping[str, str | None]
) -> None:
    """What the instruction means for those below it."""
    if isinstance(instruction, Workdir):
        stage.has_workdir = True
    if isinstance(instruction, Arg):
        for name, value in instruction.pairs:
            stage.declared.add(name)
            found = global_args.get(name) if value is None else value
            if found is not None:
                stage.variables[name] = stage.expand(found)[0]
    if not isinstance(instruction, Change):
        return
    stage.last[instruction.name] = instruction.place
    if instruction.name == "SHELL":
        stage.has_shell = True
    if instruction.name == "ENV":
        pairs = forms.key_values(stage.form(instruction))
        stage.variables |= {name: stage.expand(value)[0] for name, value in pairs}
