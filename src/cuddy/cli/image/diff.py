"""`cuddy image diff`: how two images differ, in files and in settings."""

from __future__ import annotations

import os
import sys

from cuddy.cli import document, inspection
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.cli.width import cut
from cuddy.engine import images
from cuddy.escape import printable
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.diff import Difference, Setting
    from cuddy.image.merged import Entry

_SIZE = 8
_SHORT_VALUE = 28


def diff_(home: Home, args: Args) -> int:
    one, other = (images.find(home, name) for name in args.names)
    # Imported here: reading trees costs more than asking for names.
    from cuddy.image import diff

    show = _shower(args)
    if not args.quiet:
        for setting in diff.settings(one.config, other.config):
            sys.stdout.write(show(_setting(setting)))
    for difference in diff.diff(home.storage, one, other):
        sys.stdout.write(show(_path(difference)))
    return 0


def _setting(found: Setting) -> dict[str, Any]:
    return {
        "Kind": "setting",
        "Change": found.letter,
        "Name": found.name,
        "Before": found.before,
        "After": found.after,
    }


def _path(found: Difference) -> dict[str, Any]:
    return {
        "Kind": "path",
        "Change": found.letter,
        "Name": "/" + os.fsdecode(found.path),
        "Before": _described(found.before),
        "After": _described(found.after),
    }


def _described(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    size = entry.size_bytes
    return {"Mode": f"{entry.mode:06o}", "Owner": f"{entry.uid}:{entry.gid}", "Size": size}


def _shower(args: Args) -> Callable[[dict[str, Any]], str]:
    """How a row becomes text. Raises BadTemplate."""
    if args.format == "json":
        return lambda row: document.compact(_as_text(row)) + "\n"
    if args.format:
        render = inspection.renderer(args.format)
        escape = printable if os.isatty(1) else str
        return lambda row: escape(render([_as_text(row)]).removesuffix("\n")) + "\n"
    if args.quiet:
        return lambda row: f"{row['Change']} {printable(row['Name'])}\n"
    return lambda row: _line(row, full=args.no_trunc)


def _as_text(row: dict[str, Any]) -> dict[str, Any]:
    """The row with a name that is UTF-8, as JSON wants it."""
    name = (
        os.fsencode(row["Name"])
        if row["Kind"] == "path"
        else row["Name"].encode("utf-8", "replace")
    )
    return row | {"Name": name.decode("utf-8", "replace")}


def _line(row: dict[str, Any], *, full: bool) -> str:
    """A row for people: sizes before and after, or values."""
    before, after, name = row["Before"], row["After"], printable(row["Name"])
    if row["Kind"] == "path":
        shown = "  ".join(f"{_size(each):>{_SIZE}}" for each in (before, after))
        return f"{row['Change']}  {shown}  {name}{'/' * _is_directory(after or before)}\n"
    values = (printable(document.compact(each)) for each in (before, after) if each is not None)
    shown = " -> ".join(value if full else cut(value, _SHORT_VALUE) for value in values)
    return f"{row['Change']}  {name}: {shown}\n"


def _size(described: dict[str, Any] | None) -> str:
    return "" if described is None or _is_directory(described) else human_size(described["Size"])


def _is_directory(described: dict[str, Any]) -> bool:
    mode: str = described["Mode"]
    return mode.startswith("04")


COMMAND = Command(
    summary="Show how two images differ in files and settings",
    arguments="IMAGE IMAGE",
    flags=(
        Flag("format", "", STRING, JSON_FORMAT_HELP),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
        Flag("quiet", "q", BOOL, "Only show what changed, without settings and sizes"),
    ),
    least=2,
    most=2,
    action=diff_,
)
