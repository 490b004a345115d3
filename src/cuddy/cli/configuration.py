"""How lists are shown, as Docker's config.json of the user says.

    {"psFormat": "table {{.ID}}\\t{{.Names}}", "statsFormat": "..."}

Most people have no such file, and nothing is imported for it.
"""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.engine import configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def list_format(environment: Mapping[str, str], key: str) -> str:
    """The format that the user has for a list: `psFormat`, `statsFormat`; "" for the usual one.

    A file that is broken is warned of.
    """
    try:
        return str(configuration.read(environment).get(key) or "")
    except ValueError as error:
        boundary.warn([str(error)])
        return ""
