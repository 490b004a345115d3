"""Layers that no registry may hand on: their descriptors say where they are (layer.md).

Anybody may have written those URLs. What is there is verified like every blob; nobody is told
credentials, and it is the whole that is asked for: such hosts are no registries.
"""

from __future__ import annotations

from cuddy.errors import CuddyError, RegistryBusy, RegistryError
from cuddy.image import http
from cuddy.image.server import BUSY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_URLS = 8


def blob(client: http.Http, places: Sequence[str], offset: int) -> Iterator[bytes]:
    """One attempt at a blob's bytes from `offset` on, from the first place that answers.

    Raises RegistryError.
    """
    error: CuddyError = RegistryError("a layer is nowhere to be had")
    for url in places[:MAX_URLS]:
        try:
            response = client.request("GET", url, {})
        except RegistryError as problem:
            error = problem
            continue
        host = http.origin(url).host
        if response.status == 200:
            return _skipping(http.pieces(response, host, client.settings.timeout_s), offset)
        response.close()
        said = f"{host} answers {response.status} to a request for a layer"
        error = RegistryBusy(said) if response.status in BUSY else RegistryError(said)
    raise error


def _skipping(pieces: Iterator[bytes], skip: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[skip:]
        skip = max(0, skip - len(piece))
