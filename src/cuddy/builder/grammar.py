"""What a statement says: instructions by name, each with its flags and arguments checked.

Docker's words for what is wrong are kept.
"""

from __future__ import annotations

from cuddy.builder import flags, heredoc
from cuddy.builder.flags import Flags
from cuddy.builder.instructions import Arg, Change, Copy, From, Run, Workdir
from cuddy.builder.mistakes import Mistake, meant
from cuddy.errors import InvalidArgument
from cuddy.image import forms, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from cuddy.builder.instructions import Instruction
    from cuddy.builder.statements import Statement

    Reader: TypeAlias = Callable[[Statement, str, Flags, str, str], Instruction]

_STAGE_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def read(statement: Statement, escape: str) -> Instruction:
    """The instruction a statement is. Raises Mistake."""
    name, rest = forms.halves(statement.text)
    upper = name.upper()
    reader = READERS.get(upper)
    if reader is None:
        choices = READERS if name != name.lower() else [each.lower() for each in READERS]
        near = meant(name, choices)
        raise Mistake(f"unknown instruction: {name}{near}")
    found = flags.NONE
    if rest.startswith("--"):
        parts, rest = flags.split(rest, escape)
        found = flags.read(upper, parts)
    try:
        return reader(statement, upper, found, rest, escape)
    except InvalidArgument as error:
        raise Mistake(error.message, hint=error.hint) from None


def _from(statement: Statement, name: str, found: Flags, rest: str, escape: str) -> From:
    parts = forms.divide(rest)
    stage = ""
    if len(parts) == 3 and parts[1].upper() == "AS":
        stage = parts[2].lower()
        if not (stage[0].isalpha() and set(stage) <= _STAGE_NAME):
            raise Mistake(
                f'invalid name for build stage: "{parts[2]}", '
                "name can't start with a number or contain symbols",
                parts[2],
            )
    elif len(parts) != 1:
        raise Mistake("FROM requires either one or three arguments", hint="FROM IMAGE AS NAME")
    return From(statement.place, statement.text, parts[0], stage, found.text("platform"))


def _arg(statement: Statement, name: str, found: Flags, rest: str, escape: str) -> Arg:
    pairs: list[tuple[str, str | None]] = []
    for word in words.split(rest, escape):
        key, sign, value = word.partition("=")
        if not key:
            raise Mistake("ARG names can not be blank", word)
        pairs.append((key, value if sign else None))
    if not pairs:
        raise Mistake("ARG requires at least one argument")
    return Arg(statement.place, statement.text, tuple(pairs))


def _run(statement: Statement, name: str, found: Flags, rest: str, escape: str) -> Run:
    flags.check_run(found)
    exec_form = forms.exec_form(rest)
    if not (rest if exec_form is None else exec_form):
        raise Mistake("RUN requires at least one argument")
    return Run(
        statement.place,
        statement.text,
        None if exec_form is None else tuple(exec_form),
        "" if exec_form is not None else rest,
        statement.heredocs,
        found.texts("mount"),
        found.text("network"),
        found.text("security"),
        found.texts("device"),
    )


def _copy(statement: Statement, name: str, found: Flags, rest: str, escape: str) -> Copy:
    exec_form = forms.exec_form(rest)
    parts = forms.divide(rest) if exec_form is None else exec_form
    if len(parts) < 2:
        raise Mistake(
            f"{name} requires at least two arguments, but only one was provided. "
            "Destination could not be determined"
        )
    *sources, target = parts
    by_name = {}
    if statement.heredocs:
        if heredoc.word(target):
            raise Mistake(f"{name} cannot accept a heredoc as a destination", target)
        by_name = {each.name: each for each in statement.heredocs}
    texts, paths = [], []
    for source in sources:
        word = heredoc.word(source) if by_name else None
        if word and word.name in by_name:
            texts.append(by_name[word.name])
        else:
            paths.append(source)
    return Copy(
        statement.place,
        statement.text,
        name == "ADD",
        tuple(paths),
        target,
        tuple(texts),
        _source(found.text("from")),
        found.text("chown"),
        found.text("chmod"),
        bool(found.bool("link")),
        bool(found.bool("parents")),
        found.texts("exclude"),
        found.text("checksum"),
        bool(found.bool("keep-git-dir")),
        found.bool("unpack"),
    )


def _source(from_: str) -> str:
    if "$" in from_[:-1]:
        raise Mistake(
            "variable expansion is not supported for --from, define a new stage with FROM using "
            "ARG from global scope as a workaround",
            from_,
        )
    return from_


def _workdir(statement: Statement, name: str, found: Flags, rest: str, escape: str) -> Workdir:
    if not rest:
        raise Mistake("WORKDIR requires exactly one argument")
    return Workdir(statement.place, statement.text, rest)


def _change(statement: Statement, name: str, found: Flags, rest: str, escape: str) -> Change:
    forms.check(forms.Form(name, rest, found.pairs, escape))
    return Change(statement.place, statement.text, name, rest, found.pairs)


def _onbuild(statement: Statement, name: str, found: Flags, rest: str, escape: str) -> Change:
    """Kept as text, but it has to be an instruction."""
    forms.check(forms.Form(name, rest, (), escape))
    try:
        read(statement._replace(text=rest), escape)
    except Mistake as mistake:
        word = mistake.word or forms.halves(rest)[0]
        raise Mistake(mistake.message, word, hint=mistake.hint) from None
    texts = [f"{each.content}{each.name}" for each in statement.heredocs]
    return Change(statement.place, statement.text, name, "\n".join([rest, *texts]))


READERS: dict[str, Reader] = {
    "ADD": _copy,
    "ARG": _arg,
    "CMD": _change,
    "COPY": _copy,
    "ENTRYPOINT": _change,
    "ENV": _change,
    "EXPOSE": _change,
    "FROM": _from,
    "HEALTHCHECK": _change,
    "LABEL": _change,
    "MAINTAINER": _change,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _change,
    "STOPSIGNAL": _change,
    "USER": _change,
    "VOLUME": _change,
    "WORKDIR": _workdir,
}
