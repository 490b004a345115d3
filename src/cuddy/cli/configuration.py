"""Docker's config.json of the user: how lists are shown, and what others read in it.

    {"psFormat": "table {{.ID}}\\t{{.Names}}", "statsFormat": "..."}

Most people have no such file, and nothing is imported for it.
"""

from __future__ import annotations

from cuddy import files
from cuddy.cli import boundary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MAX_FILE_BYTES = 1 << 20


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


def list_format(environment: Mapping[str, str], key: str) -> str:
    """The format that the user has for a list: `psFormat`, `statsFormat`; "" for the usual one.

    A file that is broken is warned of.
    """
    try:
        return str(read(environment).get(key) or "")
    except ValueError as error:
        boundary.warn([str(error)])
        return ""
