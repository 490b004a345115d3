"""`cuddy buildx version`: what programs ask that want to know which flags there are."""

from __future__ import annotations

from cuddy import __version__
from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

BUILDX = "v0.24.0"
"""The buildx whose commands and flags these are (docker 28.2)."""


def version(home: Home, args: Args) -> int:
    print(f"cuddy/buildx {BUILDX} cuddy-{__version__}")
    return 0


COMMAND = Command(summary="Show buildx version information", most=0, action=version)
