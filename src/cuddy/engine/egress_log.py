"""What a container under egress control tried to reach.

    egress.json  egress.json.1  egress.json.2         in its directory; the oldest are forgotten

Read without a lock and without asking a process, as logs of output are.
"""

from __future__ import annotations

import os

from cuddy.engine import containers, egress_attempts, sharing
from cuddy.engine.logs import FileReading
from cuddy.engine.logwait import Wishes
from cuddy.errors import InvalidArgument
from cuddy.network import egress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.egress_attempts import Attempt
    from cuddy.engine.home import Home


def read(
    home: Home, name: str, *, follow: bool = False, tail: int | None = None, since: str = ""
) -> Iterator[Attempt]:
    """What a container tried to reach, oldest first, with `follow` until it ends.

    Raises NoSuchContainer, InvalidArgument, SystemFailure.
    """
    record = containers.find(home, name)
    if peer := sharing.peer_of(record["HostConfig"]["NetworkMode"]):
        record = containers.read(home, peer)  # whose network it is
    where = egress_attempts.path(home, record["Id"])
    if not egress.is_confined(record["HostConfig"].get("Egress", "")) and not os.path.exists(where):
        hint = "'--egress none' or '--egress allow:...' of run and create make it so"
        raise InvalidArgument(f"container {name} is not under egress control", hint=hint)
    wishes = Wishes(follow, tail, since)
    reading = FileReading(home, record, where, egress_attempts, wishes)
    attempts = (egress_attempts.parse(entry.data) for entry in reading)
    return (attempt for attempt in attempts if attempt)
