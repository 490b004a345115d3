"""Results kept in files under tests/golden, reviewed as a diff: `make golden` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"
UPDATING = os.environ.get("CUDDY_UPDATE_GOLDEN") == "1"


def check(name: str, result: str) -> None:
    """The result is the one kept under this name."""
    path = GOLDEN / name
    if UPDATING:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(result)
    assert result == path.read_text(), f"tests/golden/{name} says otherwise: `make golden`?"
