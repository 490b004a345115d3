"""`cuddy container inspect`: everything known of containers."""

from __future__ import annotations

from cuddy.cli import inspection
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home


def inspect_(home: Home, args: Args) -> int:
    def find(name: str) -> Any:
        return inspect.inspect_container(home, name, size=args.size)

    return inspection.show(args.names, find, args.format)


COMMAND = Command(
    summary="Display detailed information on one or more containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=(
        Flag("format", "f", STRING, JSON_FORMAT_HELP),
        Flag("size", "s", BOOL, "Display total file sizes"),
    ),
    least=1,
    action=inspect_,
)
