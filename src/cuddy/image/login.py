"""Login: credentials are shown to a registry before they are kept."""

from __future__ import annotations

from cuddy.errors import InvalidArgument, InvalidReference
from cuddy.image import credentials, http, keyring, reference
from cuddy.image.credentials import Credentials
from cuddy.image.endpoints import DOCKER_HUB, Endpoint, schemes
from cuddy.image.reference import Reference
from cuddy.image.server import Server, retry
from cuddy.image.settings import Settings


def host_of(server: str) -> str:
    """The registry that a user names: `host[:port]`, or a URL of it; "" is docker.io.

    Raises InvalidArgument.
    """
    host = (server.partition("://")[2] or server).partition("/")[0]
    if not server or host in credentials.DOCKER_HUB:
        return DOCKER_HUB
    try:
        return reference.parse(f"{host}/x").registry if _is_host(host) else host
    except InvalidReference:
        raise InvalidArgument(f"{server[:100]!a} is not a registry's host[:port]") from None


def _is_host(host: str) -> bool:
    # One without dot and port would be read as a user's name at docker.io.
    return "." in host or ":" in host or host == "localhost" or not host.isalnum()


def login(settings: Settings, host: str, found: Credentials) -> bool:
    """Have the registry check credentials, and keep them.

    True if a secret has newly got into a file unencrypted. Raises Unauthorized, RegistryError,
    InvalidArgument, SystemFailure.
    """
    return keyring.store(settings, host, check(settings, host, found))


def check(settings: Settings, host: str, found: Credentials) -> Credentials:
    """Have the registry check credentials; what to come back with. Raises as `login`."""
    ways, verify = schemes(settings, host)
    endpoint = Endpoint(host, "", ways, verify, False)
    nobody = Reference(host, "")
    server = Server(settings, nobody, endpoint, scopes=(), action="login", known=found)
    try:
        retry(server, lambda: http.finish(server.request("GET", "/v2/")))
    finally:
        server.close()
    if server.identity_token:
        return Credentials(found.username, "", server.identity_token)
    return found
