"""`cuddy rename`: another name for a container."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command
from cuddy.engine import rename

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rename_(home: Home, args: Args) -> int:
    rename.rename(home, *args.names)
    return 0


COMMAND = Command(
    summary="Rename a container",
    arguments="CONTAINER NEW_NAME",
    least=2,
    most=2,
    action=rename_,
)
