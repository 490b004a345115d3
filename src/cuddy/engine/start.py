"""Start: a created or stopped container's program begins, under a monitor of its own."""

from __future__ import annotations

from cuddy.engine import attach, container, containers, monitor
from cuddy.kernel.pty import Size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.attach import Attachment
    from cuddy.engine.home import Home


def start(home: Home, container_id: str) -> list[str]:
    """Start a container; one that runs already stays as it is. Returns warnings.

    Raises NoSuchContainer, CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    return launch(home, container_id, monitor.Order())


def start_attached(
    home: Home,
    container_id: str,
    *,
    stdin: bool,
    stdout: bool = True,
    stderr: bool = True,
    size: tuple[int, int] | None = None,
) -> Attachment:
    """Start a container with a client that misses nothing of its output.

    `size`: rows and columns of the client's window. Raises as `start`.
    """
    record = containers.find(home, container_id)
    if record["State"]["Running"]:
        return attach.attach(home, record["Id"], stdin=stdin, stdout=stdout, stderr=stderr)
    attachment, theirs = attach.pair(tty=record["Config"]["Tty"])
    wants = attach.wishes(stdin=stdin, stdout=stdout, stderr=stderr)
    order = monitor.Order(theirs.fileno(), wants, Size(*size) if size else None)
    try:
        attachment.warnings = launch(home, record["Id"], order)
    except BaseException:
        attachment.close()
        raise
    finally:
        theirs.close()
    return attachment


def launch(home: Home, name: str, order: monitor.Order) -> list[str]:
    """Spawn the monitor, unless the container runs. Two starts at once make one."""
    container_id = containers.find_id(home, name)
    with container.lock(home, container_id):
        record = containers.read(home, container_id)
        if record["State"]["Running"]:
            return []
        return monitor.spawn(home, record, order)
