"""Archive: what is at a path of a container, as a tar from it and into it."""

from __future__ import annotations

import os
from base64 import b64encode

from cuddy import files
from cuddy.api import piped
from cuddy.engine import containers, cp_archive
from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.image import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.image.workers import Send

STAT = "X-Docker-Container-Path-Stat"


def look(call: Call) -> None:
    """What is there, in a header alone."""
    found = cp_archive.look(call.home, call.ref, call.text("path"))
    call.answer_headers[STAT] = b64encode(files.format_json(found).encode()).decode()
    call.answer()


def take(call: Call) -> None:
    """What is there, in a header and as a tar."""

    def write(fd: int) -> None:
        cp_archive.take(call.home, call.ref, call.text("path"), fd)

    def announce(line: bytes) -> None:
        call.answer_headers[STAT] = b64encode(line).decode()

    containers.find_id(call.home, call.ref)
    piped.send(call, write, first_line=announce)


def put(call: Call) -> None:
    """A tar, compressed or not, into a directory that is there."""
    containers.find_id(call.home, call.ref)
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def unpack(send: Send) -> None:
        cp_archive.put(
            call.home, call.ref, call.text("path"), reader,
            to_user=call.flag("copyUIDGID"), replaces=not call.flag("noOverwriteDirNonDir"),
        )  # fmt: skip

    with workers.Crew() as crew:
        try:
            worker = crew.start("archive", unpack, closing=(writer,))
        finally:
            os.close(reader)
        try:
            pump(call, writer)
        finally:
            os.close(writer)
        try:
            worker.finish()
        except CorruptContent as error:  # of the client's, not of ours
            raise InvalidArgument(error.message, hint=error.hint) from error
    call.answer()


def pump(call: Call, writer: int) -> None:
    """The request's body into a pipe, or nowhere once nobody reads it there."""
    is_wanted = True
    for piece in call.body():
        if is_wanted:
            try:
                files.write_all(writer, piece)
            except BrokenPipeError:
                is_wanted = False  # its worker knows why
