"""Help texts in Docker's layout (cobra's template, pflag's columns and line breaks)."""

from __future__ import annotations

import os

from cuddy.cli import flags
from cuddy.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.cli.flags import Command

# pflag lets a last line run over by a few columns rather than leave one short word alone.
_SLOP = 5
_NARROWEST = 24


def columns() -> int:
    """Width of the terminal on standard input, 80 without one; docker asks the same one."""
    try:
        return os.get_terminal_size(0).columns or 80
    except OSError:
        return 80


def command_help(command: Command, name: str, aliases: Iterable[str], width: int) -> str:
    """What `--help` prints for one command."""
    parts = [f"Usage:  {flags.usage(command, name)}", command.summary]
    names = list(aliases)
    if len(names) > 1:
        parts.append("Aliases:\n  " + ", ".join(names))
    if options := flag_lines(command.flags, width - 1):
        parts.append("Options:\n" + "\n".join(options))
    return "\n\n".join(parts) + "\n"


def flag_lines(table: Iterable[Flag], width: int) -> list[str]:
    """The rows of an Options section, sorted by name and folded at `width`."""
    rows = []
    for flag in sorted((flag for flag in table if not flag.hidden), key=lambda flag: flag.name):
        short = f"  -{flag.short}, " if flag.short else "      "
        kind = f" {flag.kind.name}" if flag.kind.name else ""
        rows.append((f"{short}--{flag.name}{kind}", flag.help + _default(flag)))
    indent = max((len(left) for left, _ in rows), default=0) + 3
    return [left.ljust(indent) + _fold(indent, width, right) for left, right in rows]


def _default(flag: Flag) -> str:
    if flag.default is None or flag.default == flag.kind.zero:
        return ""
    if flag.kind is flags.STRING:
        return f' (default "{flag.default}")'
    if flag.kind is flags.BOOL:
        return " (default true)"
    return f" (default {flag.default})"


def _fold(indent: int, width: int, text: str) -> str:
    """Break text into lines that start at column `indent` and end before `width`."""
    room = width - indent
    first = ""
    if room < _NARROWEST:
        indent, room, first = 16, width - 16, "\n" + " " * 16
    if room < _NARROWEST:
        return text.replace("\n", first)
    lines = []
    while text:
        line, text = _break(room - _SLOP, text)
        lines.append(line)
    return first + "\n".join(lines).replace("\n", "\n" + " " * indent)


def _break(room: int, text: str) -> tuple[str, str]:
    """The first line of text, and the rest."""
    end = max(text.rfind(blank, 0, room) for blank in " \t\n")
    if room + _SLOP > len(text) or end <= 0:
        return text, ""
    newline = text.rfind("\n", 0, room)
    if 0 < newline < end:
        end = newline
    return text[:end], text[end + 1 :]


def list_commands(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """A section of commands, one a line."""
    return "\n".join([f"{title}:", *(f"  {name:<11} {summary}" for name, summary in rows)])
