"""config.toml: what this machine, or this user, wants of containers if nothing else is said.

    [containers]
    userns = "auto"                  # --userns of run and create

    [userns]
    range = "1000000:655360000"      # ids of the host to give away: START:SIZE

/etc/cuddy/config.toml is the machine's, $XDG_CONFIG_HOME/cuddy/config.toml the user's; what both
say is as the user says. Most machines have neither, and nothing is imported for them.
"""

from __future__ import annotations

import tomllib

from cuddy.engine import id_ranges, userns
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

MAX_FILE_BYTES = 1 << 20
OPTIONS = {("containers", "userns"): "userns_default", ("userns", "range"): "userns_range"}
"""Table and key -> the option that it sets."""


def read_options(paths: Iterable[str]) -> dict[str, str]:
    """The options that these files set, later ones over earlier ones. Raises InvalidArgument."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            found |= options_of(read(path))
        except InvalidArgument as error:
            raise InvalidArgument(f"{path}: {error.message}", hint=error.hint) from None
    return found


def read(path: str) -> dict[str, Any]:
    """A whole file. Raises InvalidArgument."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise InvalidArgument(f"larger than {MAX_FILE_BYTES} bytes")
        return tomllib.loads(data.decode())
    except OSError as error:
        raise InvalidArgument(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidArgument(f"cannot be read: {error}") from None


def options_of(document: dict[str, Any]) -> dict[str, str]:
    """The options that a document sets. Raises InvalidArgument for what nobody knows."""
    found = {}
    for table, entries in document.items():
        if not isinstance(entries, dict):
            raise InvalidArgument(f"{table!r} stands outside of any table", hint="[containers]")
        for key, value in entries.items():
            option = OPTIONS.get((table, key))
            if option is None:
                raise InvalidArgument(f"nobody knows {key!r} of [{table}]")
            if not isinstance(value, str):
                raise InvalidArgument(f"{key!r} of [{table}] is to be a string")
            found[option] = value
    check(found)
    return found


def check(options: dict[str, str]) -> None:
    """What is set makes sense. Raises InvalidArgument."""
    mode = options.get("userns_default", "")
    if userns.parse(mode).kind == "container":
        raise InvalidArgument("userns: no container can be everybody's", hint=userns.HINT)
    if text := options.get("userns_range"):
        id_ranges.parse_range(text)
