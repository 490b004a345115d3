"""Export: a container's root file system becomes a tar, whether it runs or not.

A worker looks at the root from a view of its own and writes the archive; the view ends with it.
Volumes and other mounts are not part of the root: of them the archive has the empty mount point.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, containers, events, rootfs, userns
from cuddy.errors import Conflict
from cuddy.image import changeset, host, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send


def export(home: Home, name: str, fd: int) -> None:
    """Write a container's root to a descriptor, as a tar.

    Raises NoSuchContainer, Conflict, CorruptContent, SystemFailure, OSError.
    """
    container_id = containers.find_id(home, name)

    def work(send: Send) -> None:
        write(home, container_id, fd)

    with workers.Crew() as crew:
        crew.start("export", work).finish()


def write(home: Home, container_id: str, fd: int) -> None:
    """What the worker does: the process that does it has another view of the files from then on.

    Nobody has to wait for it: who starts or removes the container wins.
    """
    with container.lock(home, container_id) as lock:
        record = containers.read(home, container_id, locked=True)
        root = rootfs.view_root(home, record)
        # What covers the host's secrets is made anew by the next start: that has to wait.
        if record["State"]["Running"] or record["Image"] != host.IMAGE.id:
            lock.close()
        maps = userns.maps_of(record) if record["State"]["Running"] else None
        for chunk in changeset.archive(root, maps):
            files.write_all(fd, chunk)
        check_presence(home, container_id)
        if not record["State"]["Running"]:
            check_unchanged(home, record)
    events.emit_container(home, "export", record)


def check_presence(home: Home, container_id: str) -> None:
    """Whether a container whose files were read was there to the end: otherwise some may lack.

    A removal renames the directory before it takes anything out of it. Raises Conflict.
    """
    if not os.path.isdir(home.container_dir(container_id)):
        raise Conflict(f"container {container_id[:12]} was removed meanwhile")


def check_unchanged(home: Home, record: Container) -> None:
    """Whether a container is there still and was not started since. Raises Conflict.

    Its files may be of two moments otherwise.
    """
    check_presence(home, record["Id"])
    now = containers.read(home, record["Id"])
    if now["State"]["StartedAt"] != record["State"]["StartedAt"]:
        raise Conflict(f"container {record['Id'][:12]} was started meanwhile", hint="try again")
