"""A client of a container that may not run yet: it is there from the first byte of the next life.

How guest and monitor come together: `waiting_room`.
"""

from __future__ import annotations

from cuddy.engine import attach, container, containers, events, frames, waiting_room
from cuddy.errors import NotRunning
from cuddy.kernel import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.attach import Attachment, Note
    from cuddy.engine.home import Home


class Guest(attach.Attachment):
    """An attachment whose container has not begun. What it is sent meanwhile is kept until then.

    Its `fileno` is another one once the container has begun.
    """

    def __init__(self, room: str, wants: int, *, tty: bool, note: Note | None = None) -> None:
        """Under the container's lock. Raises OSError."""
        listener, self._path = waiting_room.enter(room, wants)
        self.has_begun = False
        super().__init__(listener, tty=tty, note=note)

    def receive(self) -> list[tuple[int, bytes]]:
        """As the others do; EOFError also when the container was removed or could not start."""
        if not self.has_begun:
            try:
                connection = sockets.accept(self._socket)
            except BlockingIOError:
                return []
            connection.setblocking(False)
            self._socket.close()
            self._socket, self.has_begun = connection, True
            self.flush()
        return super().receive()

    def flush(self) -> None:
        """Nothing can be sent before there is somebody."""
        if self.has_begun:
            super().flush()

    def close(self) -> None:
        """Let go, or wait no longer."""
        if not self.has_begun:
            waiting_room.leave(self._path)
        super().close()


def attend(home: Home, name: str, *, only_this_life: bool = False) -> Attachment:
    """Hear how a container's life ends, its next one if it does not run, or `only_this_life`.

    Raises NoSuchContainer; NotRunning if it has ended just now.
    """
    container_id = containers.find_id(home, name)
    with container.lock(home, container_id, name):
        record = containers.read(home, container_id, locked=True)
        if not record["State"]["Running"]:
            if only_this_life:
                raise NotRunning(name)
            return Guest(home.waiting_dir(container_id), 0, tty=False)
    return attach.connect(home, container_id)


def attach_early(
    home: Home, name: str, *, stdin: bool, stdout: bool, stderr: bool, also: int = 0
) -> Attachment:
    """Attach to a container that runs, or will: then from its first byte on.

    `also`: as in `attach`; the log of one that does not run yet ends where it ends now.

    Raises NoSuchContainer, Conflict; NotRunning if it has ended just now.
    """
    container_id = containers.find_id(home, name)
    with container.lock(home, container_id, name):
        record = containers.read(home, container_id, locked=True)
        if not record["State"]["Running"]:
            wants = attach.wishes(stdin=stdin, stdout=stdout, stderr=stderr) | also
            room, tty = home.waiting_dir(container_id), record["Config"]["Tty"]
            guest = Guest(room, wants, tty=tty, note=attach.noting(home, record))
            if also & frames.WANT_SEAM:
                # Imported here: few who attach want the log as well.
                from cuddy.engine import seam_log

                guest.seam = seam_log.at_rest(record)
            events.emit_container(home, "attach", record)
            return guest
    return attach.attach(home, container_id, stdin=stdin, stdout=stdout, stderr=stderr, also=also)
