"""What a client is told when something went wrong: a status, and the words that clients look for.

The one place in the API that catches every error. What the user asked wrongly (4xx) is told in
Docker's words alone; what went wrong here comes with our hint.
"""

from __future__ import annotations

from cuddy import files, unforeseen
from cuddy.api import log
from cuddy.api.http import JSON
from cuddy.errors import (
    CuddyError,
    InvalidArgument,
    InvalidReference,
    NameTaken,
    NoSuchImage,
    NotFound,
)
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.api.http import Call, Handler


class PageNotFound(NotFound):
    """No endpoint of ours."""

    def __init__(self) -> None:
        super().__init__("page not found")


class Misdirected(InvalidArgument):
    """Whoever asks has been led here by another name."""

    http_status = 421


def attempt(call: Call, handle: Handler) -> None:
    """Have a handler answer a call, or tell the client why it could not. Raises ClientLeft."""
    try:
        handle(call)
    except CuddyError as error:
        fail(call, error.http_status, words(error))
    except Exception as error:
        log.trace(error)
        fail(call, 500, unforeseen.explain(error))


def words(error: CuddyError) -> str:
    """The message of an error as clients of Docker's know it."""
    wording = WORDS.get(type(error))
    if wording:
        return wording(error)
    return error.message if error.http_status < 500 else str(error)


def fail(call: Call, status: int, message: str) -> None:
    """Tell of an error: by the answer's status, or, once one has begun, at the end of the stream.

    A stream of anything but JSON ends without its end, which every client takes for an error.
    """
    stream = call.open_stream
    call.say_last(message)
    if not call.status:
        call.answer({"message": message}, status)
    elif stream and stream.content_type == JSON:
        told = {"errorDetail": {"message": message}, "error": message}
        stream.write(f"{files.format_json(told)}\r\n".encode())
        stream.close()


def _name_taken(error: CuddyError) -> str:
    assert isinstance(error, NameTaken)
    return (
        f'Conflict. The container name "/{error.name}" is already in use by container '
        f'"{error.holder}". You have to remove (or rename) that container to be able to reuse '
        "that name."
    )


def _no_such_image(error: CuddyError) -> str:
    """Docker names the tag, and clients know by the first words that it is an image."""
    assert isinstance(error, NoSuchImage)
    try:
        return f"No such image: {reference.parse(error.name).familiar}"
    except InvalidReference:
        return error.message


WORDS: dict[type[CuddyError], Callable[[CuddyError], str]] = {
    NameTaken: _name_taken,
    NoSuchImage: _no_such_image,
}
"""Where Docker's words are not those of the command line."""
