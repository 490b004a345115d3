"""The requests of one connection, one after the other, in the process that is its own."""

from __future__ import annotations

import os
import re
import time
from posixpath import normpath
from urllib.parse import quote, unquote

from cuddy import files
from cuddy.api import errors, log, routes
from cuddy.api.connection import Connection
from cuddy.api.errors import Misdirected
from cuddy.api.http import Call
from cuddy.engine.departure import ClientLeft
from cuddy.engine.info import API_VERSION, MIN_API_VERSION
from cuddy.errors import InvalidArgument, NotPermitted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.api.connection import Peer
    from cuddy.api.dashboard.door import Door
    from cuddy.api.heads import Request
    from cuddy.engine.home import Home

ADDRESS = re.compile(r"[0-9.]+|\[[0-9a-fA-F:.%]+\]|localhost")
VERSION = re.compile(r"/v([0-9.]+)(/.*)", re.DOTALL)

ABSOLUTE = re.compile("^https?://[^/?]*", re.IGNORECASE)
"""What a client writes before the path when it takes us for a proxy (RFC 9112, 3.2.2)."""


def converse(
    home: Home,
    connection: Connection,
    *,
    before_change: Callable[[], None],
    is_logged: bool,
    door: Door | None = None,
) -> None:
    """Answer requests until there are no more. Raises ClientLeft.

    `before_change` is called before the first of them that may leave this process another one.
    `door`: what the client came through; None: it may ask for all of the API.
    """
    may_go_on = True
    while may_go_on:
        try:
            request = connection.next_request()
        except InvalidArgument as error:
            connection.refuse(error.http_status, error.message)
            return
        if request is None:
            return
        may_go_on = answer(home, connection, request, before_change, door, is_logged=is_logged)


def answer(
    home: Home,
    connection: Connection,
    request: Request,
    before_change: Callable[[], None],
    door: Door | None,
    *,
    is_logged: bool,
) -> bool:
    """Answer one request; whether there may be another on this connection."""
    began_s = time.monotonic()
    path, _, query = ABSOLUTE.sub("", request.target).partition("?")
    call = Call(
        home, connection, request, path=unquote(path, errors="surrogateescape"), query=query
    )
    try:
        errors.attempt(
            call, lambda call: dispatch(call, connection.peer, query, before_change, door)
        )
    finally:
        if is_logged:
            log.request(connection.peer, call, request.target, time.monotonic() - began_s)
    return not call.is_hijacked and connection.finish()


def dispatch(
    call: Call, peer: Peer, query: str, before_change: Callable[[], None], door: Door | None
) -> None:
    """Find out what is meant, and have it done."""
    if door:
        door.admit(call)
    elif peer.address:
        check_origin(call, peer)
    clean = clean_path(call.path)
    if clean != call.path:
        where = quote(clean, errors="surrogateescape", safe="/:@")
        call.answer_headers["Location"] = f"{where}?{query}" if query else where
        call.answer(status=301)
        return
    found = VERSION.fullmatch(call.path)
    if found:
        call.version = check_version(found[1])
        call.path = found[2]
    table = door.table if door else routes.API
    handler, call.ref = table.find(call.method, call.path)
    call.before_change = before_change
    if handler in table.plain or handler in table.leave_themselves:
        handler(call)
        return
    before_change()
    files.sweep_temporary(call.home.tmp_dir)  # as every command does first
    try:
        handler(call)
    except ClientLeft:
        # It may have been told between the making of something and the note of it.
        files.sweep_temporary(call.home.tmp_dir, own=True)
        raise
    finally:
        reap()


def check_origin(call: Call, peer: Peer) -> None:
    """By TCP a browser may come, sent by a page of somebody else's.

    Raises Misdirected, NotPermitted.

    No client but a browser says where a request comes from. And a name that leads to us must be the
    one by which the client has looked at our certificate: else somebody has redirected it.
    """
    if "origin" in call.headers:
        raise NotPermitted("requests of web pages are not answered")
    name = call.headers.get("host", "").rpartition("]")
    host = name[0] + name[1] if name[1] else name[2].partition(":")[0]
    if host and not ADDRESS.fullmatch(host) and host.lower() != peer.server_name.lower():
        raise Misdirected(f"{host} is not the name in the TLS of this connection")


def clean_path(path: str) -> str:
    """A path without empty steps and dots, as Go's router redirects to it."""
    clean = normpath(f"/{path.lstrip('/')}")
    return f"{clean}/" if path.endswith("/") and clean != "/" else clean


def check_version(said: str) -> tuple[int, int]:
    """The version of the API that the client speaks. Raises InvalidArgument."""
    asked, most, least = (read_version(each) for each in (said, API_VERSION, MIN_API_VERSION))
    if asked > most:
        raise InvalidArgument(
            f"client version {said} is too new. Maximum supported API version is {API_VERSION}"
        )
    if asked < least:
        raise InvalidArgument(
            f"client version {said} is too old. Minimum supported API version is "
            f"{MIN_API_VERSION}, please upgrade your client to a newer version"
        )
    return asked


def read_version(text: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    numbers = [int(each[:9]) if each else 0 for each in text.split(".")]
    return (numbers[0], numbers[1] if len(numbers) > 1 else 0)


def reap() -> None:
    """Processes that handlers have started, and that have ended since."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
