"""Images as archives: loaded from what a client sends, and sent to it."""

from __future__ import annotations

from cuddy import files
from cuddy.api import credentials, piped, transfers
from cuddy.api.json_lines import JsonLines
from cuddy.engine import load, save
from cuddy.errors import InvalidArgument
from cuddy.image import host, platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.image.progress import Progress


def load_(call: Call) -> None:
    """Take images out of an archive. Whatever is wrong with it is told in the stream."""
    wanted = _platform(call)
    is_quiet = call.flag("quiet")
    tell = JsonLines(call)

    def report(step: Progress) -> None:
        line = transfers.loaded(step)
        if not is_quiet or "stream" in line:
            tell(line)

    with tell:
        tell.begin()
        load.load(
            call.home, call.body(), platform_name=wanted, settings=credentials.settings(),
            report=report,
        )  # fmt: skip


def _platform(call: Call) -> str:
    """The `platform` of a request: as text, or since 1.48 as JSON. Raises InvalidArgument."""
    said = call.text("platform")
    if said.startswith("{"):
        found = platform.of(_parsed(said))
        if found is None:
            raise InvalidArgument(f"invalid platform {said[:80]!r}")
        return str(found)
    platform.parse(said)
    return said


def _parsed(text: str) -> dict[str, object]:
    try:
        found = files.parse_json(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def get(call: Call) -> None:
    """One archive of all the images that are named."""
    names = [name for text in call.texts("names") for name in text.split(",") if name]
    if not names:
        raise InvalidArgument("names of images are needed")
    _send(call, names)


def get_one(call: Call) -> None:
    """An archive of one image."""
    _send(call, [call.ref])


def _send(call: Call, names: list[str]) -> None:
    if host.NAME in names:
        raise InvalidArgument(
            f"{host.NAME} cannot be saved: it is this machine itself, not an image in the store"
        )
    wanted = _platform(call)
    piped.send(call, lambda fd: save.save(call.home, names, fd, platform_name=wanted))
