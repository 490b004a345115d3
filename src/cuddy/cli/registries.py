"""How registries are reached from here: what the machine says (`engine/registries.py`), and what
cuddy's own variables let a layer or an archive unpack to.
"""

from __future__ import annotations

from cuddy.cli import values
from cuddy.engine import registries
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.image.settings import Settings


def settings(environment: Mapping[str, str]) -> Settings:
    """The settings of this machine and this user. Raises InvalidArgument for a broken file."""
    return registries.settings(environment)._replace(
        max_layer_bytes=max_bytes(environment, "LAYER"),
        max_archive_bytes=max_bytes(environment, "ARCHIVE"),
    )


def max_bytes(environment: Mapping[str, str], what: str) -> int:
    """CUDDY_MAX_LAYER_SIZE, CUDDY_MAX_ARCHIVE_SIZE (`16g`): what one may unpack to; 0 without it.

    Raises InvalidArgument.
    """
    variable = f"CUDDY_MAX_{what}_SIZE"
    try:
        return values.size(environment.get(variable) or "0")
    except ValueError as error:
        raise InvalidArgument(f"{variable}: {error}", hint="a size: 16g") from None
