"""Which servers a repository has, in the order to ask, and how each may be spoken to."""

from __future__ import annotations

from cuddy.errors import RegistryError
from cuddy.image import proxies
from cuddy.image.reference import DEFAULT_REGISTRY, Reference
from cuddy.image.settings import Rule, Settings
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
    """Where a repository may be had, in the order to ask. The last is its own registry.

    Raises RegistryError if the registry is blocked.
    """
    found = []
    rule = find_rule(settings, reference.name)
    if rule and rule.is_blocked:
        raise RegistryError(
            f"{reference.familiar_name} is blocked",
            hint=f"registries.conf says so of {rule.prefix}",
        )
    for mirror in rule.mirrors if rule else ():
        if mirror.pulls in ("all", "digest-only" if reference.digest else "tag-only"):
            name = rewrite(reference.name, rule, mirror.location)
            found.append(_endpoint(settings, name, is_mirror=True))
    for location in settings.mirrors.get(reference.registry, ()):
        found.append(_mirror(settings, location, reference))
    own = rewrite(reference.name, rule, rule.location) if rule else reference.name
    return [*found, _endpoint(settings, own, is_mirror=False)]


def find_rule(settings: Settings, name: str) -> Rule | None:
    """The rule whose prefix is the longest part of a name."""
    found = [rule for rule in settings.rules if matched_length(rule.prefix, name)]
    # Of two that match as much the more exact one counts.
    return max(
        found, key=lambda rule: (matched_length(rule.prefix, name), len(rule.prefix)), default=None
    )


def matched_length(prefix: str, name: str) -> int:
    """How much of a name a prefix stands for, 0 if it does not match."""
    if prefix.startswith("*."):
        host = name.partition("/")[0]
        return len(host) if _bare_host(host).endswith(prefix[1:]) else 0
    is_whole = name.startswith(prefix) and name[len(prefix) :][:1] in ("", "/", ":")
    return len(prefix) if is_whole else 0


def rewrite(name: str, rule: Rule | None, location: str) -> str:
    """A name with a location in the place of the part that a rule matches."""
    return location + name[matched_length(rule.prefix, name) :] if rule and location else name


def _endpoint(settings: Settings, name: str, *, is_mirror: bool) -> Endpoint:
    host, _, repository = name.partition("/")
    host = DOCKER_HUB if host == DEFAULT_REGISTRY else host
    return Endpoint(host, repository, *schemes(settings, host), is_mirror)


def _mirror(settings: Settings, location: str, reference: Reference) -> Endpoint:
    """A mirror as daemon.json writes it: a URL, whose path goes before the repository's."""
    scheme, marks, rest = location.rpartition("://")
    host, _, path = rest.strip("/").partition("/")
    repository = f"{path}/{reference.repository}" if path else reference.repository
    ways, verify = schemes(settings, host)
    return Endpoint(host, repository, (scheme,) if marks else ways, verify, True)


def schemes(settings: Settings, host: str) -> tuple[tuple[str, ...], bool]:
    """How to speak to a host, and whether its certificate must be good.

    On loopback plain HTTP is the rule. Elsewhere it has to be allowed, and comes second.
    """
    name = _bare_host(host)
    if proxies.is_loopback(name):
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
    if "/" in entry:
        return proxies.in_network(entry, name)
    return entry in (host, name) or (entry.startswith("*.") and name.endswith(entry[1:]))
