"""Volume export: all that is in a volume becomes a tar, with everything that is known of it.

Owners, modes, times to the nanosecond, attributes and access lists, hard links, holes, devices,
fifos, and the root itself. Nobody is kept waiting: who writes to the volume meanwhile is seen half.
"""

from __future__ import annotations

from cuddy.engine import cp, volume_view, volumes
from cuddy.engine.carriage import Carriage
from cuddy.image import gather
from cuddy.image.layer import is_content_or_access

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.cp import Progress
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send


def export(home: Home, name: str, fd: int, progress: Progress | None = None) -> int:
    """Write what is in a volume to a descriptor, as a tar; returns how many bytes.

    Raises NoSuchVolume, Conflict, CorruptContent, SystemFailure, OSError.
    """
    volumes.read(home, name)

    def work(send: Send) -> None:
        root_fd = volume_view.open_view(home, name, writable=False)
        carriage = Carriage(send if progress else None)
        found = gather.gather(root_fd, gather.ITSELF, b"", is_wanted=is_content_or_access)
        carriage.stream(found, fd, holes=True)
        volume_view.check_presence(home, name)
        send(total=carriage.total)

    return cp.have_done(work, progress)
