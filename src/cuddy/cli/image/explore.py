"""`cuddy image explore`: what makes an image as large as it is."""

from __future__ import annotations

import os
import sys

from cuddy.cli import inspection
from cuddy.cli.flags import BOOL, INT, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.cli.width import cut, width
from cuddy.engine import explore, images
from cuddy.errors import UsageError
from cuddy.escape import printable
from cuddy.image import digest as digests
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.explore import Item, LayerReport, Report
    from cuddy.image.store import Image

LINE = 79
_SIZE = 9
_SHORTEST = 20


def explore_(home: Home, args: Args) -> int:
    name, *path = args.names
    image = images.find(home, name)
    count = len(image.chain_ids)
    if "layer" in args.given and not 1 <= args.layer <= count:
        raise UsageError(f"there is no layer {args.layer}", hint=f"{name} has {count}, lowest is 1")
    if args.depth < 0:
        raise UsageError("--depth must not be negative")
    within = [part for part in os.fsencode(path[0] if path else "").split(b"/") if part != b"."]
    within = [part for part in within if part]
    limit = -1 if args.limit <= 0 else args.limit
    report, described = explore.explore(
        home, image, within, depth=args.depth, limit=limit, only=args.layer or 0
    )
    if args.format:
        sys.stdout.write(inspection.render_one(described, args.format))
    else:
        sys.stdout.write(_text(name, image, report, described, full=args.no_trunc))
    return 0


def _text(name: str, image: Image, report: Report, described: dict[str, Any], *, full: bool) -> str:
    """The report for people."""
    count = len(image.chain_ids)
    lines = [f"{name} ({digests.short(image.id) or image.id}) has {human_size(image.size_bytes)} "
             f"in {count} {'layer' if count == 1 else 'layers'}"]  # fmt: skip
    for layer in described["Layers"]:
        lines += ["", *_layer_lines(layer, report.layers[layer["Layer"] - 1], full=full)]
    if report.hidden_files:
        lines += ["", f"Wasted: {human_size(report.hidden_bytes)} in "
                  f"{_files(report.hidden_files)} that later layers change or remove"]  # fmt: skip
        lines += [_line(item._replace(before_bytes=0), "", full=full) for item in report.hidden]
    return "".join(printable(line) + "\n" for line in lines)


def _layer_lines(layer: dict[str, Any], found: LayerReport, *, full: bool) -> list[str]:
    head = f"Layer {layer['Layer']}: {human_size(explore.weight(layer))} in {_files(found.files)}"
    if found.hidden_bytes:
        head += f", hides {human_size(found.hidden_bytes)}"
    if found.touched_bytes:
        head += f", {human_size(found.touched_bytes)} only for another mode or owner"
    command = " ".join(layer["CreatedBy"].split())
    lines = [head] + ([command if full else cut(command, LINE)] if command else [])
    lines += _tree(found.items, full=full)
    return lines + [_line(item, "", full=full, sign="-") for item in found.removed]


def _tree(items: list[Item], *, full: bool) -> list[str]:
    """Items as a tree: each below the nearest directory that is shown, largest first."""
    directories = {item.path for item in items if item.is_directory}
    children: dict[bytes, list[Item]] = {}
    for item in items:
        parent = item.path.rpartition(b"/")[0]
        while parent and parent not in directories:
            parent = parent.rpartition(b"/")[0]
        children.setdefault(parent, []).append(item)
    lines = []
    pending = [(item, 0, b"") for item in reversed(children.get(b"", ()))]
    while pending:
        item, depth, parent = pending.pop()
        below = item._replace(path=item.path[len(parent) + 1 if parent else 0 :])
        lines.append(_line(below, "  " * depth, full=full))
        if item.is_directory:
            inner = children.get(item.path, ())
            pending += [(each, depth + 1, item.path) for each in reversed(inner)]
    return lines


def _line(item: Item, indent: str, *, full: bool, sign: str = "") -> str:
    """One item; of a path that is too long for a line, its end is shown."""
    size = sign * bool(item.size_bytes) + human_size(item.size_bytes)
    head, note = f"{size:>{_SIZE}}  {item.letter or ' '}  {indent}", _note(item)
    path = printable(os.fsdecode(item.path)) + ("/" if item.is_directory else "")
    room = max(LINE - len(head) - len(note), _SHORTEST)
    if not full and width(path) > room:
        path = path[1 - room :]
        while width(path) >= room:
            path = path[1:]
        path = f"…{path}"
    return head + path + note


def _note(item: Item) -> str:
    if item.is_directory:
        return f"  ({_files(item.files)})"
    if item.is_touched:
        return "  (mode or owner)"
    is_other = item.letter == "C" and item.before_bytes
    return f"  (was {human_size(item.before_bytes)})" if is_other else ""


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


COMMAND = Command(
    summary="Show what each layer of an image adds, changes and removes",
    arguments="IMAGE [PATH]",
    flags=(
        Flag("depth", "", INT, "Levels of directories to sum up", 2),
        Flag("format", "", STRING, JSON_FORMAT_HELP),
        Flag("layer", "", INT, "Show only this layer; the lowest is 1"),
        Flag("limit", "n", INT, "Largest items to show of each layer, 0 for all", 10),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
    ),
    least=1,
    most=2,
    action=explore_,
)
