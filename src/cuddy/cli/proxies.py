"""The `proxies` of Docker's config.json: what the registry client and new containers are told.

    {"proxies": {"default": {"httpProxy": "http://proxy:3128", "noProxy": "10.0.0.0/8"}}}

An entry named as $DOCKER_HOST counts instead of `default`. Read at every `run`, so nothing is
imported for it, and most people have no such file.
"""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.engine import configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "noProxy": "NO_PROXY",
    "ftpProxy": "FTP_PROXY",
    "allProxy": "ALL_PROXY",
}


def variables(environment: Mapping[str, str], given: Iterable[str]) -> list[str]:
    """Variables for a new container, in capitals and in small letters, as docker sets them.

    `given`: variables that the user sets, which stay as they are. A file that is broken is warned
    of.
    """
    try:
        found = configuration.proxies(environment)
    except ValueError as error:
        boundary.warn([str(error)])
        return []
    if not found:
        return []
    names = {each.partition("=")[0] for each in given}
    return [
        f"{name}={value}"
        for key, value in found.items()
        for name in (NAMES[key], NAMES[key].lower())
        if name not in names
    ]
