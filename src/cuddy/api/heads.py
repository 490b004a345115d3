"""Heads of HTTP/1.1 as bytes: the usual request, and every answer.

h11 reads what clients send (0120). Most of it asks for something and brings nothing along: a head
that came in one piece, of which every byte is as clients write it, is read here instead, in a
twentieth of the time (0132). Whatever could mean two things to two readers is not usual: h11 has
to read it, and refuses it in our stead.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from http import HTTPStatus

from cuddy import __version__
from cuddy.engine.info import API_VERSION
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import h11

USUAL = re.compile(
    rb"(GET|HEAD) (/[!-~]*) HTTP/1\.1\r\n((?:[A-Za-z-]+: [!-~]+(?: [!-~]+)*\r\n)+)\r\n"
)
FRAMING = frozenset(
    {"connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that say what follows the head, or what becomes of the connection."""
MAX_USUAL_HEADERS = 20
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
STATUS_LINES = {each.value: f"HTTP/1.1 {each} {each.phrase}" for each in HTTPStatus}
STANDING = (
    f"Api-Version: {API_VERSION}",
    "Docker-Experimental: false",
    "Ostype: linux",
    f"Server: cuddy/{__version__} (linux)",
)
"""What every answer says."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Request(NamedTuple):
    """The head of a request. `headers`: by names in small letters, the last of each name."""

    method: str
    target: str
    headers: dict[str, str]
    keeps: bool = True  # whether another may come on this connection
    is_old: bool = False  # HTTP/1.0, in which nothing is chunked


def read_usual(data: bytes) -> Request | None:
    """The request, if all the bytes are the head of a usual one. Pure."""
    found = USUAL.fullmatch(data)
    if not found:
        return None
    method, target, block = found.groups()
    lines = block.decode("ascii").splitlines()
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    says_more = FRAMING.intersection(headers)
    if says_more == {"connection"} and headers["connection"].lower() == "keep-alive":
        says_more = frozenset()  # so it is anyway
    if says_more or "host" not in headers or not len(headers) == len(lines) <= MAX_USUAL_HEADERS:
        return None
    return Request(method.decode("ascii"), target.decode("ascii"), headers)


def from_h11(request: h11.Request) -> Request:
    """The same of one that h11 has read. Pure."""
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in request.headers}
    wishes = [value.lower() for name, value in request.headers if name == b"connection"]
    is_old = request.http_version < b"1.1"
    return Request(
        request.method.decode("ascii"),
        request.target.decode("ascii"),
        headers,
        keeps=not is_old and b"close" not in re.split(rb"[,\s]+", b",".join(wishes)),
        is_old=is_old,
    )


def answer(status: int, *lines: str) -> bytes:
    """The head of an answer. Raises ValueError for what would be more than these headers."""
    if not "".join(lines).isprintable():
        raise ValueError(f"headers with control characters: {lines}")
    date = _date(int(time.time()))
    head = "\r\n".join((STATUS_LINES[status], *STANDING, date, *lines, "", ""))
    return head.encode("latin-1")


@lru_cache(1)
def _date(now_s: int) -> str:
    """The line of a moment: always in English, whatever the locale (RFC 9110, 5.6.7)."""
    now = time.gmtime(now_s)
    day, month = DAYS[now.tm_wday], MONTHS[now.tm_mon - 1]
    clock = f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"
    return f"Date: {day}, {now.tm_mday:02} {month} {now.tm_year} {clock} GMT"
