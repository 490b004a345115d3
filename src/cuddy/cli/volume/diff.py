"""`cuddy volume diff`: how two volumes differ, or one from its newest snapshot."""

from __future__ import annotations

from cuddy.cli.container.diff import show
from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def diff_(home: Home, args: Args) -> int:
    from cuddy.engine import volume_diff

    show(volume_diff.diff(home, *args.names))
    return 0


COMMAND = Command(
    summary="Inspect changes between two volumes, or to one since its newest snapshot",
    arguments="VOLUME [VOLUME]",
    least=1,
    most=2,
    action=diff_,
)
