"""`cuddy network inspect`: everything known of networks."""

from __future__ import annotations

from cuddy.cli import inspection
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.cli.times import Moment
from cuddy.engine import inspect_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home


def inspect(home: Home, args: Args) -> int:
    # --verbose tells docker to ask the other nodes of a swarm.
    return inspection.show(args.names, lambda name: find(home, name), args.format)


def find(home: Home, name: str) -> dict[str, Any]:
    """A network's document. Raises NoSuchNetwork, InvalidArgument."""
    found = inspect_network.inspect_network(home, name)
    return found | {"Created": Moment(found["Created"])}


COMMAND = Command(
    summary="Display detailed information on one or more networks",
    arguments="NETWORK [NETWORK...]",
    flags=(
        Flag("format", "f", STRING, JSON_FORMAT_HELP),
        Flag("verbose", "v", BOOL, "Verbose output for diagnostics"),
    ),
    least=1,
    action=inspect,
)
