"""What may reach a terminal, by the name that commands know: see `cuddy/escape.py`."""

from __future__ import annotations

from cuddy.escape import printable as printable
from cuddy.escape import quote as quote
