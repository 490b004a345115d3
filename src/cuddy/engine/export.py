"""Export: a container's root file system becomes a tar, whether it runs or not.

A worker looks at the root from a view of its own and writes the archive; the view ends with it.
Volumes and other mounts are not part of the root: of them the archive has the empty mount point.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, containers, events, rootfs
from cuddy.errors import Conflict
from cuddy.image import changeset, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send


def export(home: Home, name: str, fd: int) -> None:
    """Write a container's root to a descriptor, as a tar.

    Raises NoSuchContainer, Conflict, CorruptContent, SystemFailure, OSError.
    """
    container_id = containers.find_id(home, name)

    def work(send: Send) -> None:
        _export(home, container_id, fd)

    with workers.Crew() as crew:
        crew.start("export", work).finish()


def _export(home: Home, container_id: str, fd: int) -> None:
    """What the worker does. One that does not run is kept from starting meanwhile."""
    with container.lock(home, container_id) as lock:
        record = containers.read(home, container_id, locked=True)
        root = rootfs.view_root(home, record)
        if record["State"]["Running"]:
            lock.close()
        for chunk in changeset.archive(root):
            files.write_all(fd, chunk)
        check_presence(home, container_id)
    events.emit_container(home, "export", record)


def check_presence(home: Home, container_id: str) -> None:
    """Whether a container whose files were read was there to the end: otherwise some may lack.

    A removal renames the directory before it takes anything out of it. Raises Conflict.
    """
    if not os.path.isdir(home.container_dir(container_id)):
        raise Conflict(f"container {container_id[:12]} was removed meanwhile")
