"""POST /images/{name}/push: an image goes to its registry."""

from __future__ import annotations

from cuddy.api import credentials, names, registry_words, transfers
from cuddy.api.json_lines import JsonLines
from cuddy.engine import push
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.image.progress import Progress


def push_(call: Call) -> None:
    """One tag of a repository, or all that are here."""
    tag = call.text("tag")
    wanted = names.with_tag(reference.parse(call.ref), tag)
    is_all = not (tag or names.has_tag(call.ref))
    settings = credentials.for_image(call, wanted)
    tell = JsonLines(call, lambda error: registry_words.of_push(error, wanted))

    def report(step: Progress) -> None:
        for line in transfers.pushed(step):
            tell(line)

    with tell, call.until_client_leaves():
        push.push(call.home, str(wanted), all_tags=is_all, settings=settings, progress=report)
