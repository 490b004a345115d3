"""POST /build: the classic builder's endpoint. A client that leaves ends the build."""

from __future__ import annotations

import time

from cuddy.api import build_options, credentials, registry_words
from cuddy.api.build_lines import BuildLines
from cuddy.api.json_lines import JsonLines
from cuddy.builder import build, journal, prune
from cuddy.engine import images, prune_filters
from cuddy.errors import (
    CorruptContent,
    CuddyError,
    InvalidArgument,
    InvalidReference,
    NoSuchImage,
    StepFailed,
    Unauthorized,
)
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.builder.built import Built
    from cuddy.engine.home import Home


TIMES = ("until", "unused-for")
MISSING = "No such image: "


def build_(call: Call) -> None:
    """Build an image of the context in the body, or at a URL."""
    options = build_options.read(call, journal.new_id())
    settings = credentials.for_build(call)
    wanted = build_options.read_cache_from(call.text("cachefrom"))
    if wanted and not any(find_id(call.home, name) for name in wanted):
        # The images named are all that counts, and none is here.
        options = options._replace(no_cache=True)
    is_quiet = call.flag("q")
    tell = JsonLines(call, lambda error: refusal(error, is_begun=lines.has_plan))
    lines = BuildLines(
        (lambda _: tell.begin()) if is_quiet else tell, lambda name: find_id(call.home, name),
        options.build_id, is_removing=call.flag("rm", True),
    )  # fmt: skip
    began_ns = time.time_ns()
    with tell, call.until_client_leaves():
        with journal.Journal(call.home, options) as kept:
            built = build.build(
                call.home, options, settings=settings, tell=kept, watcher=lines,
                received=call.body() if options.context == build_options.SENT else None,
            )  # fmt: skip
            kept.image_id = built.image_id
        if is_quiet:
            tell({"stream": f"{built.image_id}\n"})
        else:
            finish(call.home, lines, built, began_ns)


def finish(home: Home, lines: BuildLines, built: Built, began_ns: int) -> None:
    """The last lines of a build that has come to a good end."""
    was_known = images.find(home, built.image_id).created_ns < began_ns
    names = [reference.parse(name).familiar for name in built.names]
    lines.finish(built.image_id, names, was_known=was_known)


def refusal(error: CuddyError, *, is_begun: bool) -> CuddyError:
    """Why there is no image, in dockerd's words."""
    if isinstance(error, StepFailed) and error.status:
        said = f"The command '{error.command}' returned a non-zero code: {error.status}"
        return StepFailed(said, status=error.status)
    if isinstance(error, (NoSuchImage, Unauthorized)) and is_begun:
        return of_image(error)
    name, *rest = error.message.split(":", 3)
    if isinstance(error, InvalidArgument) and len(rest) == 3 and rest[0].isdecimal():
        return InvalidArgument(f"dockerfile parse error line {rest[0]}: {rest[2].strip()}")
    return error


def of_image(error: CuddyError) -> CuddyError:
    """Why the image of a FROM is not to be had; its name stands in the reason."""
    said = error.message
    name = said.removeprefix(MISSING) if said.startswith(MISSING) else said.partition(": ")[0]
    try:
        return registry_words.of_pull(error, reference.parse(name))
    except InvalidReference:
        return error


def find_id(home: Home, name: str) -> str:
    """The id of an image; "" if it is not to be had."""
    try:
        return images.find(home, name).id
    except (CorruptContent, InvalidReference, NoSuchImage):
        return ""


def prune_(call: Call) -> None:
    """Make the build cache smaller."""
    pairs = call.filters()
    until_ns = prune_filters.until([("until", value) for name, value in pairs if name in TIMES])
    # `keep-storage` was its name before there were others.
    reserved = call.number("reserved-space") or call.number("keep-storage") or 0
    limits = prune.Limits(
        reserved, call.number("max-used-space") or 0, call.number("min-free-space") or 0
    )
    filters = prune.parse_filters(pairs, until_ns)
    pruned = prune.prune(call.home, filters, limits, all=call.flag("all"))
    ids = [piece.id for piece in pruned.pieces]
    call.answer({"CachesDeleted": ids or None, "SpaceReclaimed": pruned.freed_bytes})
