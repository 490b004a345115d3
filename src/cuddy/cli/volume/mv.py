"""`cuddy volume mv`: give a volume another name."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def mv(home: Home, args: Args) -> int:
    from cuddy.engine import volume_mv

    old, new = args.names
    volume_mv.move(home, old, new)
    print(new)
    return 0


COMMAND = Command(
    summary="Rename a volume",
    arguments="VOLUME NEW_NAME",
    least=2,
    most=2,
    action=mv,
)
