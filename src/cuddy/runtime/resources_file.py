"""linux.resources of a file: what callers give `update`, who write 0 for what they leave alone."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_BYTES = 1 << 20
ZERO_COUNTS = {("cpu", "burst"), ("cpu", "idle")}
"""Fields whose 0 is a value."""


def load(path: str) -> dict[str, Any]:
    """Resources of a file, or of standard input for "-". Raises InvalidArgument."""
    try:
        return parse(read(path))
    except (ValueError, OSError) as error:
        raise InvalidArgument(f"cannot read the resources: {error}") from None


def read(path: str) -> bytes:
    """All of a file or pipe. Raises OSError, ValueError when it is too long."""
    fd = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while chunk := os.read(fd, 1 << 16):
            data += chunk
            if len(data) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
        return data
    finally:
        if fd:
            os.close(fd)


def parse(data: bytes) -> dict[str, Any]:
    """Resources without what was left alone. Raises ValueError."""
    document = files.parse_json(data)
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return {
        section: {
            field: value
            for field, value in fields.items()
            if value or (section, field) in ZERO_COUNTS and value is not None
        }
        if isinstance(fields, dict)
        else fields
        for section, fields in document.items()
        if fields is not None
    }
