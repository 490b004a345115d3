"""Which servers a repository has, in the order to ask, and how each may be spoken to."""

from __future__ import annotations

from cuddy.image import http
from cuddy.image.reference import DEFAULT_REGISTRY, Reference
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

DOCKER_HUB = "registry-1.docker.io"


class Endpoint(NamedTuple):
    """A server of the repository, and the schemes by which to try it."""

    host: str
    repository: str
    schemes: tuple[str, ...]
    verify: bool
    is_mirror: bool


def endpoints(settings: Settings, reference: Reference) -> list[Endpoint]:
    """Where a repository may be had, in the order to ask. The last is its own registry."""
    found = []
    for mirror in settings.mirrors.get(reference.registry, ()):
        scheme, marks, rest = mirror.rpartition("://")
        host, _, prefix = rest.strip("/").partition("/")
        repository = f"{prefix}/{reference.repository}" if prefix else reference.repository
        ways, verify = schemes(settings, host)
        found.append(Endpoint(host, repository, (scheme,) if marks else ways, verify, True))
    host = DOCKER_HUB if reference.registry == DEFAULT_REGISTRY else reference.registry
    found.append(Endpoint(host, reference.repository, *schemes(settings, host), False))
    return found


def schemes(settings: Settings, host: str) -> tuple[tuple[str, ...], bool]:
    """How to speak to a host, and whether its certificate must be good.

    On loopback plain HTTP is the rule. Elsewhere it has to be allowed, and comes second.
    """
    name = _bare_host(host)
    if http.is_loopback(name):
        return ("http", "https"), False
    if any(_is_allowed(entry, host, name) for entry in settings.insecure):
        return ("https", "http"), False
    return ("https",), True


def may_be_open(settings: Settings, host: str) -> bool:
    """Whether a host may be spoken to over plain HTTP, secrets and all."""
    return "http" in schemes(settings, host)[0]


def _bare_host(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_allowed(entry: str, host: str, name: str) -> bool:
    if "/" not in entry:
        return entry in (host, name)
    import ipaddress

    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
