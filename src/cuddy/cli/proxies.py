"""The `proxies` of Docker's config.json: what the registry client and new containers are told.

    {"proxies": {"default": {"httpProxy": "http://proxy:3128", "noProxy": "10.0.0.0/8"}}}

An entry named as $DOCKER_HOST counts instead of `default`. Read at every `run`, so nothing is
imported for it, and most people have no such file.
"""

from __future__ import annotations

from cuddy.cli import boundary, configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "noProxy": "NO_PROXY",
    "ftpProxy": "FTP_PROXY",
    "allProxy": "ALL_PROXY",
}
DAEMON = "unix:///var/run/docker.sock"
"""The daemon that docker speaks to if nothing is said."""


def configured(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxies that the user's config.json names. Raises ValueError for a broken file."""
    try:
        known = configuration.read(environment).get("proxies") or {}
        host = environment.get("DOCKER_HOST") or DAEMON
        found = known.get(host, known.get("default")) or {}
        return {key: str(found[key]) for key in VARIABLES if found.get(key)}
    except AttributeError as error:
        raise ValueError(f"the proxies in config.json cannot be read: {error}") from None


def variables(environment: Mapping[str, str], given: Iterable[str]) -> list[str]:
    """Variables for a new container, in capitals and in small letters, as docker sets them.

    `given`: variables that the user sets, which stay as they are. A file that is broken is warned
    of.
    """
    try:
        found = configured(environment)
    except ValueError as error:
        boundary.warn([str(error)])
        return []
    if not found:
        return []
    names = {each.partition("=")[0] for each in given}
    return [
        f"{name}={value}"
        for key, value in found.items()
        for name in (VARIABLES[key], VARIABLES[key].lower())
        if name not in names
    ]
