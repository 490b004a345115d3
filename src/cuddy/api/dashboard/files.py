"""The page itself: the files beside this module in `page`, read once, sent as they are.

Whatever a request says is only looked up in the table, so that no path of a stranger's is opened.
"""

from __future__ import annotations

import os

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call

DIRECTORY = f"{os.path.dirname(__file__)}/page"
TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
INDEX = "index.html"


class File(NamedTuple):
    """What is sent for a path."""

    content_type: str
    data: bytes


def read_all(directory: str) -> dict[str, File]:
    """The files by the paths that they are asked for by. Raises OSError."""
    found = {}
    for name in sorted(os.listdir(directory)):
        kind = TYPES.get(name.rpartition(".")[2])
        if kind:
            with open(f"{directory}/{name}", "rb") as file:
                found["/" if name == INDEX else f"/{name}"] = File(kind, file.read())
    return found


FILES = read_all(DIRECTORY)


def serve(call: Call) -> None:
    """The file at a path."""
    found = FILES[call.path]
    call.send(found.data, found.content_type)
