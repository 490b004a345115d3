"""POST /images/create: an image comes from its registry, or is made of an archive."""

from __future__ import annotations

from cuddy.api import credentials, names, registry_words, transfers
from cuddy.api.json_lines import JsonLines
from cuddy.engine import import_, pull
from cuddy.errors import CorruptContent, CuddyError, InvalidArgument
from cuddy.image import host, platform, reference
from cuddy.image import import_ as image_import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.api.http import Call

BODY = "-"


def create(call: Call) -> None:
    """What `fromImage` names, or what `fromSrc` leads to."""
    platform.parse(call.text("platform"))
    if call.text("fromImage"):
        _pull(call)
    elif call.text("fromSrc"):
        _import(call)
    else:
        raise InvalidArgument("fromImage or fromSrc is needed")


def _pull(call: Call) -> None:
    name, tag = call.text("fromImage"), call.text("tag")
    wanted = names.with_tag(reference.parse(name), tag)
    # Docker's command line always says which tag; who says nothing means all of them.
    is_all = not (tag or names.has_tag(name) or wanted.digest)
    if name == host.NAME and tag in ("", reference.DEFAULT_TAG):
        _host(call)
        return
    bring = pull.pull_all if is_all else pull.pull
    tell = JsonLines(call, lambda error: registry_words.of_pull(error, wanted))
    with tell, call.until_client_leaves():
        bring(
            call.home, str(wanted), platform=call.text("platform"),
            settings=credentials.for_image(call, wanted),
            progress=lambda step: tell(transfers.pulled(step)),
        )  # fmt: skip


def _host(call: Call) -> None:
    """The image that is this machine itself: nothing has to come."""
    with JsonLines(call) as tell:
        tell({"status": f"Status: Image is up to date for {host.NAME}"})


def _import(call: Call) -> None:
    source = call.text("fromSrc")
    options = image_import.Options(
        name=names.join(call.text("repo"), call.text("tag")),
        message=call.text("message") or f"Imported from {source}",
        changes=tuple(instructions(call)),
        platform=call.text("platform"),
    )
    settings = credentials.settings()
    with JsonLines(call, _of_archive) as tell:
        if source == BODY:
            chunks = call.body()
        else:
            url = source if "://" in source else f"http://{source}"
            if not url.startswith(("http://", "https://")):
                raise InvalidArgument(f"{source[:200]!r} is no URL that can be fetched")
            tell({"status": f"Downloading from {url}"})
            chunks = image_import.download(url, settings)
        made = import_.import_(call.home, chunks, options, limit=settings.max_layer_bytes)
        tell({"status": made.id})


def _of_archive(error: CuddyError) -> CuddyError:
    """What is wrong with an archive is not our fault."""
    if isinstance(error, CorruptContent):
        return InvalidArgument(error.message, hint=error.hint)
    return error


def instructions(call: Call) -> Iterator[str]:
    """The `changes` of a request: repeated, or several lines in one."""
    for text in call.texts("changes"):
        yield from filter(None, (line.strip() for line in text.splitlines()))
