"""An archive that the engine writes to a descriptor goes to a client as it comes.

A worker writes into a pipe, and this process sends what comes out. What fails before the first byte
is answered by a status; what fails later leaves the answer without its end.
"""

from __future__ import annotations

import fcntl
import os

from cuddy.image import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.api.http import Call
    from cuddy.image.workers import Send

PIPE_BYTES = 1 << 20
PIECE_BYTES = 1 << 18
PIECE_S = 3600
"""Until a client takes a piece: somebody may look at an archive in a pager, but not for ever."""
TAR = "application/x-tar"


def send(
    call: Call, write: Callable[[int], object], content_type: str = TAR, *,
    first_line: Callable[[bytes], None] | None = None,
) -> None:  # fmt: skip
    """Answer with what `write` writes to the descriptor that it is given. Raises CuddyError.

    `first_line` is given the first line of it, which is no part of the answer.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def work(tell: Send) -> None:
        write(writer)

    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        with workers.Crew() as crew:
            worker = crew.start("archive", work, closing=(reader,))
            os.close(writer)
            writer = -1
            piece = os.read(reader, PIECE_BYTES)
            if not piece:
                worker.finish()
            if first_line:
                while b"\n" not in piece and (more := os.read(reader, PIECE_BYTES)):
                    piece += more
                line, _, piece = piece.partition(b"\n")
                first_line(line)
                piece = piece or os.read(reader, PIECE_BYTES)
            with call.stream(content_type, patience_s=PIECE_S) as stream:
                while piece:
                    stream.write(piece)
                    piece = os.read(reader, PIECE_BYTES)
                if worker.pid:
                    worker.finish()
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)
