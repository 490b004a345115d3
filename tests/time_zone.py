"""Living in another time zone for a while."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
NEPAL = "NPT-5:45"
"""An odd one."""


@contextmanager
def living_in(zone: str) -> Iterator[None]:
    """Local time is that of a zone, as tzset(3) reads it."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        del os.environ["TZ"]
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
