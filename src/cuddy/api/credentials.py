"""Credentials that a client sends along: for one registry, or for those that a build may ask.

    X-Registry-Auth      a base64url of {"username", "password", "serveraddress", ...}
    X-Registry-Config    a base64url of {"host[:port]": {"username", "password"}, ...}

They live as long as the request, are shown to the host that they are for and to nobody else, and
stand in no file and no message. What cannot be read counts as none, as with dockerd.
"""

from __future__ import annotations

import binascii
import os

from cuddy import files
from cuddy.engine import registries
from cuddy.image.credentials import DOCKER_HUB, Credentials
from cuddy.image.endpoints import DOCKER_HUB as HUB_SERVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.image.reference import Reference
    from cuddy.image.settings import Settings

AUTH, CONFIG = "x-registry-auth", "x-registry-config"
MAX_HEADER = 1 << 20
TO_STANDARD = str.maketrans("-_", "+/")
HUB = (*DOCKER_HUB, "registry.hub.docker.com", "hub.docker.com")


def settings() -> Settings:
    """How registries are reached from this machine, by somebody without credentials."""
    return registries.settings(os.environ)._replace(auth_files=(), given={})


def for_image(call: Call, wanted: Reference) -> Settings:
    """The same for a request about one image: with what the client sends for its registry."""
    document = decode(call.headers.get(AUTH, ""))
    host = host_of(wanted.registry)
    said = document.get("serveraddress")
    found = read(document)
    if found is None or (isinstance(said, str) and said and host_of(said) != host):
        return settings()
    return settings()._replace(given={host: found})


def for_build(call: Call) -> Settings:
    """The same for a build, which may ask several registries."""
    given = {}
    for server, entry in decode(call.headers.get(CONFIG, "")).items():
        found = read(entry) if isinstance(entry, dict) else None
        if found:
            given[host_of(server)] = found
    return settings()._replace(given=given)


def decode(header: str) -> dict[str, Any]:
    """The object in a header, {} if there is none: either alphabet of base64, padded or not."""
    text = header.strip().translate(TO_STANDARD).rstrip("=")
    if not text or len(text) > MAX_HEADER:
        return {}
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
        found = files.parse_json(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def read(document: dict[str, Any]) -> Credentials | None:
    """What Docker's AuthConfig says; None if that is nothing."""
    names = ("username", "password", "identitytoken", "registrytoken", "auth")
    texts = {name: found for name in names if isinstance(found := document.get(name), str)}
    username, password = texts.get("username", ""), texts.get("password", "")
    if texts.get("auth") and not username:
        try:
            joined = binascii.a2b_base64(texts["auth"], strict_mode=True).decode()
        except ValueError:
            joined = ""
        username, _, password = joined.partition(":")
    token, access = texts.get("identitytoken", ""), texts.get("registrytoken", "")
    if not access.isascii() or not access.isprintable():
        access = ""  # it could not stand in a header
    found = Credentials(username, password, token, access)
    return found if any((username, token, access)) else None


def host_of(server: str) -> str:
    """The host that a client means: `https://index.docker.io/v1/` is docker.io's."""
    host = (server.partition("://")[2] or server).partition("/")[0].lower()
    return DOCKER_HUB[0] if not host or host in (*HUB, HUB_SERVER) else host
