"""An answer of JSON objects, one after the other, each sent when it is there.

Its head goes out with the first of them: what fails before that is answered by a status, what fails
later by a last line.
"""

from __future__ import annotations

from cuddy import files
from cuddy.api.errors import words
from cuddy.errors import CuddyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.api.stream import Stream

    Translate = Callable[[CuddyError], CuddyError]


class JsonLines:
    """Inside `with`: who is called with a document sends it; leaving it ends the answer.

    `translate`: an error as clients know it, where that is another one.
    """

    def __init__(self, call: Call, translate: Translate | None = None) -> None:
        self._call = call
        self._translate = translate
        self._stream: Stream | None = None

    def __call__(self, document: dict[str, Any]) -> None:
        self.begin().write(f"{files.format_json(document)}\r\n".encode())

    def begin(self) -> Stream:
        """Send the head, if it has not gone out."""
        if self._stream is None:
            self._stream = self._call.stream()
        return self._stream

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, CuddyError):
            told = self._translate(error) if self._translate else error
            if self._stream is None:
                raise told from error
            self(as_line(told))
        elif error is not None:
            return False
        self.begin().close()
        return True


def as_line(error: CuddyError) -> dict[str, Any]:
    """The last line: why there is no more. Of a program that has failed it has the exit code."""
    message = words(error)
    status = getattr(error, "status", 0)
    code = {"code": status} if status else {}
    return {"errorDetail": {**code, "message": message}, "error": message}
