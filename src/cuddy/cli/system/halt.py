"""`cuddy system halt`: stop all containers because the machine goes down."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import Args, Command
from cuddy.engine import container, halt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def halt_(home: Home, args: Args) -> int:
    codes = [
        boundary.all_at_once(
            [container.display_name(each) for each in wave], lambda name: halt.halt(home, name)
        )
        for wave in halt.find(home)
    ]
    return max(codes, default=0)


COMMAND = Command(
    summary="Stop all containers politely, to be started again by 'system boot'",
    most=0,
    action=halt_,
)
