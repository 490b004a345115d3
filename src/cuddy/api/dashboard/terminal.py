"""A terminal in the page: what was created as an exec runs at the other end of a WebSocket."""

from __future__ import annotations

from contextlib import closing

from cuddy.api import websocket
from cuddy.api.attach import STDOUT
from cuddy.api.conversation import Conversation
from cuddy.api.websocket import WebSocket
from cuddy.engine import exec, exec_records
from cuddy.errors import NotPermitted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call


def terminal(call: Call) -> None:
    """Start it. When the page goes, or we do, its terminal hangs up, and it ends."""
    websocket.accept(call)
    record = exec_records.read(call.home, call.ref)
    if record.options.privileged:
        raise NotPermitted("the dashboard gives nobody more power than the container has")
    options = record.options._replace(hangs_up=True)
    exec_records.claim(call.home, record)
    with call.hijack("", protocol="websocket") as sock:
        call.last_words = lambda problem: websocket.frame(
            websocket.BINARY, f"{problem}\r\n".encode()
        )
        session = exec.exec_attached(
            call.home, record.name, options, size=record.size, recorded=record.id
        )
        call.last_words = None
        framing = WebSocket(sock)
        with closing(session):
            Conversation(framing, session, stdin=True, wanted={STDOUT}, keys=b"", raw=True).run()
        framing.finish()
