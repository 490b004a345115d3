"""`cuddy network disconnect`: let a container leave a network."""

from __future__ import annotations

from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.engine import disconnect as engine_disconnect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def disconnect(home: Home, args: Args) -> int:
    network, container = args.names
    engine_disconnect.disconnect(home, network, container, force=args.force)
    return 0


COMMAND = Command(
    summary="Disconnect a container from a network",
    arguments="NETWORK CONTAINER",
    flags=(Flag("force", "f", BOOL, "Force the container to disconnect from a network"),),
    least=2,
    most=2,
    action=disconnect,
)
