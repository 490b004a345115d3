"""Docker's config.json of the user: how lists are shown, and what others read in it.

    {"psFormat": "table {{.ID}}\\t{{.Names}}", "statsFormat": "..."}

Most people have no such file, and nothing is imported for it.
"""

from __future__ import annotations

from cuddy import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAX_FILE_BYTES = 1 << 20
PROXIES = ("httpProxy", "httpsProxy", "noProxy", "ftpProxy", "allProxy")
DAEMON = "unix:///var/run/docker.sock"
"""The daemon that docker speaks to if nothing is said."""


def read(environment: Mapping[str, str]) -> dict[str, Any]:
    """The whole document, empty where there is none. Raises ValueError for a broken file."""
    directory = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME', '')}/.docker"
    path = f"{directory}/config.json"
    try:
        with open(path, "rb") as file:
            document = files.parse_json(file.read(MAX_FILE_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path} cannot be read: it is not an object")
    return document


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxies that the user's config.json names. Raises ValueError for a broken file."""
    try:
        known = read(environment).get("proxies") or {}
        host = environment.get("DOCKER_HOST") or DAEMON
        found = known.get(host, known.get("default")) or {}
        return {key: str(found[key]) for key in PROXIES if found.get(key)}
    except AttributeError as error:
        raise ValueError(f"the proxies in config.json cannot be read: {error}") from None
