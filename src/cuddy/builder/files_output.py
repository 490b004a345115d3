"""The files of what was built, in a directory of the user's or as a tar.

A worker looks at the layers in a view of its own, which ends with it. In a directory everything is
the caller's, without the powers of others (set-user-id); what is there stays, or is replaced by
what has its name, and no link that is there leads out of it (image/deposit.py).
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import layer_forms, snapshot
from cuddy.builder.destination import Destination
from cuddy.builder.outputs import UNCOMPRESSED
from cuddy.errors import SystemFailure
from cuddy.image import blobs, gather, workers
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cuddy.builder.outputs import Output
    from cuddy.builder.state import State
    from cuddy.image.gather import Found
    from cuddy.image.storage import Storage
    from cuddy.image.workers import Send

    Work = Callable[[Send], None]
    Write = Callable[[Send, int], None]

DIRECTORY_MODE = 0o755


def write_directory(storage: Storage, output: Output, states: Sequence[State]) -> None:
    """Put the files into a directory, made if it is missing. Raises Conflict, SystemFailure."""
    try:
        files.make_directory(output.dest, DIRECTORY_MODE)
        fd = os.open(output.dest, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SystemFailure.from_os("cannot write the output", error) from error

    def work(send: Send) -> None:
        from cuddy.engine.carriage import Carriage
        from cuddy.image.deposit import Deposit, Ownership

        os.umask(0)
        with _Files(storage, output, states) as found:
            deposit = Deposit(fd, output.dest, Ownership(), is_root=True)
            Carriage().put(found.entries(), deposit)

    try:
        _have_done(work)
    finally:
        os.close(fd)


def write_tar(storage: Storage, output: Output, states: Sequence[State], stdout_fd: int) -> None:
    """Write the files as a tar, to a file or to standard output. Raises SystemFailure."""

    def work(send: Send, fd: int) -> None:
        from cuddy.engine.carriage import Carriage

        with _Files(storage, output, states) as found:
            Carriage().stream(found.entries(), fd)

    with Destination(output.dest, stdout_fd) as destination:
        if output.compression in ("", UNCOMPRESSED):
            _have_done(lambda send: work(send, destination.fd))
        else:
            _compressed(work, output, destination.fd)
        destination.keep()


def _compressed(work: Write, output: Output, fd: int) -> None:
    """What a worker writes, compressed."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        with workers.Crew() as crew:
            worker = crew.start("writing", lambda send: work(send, writer), closing=(reader,))
            os.close(writer)
            writer = -1
            chunks = blobs.read_chunks(reader)
            for piece in layer_forms.encode(chunks, output.compression, output.level):
                files.write_all(fd, piece)
            worker.finish()
    except OSError as error:
        raise SystemFailure.from_os("cannot write the output", error) from error
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)


def _have_done(work: Work) -> None:
    """Have a worker do it. Raises what it met."""
    try:
        with workers.Crew() as crew:
            crew.start("writing", work).finish()
    except OSError as error:
        raise SystemFailure.from_os("cannot write the output", error) from error


class _Files(Closing):
    """The files of one platform, or of several in a directory each."""

    def __init__(self, storage: Storage, output: Output, states: Sequence[State]) -> None:
        snapshot.enter_private()
        is_split = len(states) > 1 if output.is_split is None else output.is_split
        self.views: list[tuple[snapshot.View, bytes]] = []
        for state in states:
            view = snapshot.View(storage, state.chain_ids)
            view.mount()
            name = state.platform.replace("/", "_").encode() if is_split else b""
            self.views.append((view, name))

    def entries(self) -> Iterator[Found]:
        """All of them, without the root itself: it is what the user has named."""
        for view, name in self.views:
            fd = os.open(view.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for found in gather.gather(fd, gather.ITSELF, name):
                    if found.member.name != gather.ITSELF:
                        yield found
            finally:
                os.close(fd)

    def close(self) -> None:
        """Unmount; more than once is fine."""
        while self.views:
            self.views.pop()[0].close()
