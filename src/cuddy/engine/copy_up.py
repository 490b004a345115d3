"""The volumes of a new container get what the image has at their places, if they are empty.

A worker looks at the image in a view of his own and copies; `volume_copy.py` is how.
"""

from __future__ import annotations

import os

from cuddy.engine import rootfs, volume_copy
from cuddy.image import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send


def fill(home: Home, record: Container, where: str) -> None:
    """Fill the volumes of a new container that are empty; their locks are held by the caller.

    `where`: the container's directory, which nobody sees yet. Raises SystemFailure.
    """
    wanted: dict[str, str] = {}
    for point in record["Mounts"]:
        options = (point.get("Spec") or {}).get("VolumeOptions") or {}
        if point["Type"] != "volume" or options.get("NoCopy") or options.get("Subpath"):
            continue
        if volume_copy.is_fillable(home, point["Name"]):
            wanted.setdefault(point["Name"], point["Destination"])
    if not wanted:
        return

    def work(send: Send) -> None:
        root = rootfs.view_image(home, record, where)
        root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name, place in wanted.items():
            if volume_copy.copy(home, name, place, root_fd):
                send(**{name: True})

    with workers.Crew() as crew:
        done = crew.start("copying into volumes", work).finish()
    for name in done:
        volume_copy.finish(home, name)
