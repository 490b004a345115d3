"""What a program asks and is answered, before and after it travels. Pure."""

from __future__ import annotations

from cuddy import files
from cuddy.engine import frames
from cuddy.errors import SystemFailure, Timeout, TooMuchOutput
from cuddy.library import speech
from cuddy.library.values import Result
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    Kind = TypeVar("Kind")
    Heard = Callable[[Any], object]

INPUT_BYTES = 1 << 16
SILENCE = "the process that did this for cuddy's library was killed"
TRY_AGAIN = "try again; dmesg tells if it was for want of memory"


def expect(value: object, kind: type[Kind]) -> Kind:
    """A value that is of this kind, or a bug of ours. Raises SystemFailure."""
    if not isinstance(value, kind):
        raise SystemFailure(f"this is a bug in cuddy: {kind.__name__} expected, not {value!r:.80}")
    return value


class Request(NamedTuple):
    """A call. `input`: what it reads, None if it reads nothing. `timeout_s`: None for ever.
    `limit_bytes`: as much output is taken, 0 all.
    """

    name: str
    arguments: dict[str, Any]
    input: bytes | None = None
    timeout_s: float | None = None
    limit_bytes: int = 0

    def encode(self) -> bytes:
        """As it is said."""
        said = speech.encode(speech.CALL, {"name": self.name, "arguments": self.arguments})
        if self.input is not None:
            said += input_frames(self.input) + frames.encode(frames.CLOSE_STDIN)
        return said


def input_frames(data: bytes) -> bytes:
    """What a command or container is to read, as it is said."""
    view = memoryview(data)
    starts = range(0, len(view), INPUT_BYTES)
    return b"".join(
        frames.encode(frames.STDIN, bytes(view[start : start + INPUT_BYTES])) for start in starts
    )


class Said(NamedTuple):
    """A piece of an answer: output of a stream, or an item."""

    stream: int  # 1 stdout, 2 stderr; 0: an item
    data: bytes
    value: Any = None


class Hearing:
    """Makes pieces of bytes, until the last word. `value` is what the call came to."""

    def __init__(self) -> None:
        self._decoder = speech.decoder()
        self.is_over = False
        self.value: Any = None

    def feed(self, data: bytes) -> list[Said]:
        """What is said by these bytes; b"" is silence. Raises the error that the call ends with."""
        if not data:
            raise SystemFailure(SILENCE, hint=TRY_AGAIN)
        found = []
        for kind, said in self._decoder.feed(data):
            if kind in (frames.STDOUT, frames.STDERR):
                found.append(Said(kind, said))
                continue
            value = files.parse_json(said)
            if kind == speech.ITEM:
                found.append(Said(0, b"", value))
            elif kind == speech.ERROR:
                raise speech.raised(value)
            else:
                self.is_over, self.value = True, value
        return found


class Answer:
    """All of an answer. `limit_bytes`: of output; 0: any. `heard`: who takes the items."""

    def __init__(self, limit_bytes: int = 0, heard: Heard | None = None) -> None:
        self._limit_bytes = limit_bytes
        self._heard = heard or self._keep
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.items: list[Any] = []
        self.value: Any = None

    def take(self, said: Said) -> None:
        """One more piece. Raises TooMuchOutput."""
        size = len(self.stdout) + len(self.stderr) + len(said.data)
        if self._limit_bytes and size > self._limit_bytes:
            raise TooMuchOutput(self._limit_bytes)
        if said.stream == frames.STDOUT:
            self.stdout += said.data
        elif said.stream == frames.STDERR:
            self.stderr += said.data
        else:
            self._heard(said.value)

    def _keep(self, item: Any) -> None:
        self.items.append(item)

    def result(self) -> Result:
        """As that of a command."""
        value = expect(self.value, dict)
        return Result(
            expect(value.get("ExitCode"), int), bytes(self.stdout), bytes(self.stderr),
            bool(value.get("OOMKilled")), tuple(map(str, value.get("Warnings") or ())),
        )  # fmt: skip

    def late(self, timeout_s: float | None) -> Timeout:
        """The error for one that did not end in time, with what there was until then."""
        return Timeout(timeout_s or 0, bytes(self.stdout), bytes(self.stderr))
