"""What all prunes ask: which, and whether the user is sure."""

from __future__ import annotations

import sys

from cuddy.cli import values
from cuddy.engine import prune_filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

QUESTION = "Are you sure you want to continue? [y/N] "


def filters(words: Sequence[str]) -> tuple[list[tuple[str, str]], int | None]:
    """The filters that were written, and the moment that `until` means. Raises InvalidArgument."""
    pairs = values.filters(words)
    return pairs, prune_filters.until(pairs)


def is_sure(warning: str) -> bool:
    """Ask, as docker does: everything but a yes is a no."""
    sys.stdout.write(f"{warning}\n{QUESTION}")
    sys.stdout.flush()
    return sys.stdin is not None and sys.stdin.readline().strip().lower() == "y"
