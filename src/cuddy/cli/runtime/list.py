"""list: all containers of a state directory."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.cli import table
from cuddy.cli.flags import BOOL, STRING, Flag
from cuddy.cli.runtime.state import describe
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import InvalidArgument, NoSuchContainer, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

FLAGS = (
    Flag("format", "f", STRING, "table or json", "table"),
    Flag("quiet", "q", BOOL, "Only ids"),
)
NARROWEST = 12
COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")


def show(call: Call) -> int:
    if call.asked.root and not os.path.isdir(call.root):
        raise NotFound(f"open {call.root}: no such file or directory")
    if call.args.quiet:
        for container_id in ids(call.root):
            print(container_id)
    elif call.args.format == "json":
        print(files.format_json(list(states(call)) or None))
    elif call.args.format == "table":
        rows = [[str(each.get(name, "")) for name in COLUMNS] for each in states(call)]
        titles = [name.upper() for name in COLUMNS]
        print(table.lay_out([titles, *rows], narrowest=NARROWEST), end="")
    else:
        raise InvalidArgument("invalid format option")
    return 0


def ids(root: str) -> list[str]:
    """Containers that came about."""
    return [
        entry
        for entry in sorted(files.list_directory(root))
        if os.path.exists(os.path.join(root, entry, "state.json"))
    ]


def states(call: Call) -> Iterator[dict[str, Any]]:
    """What is known of each; of one that is just being deleted, nothing."""
    for container_id in ids(call.root):
        try:
            uid = os.stat(os.path.join(call.root, container_id)).st_uid
            yield describe(call.root, container_id, owner=name_of(uid))
        except (NoSuchContainer, FileNotFoundError):
            continue


def name_of(uid: int) -> str:
    """A user's name, as far as it has one."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


VERB = Verb("List containers", show, "", FLAGS, 0, 0)
