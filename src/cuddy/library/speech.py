"""How a program and the process behind it speak on the socket of a call: frames, of two kinds.

    program                                     process
    CALL {"name", "arguments"}  ──────────────▶
    STDIN, CLOSE_STDIN, RESIZE  ──────────────▶  if the call has streams
          ◀──────────────  STDOUT, STDERR        as the container writes
          ◀──────────────  ITEM value            any number
          ◀──────────────  DONE value, or ERROR {"type", "message", "hint", "facts", "trace"}

Streams have the numbers that they have between a monitor and its clients (`engine/frames.py`); the
rest is JSON. Whoever closes the socket, or half of it, wants no more: what was begun is taken back.
"""

from __future__ import annotations

from cuddy import errors, files
from cuddy.engine import frames
from cuddy.errors import CuddyError, SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CALL, ITEM, DONE, ERROR = 32, 33, 34, 35
MAX_FRAME_BYTES = 64 << 20
CHUNK_BYTES = 1 << 17
MESSAGE = ("message", "hint")


def encode(kind: int, value: object) -> bytes:
    """A frame that says something in JSON."""
    return frames.encode(kind, files.format_json(value).encode())


def decoder() -> frames.Decoder:
    """What makes frames of bytes."""
    return frames.Decoder(MAX_FRAME_BYTES)


def with_tuples(options: dict[str, Any]) -> dict[str, Any]:
    """Options as the engine has them, whose lists are tuples; JSON knows of none."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}


def failure(error: CuddyError, trace: str = "") -> dict[str, Any]:
    """An error as the other side can raise it again; its facts are what it knows beyond words.

    `trace`: where it came from, for a bug of ours.
    """
    facts = {
        name: value
        for name, value in vars(error).items()
        if name not in MESSAGE and isinstance(value, (str, int, float))
    }
    return {
        "type": type(error).__name__, "message": error.message, "hint": error.hint,
        "facts": facts, "trace": trace,
    }  # fmt: skip


def raised(document: object) -> CuddyError:
    """The error of a document, of its own class; one of none we know is a SystemFailure."""
    found = document if isinstance(document, dict) else {}
    kind = getattr(errors, str(found.get("type")), None)
    if not (isinstance(kind, type) and issubclass(kind, CuddyError)):
        kind = SystemFailure
    error: CuddyError = kind.__new__(kind)
    CuddyError.__init__(error, str(found.get("message", "")), hint=str(found.get("hint", "")))
    facts = found.get("facts")
    for name, value in (facts if isinstance(facts, dict) else {}).items():
        if isinstance(value, (str, int, float)) and name not in MESSAGE:
            setattr(error, name, value)
    if trace := found.get("trace"):
        error.add_note(str(trace))
    return error
