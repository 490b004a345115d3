"""`cuddy tag`: give an image another name."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command
from cuddy.engine import tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def tag_(home: Home, args: Args) -> int:
    source, target = args.names
    tag.tag(home, source, target)
    return 0


COMMAND = Command(
    summary="Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    arguments="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    least=2,
    most=2,
    action=tag_,
)
