"""Search: repositories whose names or descriptions have a word in them.

docker.io has an index with a search of its own (Docker's registry API, version 1). Registries of
distribution-spec have at most a catalog; in that the names are looked through.
"""

from __future__ import annotations

from urllib.parse import urlencode

from cuddy import files
from cuddy.errors import NoSuchImage, RegistryBusy, RegistryError, RegistryUnreachable, Unauthorized
from cuddy.image import endpoints, pages, reference, spec
from cuddy.image.reference import DEFAULT_REGISTRY, Reference
from cuddy.image.server import Server, retry
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

DOCKER_INDEX = "index.docker.io"
CATALOG_SCOPE = "registry:catalog:*"
MAX_TEXT = 10_000


class Found(NamedTuple):
    """A repository, as a registry describes it."""

    name: str
    description: str = ""
    stars: int = 0
    is_official: bool = False
    is_automated: bool = False


def search(settings: Settings, term: str, *, limit: int) -> list[Found]:
    """What a registry has for a term; `host[:port]/term` asks another one than docker.io.

    Raises InvalidReference, RegistryError.
    """
    registry, word = _split(term)
    endpoint = endpoints.endpoints(settings, Reference(registry, "x", "latest"))[-1]
    if endpoint.host == endpoints.DOCKER_HUB:
        endpoint = endpoint._replace(host=DOCKER_INDEX)
    endpoint = endpoint._replace(repository="")
    nobody = Reference(registry, word)
    server = Server(settings, nobody, endpoint, scopes=(CATALOG_SCOPE,), action="search")
    try:
        return _index(server, word, limit)[:limit]
    except (RegistryUnreachable, Unauthorized, RegistryBusy):
        raise
    except RegistryError:
        if endpoint.host == DOCKER_INDEX:
            raise
        return _catalog(server, registry, word)[:limit]
    finally:
        server.close()


def _split(term: str) -> tuple[str, str]:
    """Registry and word. Raises InvalidReference for a host that is none."""
    first, slash, rest = term.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return DEFAULT_REGISTRY, term
    return reference.parse(f"{first}/x").registry, rest


def _index(server: Server, word: str, limit: int) -> list[Found]:
    where = f"/v1/search?{urlencode({'q': word, 'n': limit})}"

    def ask() -> bytes:
        return server.read(server.request("GET", where), spec.MAX_MANIFEST_BYTES)

    data = retry(server, ask)
    try:
        return [_found(each) for each in files.parse_json(data)["results"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RegistryError(f"{server.endpoint.host} gives results that are none") from None


def _found(result: dict[str, object]) -> Found:
    """One result. Raises KeyError, TypeError, ValueError when it is none."""
    stars = result.get("star_count") or 0
    if type(stars) is not int:
        raise ValueError(stars)
    return Found(
        str(result["name"])[:MAX_TEXT],
        str(result.get("description") or "")[:MAX_TEXT],
        stars,
        result.get("is_official") is True,
        result.get("is_automated") is True,
    )


def _catalog(server: Server, registry: str, word: str) -> list[Found]:
    try:
        names = pages.read(server, f"/v2/_catalog?n={pages.PAGE}", "repositories")
    except NoSuchImage:
        names = []
    return [Found(f"{registry}/{name}") for name in sorted(names) if word in name]
