"""Wait: until a container has ended, or is gone."""

from __future__ import annotations

import os
import select

from cuddy.engine import attach, containers, liveness
from cuddy.errors import InvalidArgument, NoSuchContainer, NotRunning
from cuddy.kernel import process
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.attach import Attachment
    from cuddy.engine.home import Home

NOT_RUNNING, NEXT_EXIT, REMOVED = CONDITIONS = ("not-running", "next-exit", "removed")
"""Docker's words for what can be waited for."""


def wait(home: Home, name: str) -> int:
    """The exit code of a container, when it has ended; at once if it does not run."""
    record = containers.find(home, name)
    while record["State"]["Running"]:
        code = until_end(home, record["Id"])
        if code is not None:
            return code
        record = containers.read(home, record["Id"])
    return record["State"]["ExitCode"]


class Expectation(Closing):
    """What is waited for, from now on: an end that comes before `wait` is called is not missed.

    `not-running`: it does not run. `next-exit`: its life has ended, the next one if it does not run
    now. `removed`: it is gone.
    """

    def __init__(self, home: Home, name: str, condition: str = "") -> None:
        """Raises NoSuchContainer, InvalidArgument."""
        self._condition = condition or NOT_RUNNING
        if self._condition not in CONDITIONS:
            raise InvalidArgument(f'invalid condition: "{condition}"')
        record = containers.find(home, name)
        self._home = home
        self._id = record["Id"]
        self._code: int = record["State"]["ExitCode"]
        self._connection: Attachment | None = None
        if self._condition != NOT_RUNNING or record["State"]["Running"]:
            self._connection = self._connect()

    def wait(self) -> int:
        """The exit code of the life that has ended last, once it has come to that."""
        while self._connection:
            code, _ = hear_end(self._connection)
            self._connection.close()
            self._connection = None
            self._code = self._read_code() if code is None else code
            if self._condition == REMOVED and os.path.isdir(self._home.container_dir(self._id)):
                self._connection = self._connect()
        return self._code

    def close(self) -> None:
        """Wait no longer."""
        if self._connection:
            self._connection.close()

    def _connect(self) -> Attachment | None:
        """Who will tell of the end; None if it has come already."""
        # Imported here: the command line only waits for what runs.
        from cuddy.engine import guest

        while True:
            try:
                ends = self._condition == NOT_RUNNING
                return guest.attend(self._home, self._id, only_this_life=ends)
            except NoSuchContainer:
                return None
            except NotRunning:
                await_monitor(self._home, self._id)
                self._code = self._read_code()
                if self._condition != REMOVED:
                    return None

    def _read_code(self) -> int:
        """As its record has it, when its monitor did not tell."""
        await_monitor(self._home, self._id)
        try:
            return containers.read(self._home, self._id)["State"]["ExitCode"]
        except NoSuchContainer:
            return self._code


def hear_end(connection: Attachment, timeout_s: float | None = None) -> tuple[int | None, bool]:
    """The exit code if it was told, and whether the connection has come to its end."""
    timeout_ms = process.poll_ms(timeout_s)
    try:
        while True:
            poll = select.poll()
            poll.register(connection, select.POLLIN)
            if not poll.poll(timeout_ms):
                return None, False
            connection.receive()
    except EOFError:
        return connection.exit_code, True


def until_end(home: Home, container_id: str, timeout_s: float | None = None) -> int | None:
    """The exit code if the container ends in time.

    None if it does not, or if its monitor is dead without having told: then the record is true.
    """
    try:
        connection = attach.connect(home, container_id)
    except NotRunning:
        await_monitor(home, container_id, timeout_s)
        return None
    try:
        code, has_ended = hear_end(connection, timeout_s)
    finally:
        connection.close()
    if has_ended and code is None:
        await_monitor(home, container_id, timeout_s)
    return code


def await_monitor(home: Home, container_id: str, timeout_s: float | None = None) -> None:
    """Until a monitor that no longer answers is dead: it closes its sockets before it is.

    Meanwhile the container reads as running, though it has ended.
    """
    pidfd = liveness.open_monitor(home.run_dir(container_id))
    if pidfd >= 0:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(process.poll_ms(timeout_s))
        os.close(pidfd)
