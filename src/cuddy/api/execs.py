"""Execs: made by one request, started by another, looked at and resized by others."""

from __future__ import annotations

from contextlib import closing

from cuddy.api import fields
from cuddy.api.attach import STDERR, STDOUT, read_size
from cuddy.api.conversation import Conversation, content_type, frame
from cuddy.api.create_host import console_size
from cuddy.engine import detach_keys, exec, exec_records
from cuddy.engine.options import ExecOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.hijacked import Hijacked
    from cuddy.api.http import Call
    from cuddy.engine.exec_records import ExecRecord
    from cuddy.engine.exec_session import ExecSession


def create(call: Call) -> None:
    """What is to be run."""
    asked = call.document()
    keys = fields.text(asked, "DetachKeys")
    detach_keys.parse_keys(keys)
    options = ExecOptions(
        command=tuple(fields.words(asked, "Cmd")),
        env=tuple(fields.texts(asked, "Env")),
        workdir=fields.text(asked, "WorkingDir"),
        user=fields.text(asked, "User"),
        tty=fields.flag(asked, "Tty"),
        interactive=fields.flag(asked, "AttachStdin"),
        privileged=fields.flag(asked, "Privileged"),
    )
    exec_id = exec_records.create(
        call.home, call.ref, options,
        stdout=fields.flag(asked, "AttachStdout"), stderr=fields.flag(asked, "AttachStderr"),
        detach_keys=keys, size=_size(asked),
    )  # fmt: skip
    call.answer({"Id": exec_id}, 201)


def start(call: Call) -> None:
    """Run it: apart, or with its streams on the connection itself."""
    record = exec_records.read(call.home, call.ref)
    asked = call.document()
    size = _size(asked) or record.size
    # Whether there are frames is up to who starts it, whatever terminal it has.
    is_detached, tty = fields.flag(asked, "Detach"), fields.flag(asked, "Tty")
    exec_records.claim(call.home, record)
    if is_detached:
        exec.exec_detached(call.home, record.name, record.options, size=size, recorded=record.id)
        call.answer()
        return
    with call.hijack(content_type(call, tty=tty)) as sock:
        # The client has its stream already: there it hears why the program could not be started.
        call.last_words = lambda problem: frame(
            STDOUT, f"OCI runtime exec failed: {problem}: unknown\r\n".encode(), tty=tty
        )
        session = exec.exec_attached(
            call.home, record.name, record.options, size=size, recorded=record.id
        )
        call.last_words = None
        with closing(session):
            converse(sock, session, record, raw=tty)


def converse(sock: Hijacked, session: ExecSession, record: ExecRecord, *, raw: bool) -> None:
    """Until it has ended, or the client leaves."""
    asked = ((STDOUT, record.stdout), (STDERR, record.stderr))
    wanted = {stream for stream, is_wanted in asked if is_wanted}
    keys = detach_keys.parse_keys(record.detach_keys)
    stdin = record.options.interactive
    Conversation(sock, session, stdin=stdin, wanted=wanted, keys=keys, raw=raw).run()


def inspect(call: Call) -> None:
    """What it is, and how far."""
    call.answer(exec_records.document(call.home, call.ref))


def resize(call: Call) -> None:
    """The client's window has another size."""
    exec_records.resize(call.home, call.ref, *read_size(call))
    call.answer()


def _size(asked: dict[str, Any]) -> tuple[int, int] | None:
    """Rows and columns of the client's window; zeros say nothing. Raises InvalidArgument."""
    size = console_size(asked)
    return size if any(size) else None
