"""Heredocs: `<<EOF` in RUN, COPY, ADD (and those in ONBUILD), and what RUN makes of them."""

from __future__ import annotations

from cuddy.builder import flags
from cuddy.errors import InvalidArgument
from cuddy.image import forms
from cuddy.image import words as shell_words
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.instructions import Run

INSTRUCTIONS = ("RUN", "COPY", "ADD")
PIPES = "/dev/pipes"  # where BuildKit puts the scripts that are files
"""The directory in which a script with `#!` is found."""
_BLANKS = "\t\n\f\r "


class Word(NamedTuple):
    """`<<EOF` of a line."""

    text: str
    name: str
    expands: bool  # no part of the word was quoted
    strips_tabs: bool  # <<-


def words(text: str, escape: str) -> list[Word]:
    """The heredocs an instruction announces, in their order."""
    name, rest = forms.halves(text)
    if name.upper() == "ONBUILD":
        name, rest = forms.halves(rest)
    if name.upper() not in INSTRUCTIONS:
        return []
    rest = flags.split(rest, escape)[1]
    if rest.startswith("[") and _is_json(rest):
        return []
    return [found for each in shell_words.divide(text) if (found := word(each))]


def word(text: str) -> Word | None:
    """The heredoc that one word of a line announces: `[FD]<<[-]NAME`; None if it does not."""
    rest = text.lstrip("0123456789")
    if not rest.startswith("<<"):
        return None
    rest = rest[2:]
    strips_tabs = rest.startswith("-")
    rest = rest[strips_tabs:].lstrip(_BLANKS)
    if not rest or "<" in rest:
        return None
    names = shell_words.divide(rest, keeps_quotes=False, keeps_escapes=False)
    if len(names) != 1:
        return None
    raw = shell_words.divide(rest, keeps_escapes=False)
    expands = _quotes(names[0]) == _quotes(raw[0])
    return Word(text, names[0], expands, strips_tabs)


def command(run: Run, shell: Sequence[str]) -> tuple[list[str], bytes | None]:
    """What RUN executes, and the script it is, if that is to be a file (mode 0755, read-only,
    named as the command is).
    """
    if run.words is not None:
        return list(run.words), None
    if not run.heredocs:
        return [*shell, run.command], None
    first = run.heredocs[0]
    if word(run.command) is None:
        # The shell knows itself what to do with them.
        texts = [f"{each.content}{each.name}" for each in run.heredocs]
        return [*shell, "\n".join([run.command, *texts])], None
    if first.content.startswith("#!"):
        path = f"{PIPES}/{first.name}"
        return [*shell, path], first.content.encode()
    return [*shell, first.content], None


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')


def _is_json(rest: str) -> bool:
    try:
        return forms.exec_form(rest) is not None
    except InvalidArgument:
        return True
