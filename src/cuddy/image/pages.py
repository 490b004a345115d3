"""Lists that a registry gives page by page: tags, and the catalog (distribution-spec).

The next page is where the Link header says (RFC 8288), on the same host whatever it says: a list
has no reason to go on elsewhere.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import RegistryError
from cuddy.image import spec
from cuddy.image.server import Server, retry

MAX_PAGES = 1000
MAX_NAMES = 200_000
MAX_NAME = 512
PAGE = 1000


def read(server: Server, where: str, key: str) -> list[str]:
    """All names that a list has, in its order. Raises RegistryError, NoSuchImage."""
    host = server.endpoint.host
    found: dict[str, None] = {}
    seen: set[str] = set()
    while where:
        if where in seen or len(seen) == MAX_PAGES or len(found) > MAX_NAMES:
            raise RegistryError(f"{host} gives a list without end: {len(found)} names so far")
        seen.add(where)
        names, where = retry(server, lambda where=where: _page(server, where, key))  # type: ignore[misc]
        found.update(dict.fromkeys(names))
    return list(found)


def _page(server: Server, where: str, key: str) -> tuple[list[str], str]:
    """The names on one page, and where the next one is."""
    response = server.request("GET", where)
    data = server.read(response, spec.MAX_MANIFEST_BYTES)
    try:
        names = files.parse_json(data)[key] or []
    except (ValueError, KeyError, TypeError):
        names = None
    if not isinstance(names, list) or not all(map(_is_name, names)):
        raise RegistryError(f"{server.endpoint.host} gives a list that is none")
    return names, next_page(response.headers.get("Link", ""))


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable()


def next_page(header: str) -> str:
    """Path and query of the link whose relation is `next`, "" without one."""
    from urllib.parse import urlsplit

    rest = header
    while "<" in rest:
        target, _, rest = rest.partition("<")[2].partition(">")
        parameters, comma, following = rest.partition(",")
        if "next" in parameters.replace('"', " ").replace("=", " ").split():
            try:
                parts = urlsplit(target)
            except ValueError:
                return ""
            return f"{parts.path}?{parts.query}" if parts.path.startswith("/") else ""
        rest = comma and following
    return ""
