"""Images: lists, what is known of one, names, removal, search."""

from __future__ import annotations

import time

from cuddy.api import credentials, image_items, names
from cuddy.engine import images, inspect_image, moments, prune, prune_filters, rmi
from cuddy.engine import tag as tags
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.image.rmi import Records
    from cuddy.image.search import Found

USUAL_RESULTS, MOST_RESULTS = 25, 100
TRUE, FALSE = ("1", "true"), ("0", "false")


def list_(call: Call) -> None:
    """Images, newest first."""
    now_ns = time.time_ns()
    pairs = call.filters()
    if name := call.text("filter"):  # as the first versions had it
        pairs.append(("reference", name))
    wanted = images.parse_filters(call.home, pairs, lambda word: moments.moment(word, now_ns))
    shared = _shared(call) if call.flag("shared-size") else {}
    call.answer(
        [
            image_items.item(
                each, call.version, shared=shared.get(each.image.id, image_items.NOT_KNOWN)
            )
            for each in images.select(call.home, wanted)
        ]
    )


def _shared(call: Call) -> dict[str, int]:
    """What each image has in common with others, in bytes. It is measured, which takes a while."""
    from cuddy.engine import df

    return {each.image.id: each.shared_bytes for each in df.df(call.home).images}


def inspect(call: Call) -> None:
    """Everything known of an image."""
    image = images.find(call.home, call.ref)
    config: dict[str, Any] = dict(image.config)
    found = inspect_image.describe(call.home, image)
    call.answer(image_items.inspected(found, call.version, config.get("container_config")))


def history(call: Call) -> None:
    """How an image came to be."""
    call.answer(image_items.steps(call.home, images.find(call.home, call.ref)))


def tag(call: Call) -> None:
    """Give an image another name."""
    target = names.join(call.text("repo"), call.text("tag"))
    if not target:
        raise InvalidArgument("repository name must have at least one component")
    tags.tag(call.home, call.ref, target)
    call.answer(status=201)


def remove(call: Call) -> None:
    """Take a name from an image, and with the last one the image."""
    records = rmi.rmi(
        call.home, call.ref, force=call.flag("force"), platforms=call.texts("platforms")
    )
    call.answer(_told(records))


def prune_(call: Call) -> None:
    """Remove the images that nothing uses: those without a name, or with `dangling=false` all."""
    pairs = call.filters()
    until_ns = prune_filters.until(pairs)
    pruned = prune.prune_images(call.home, prune.parse_filters(pairs, until_ns, unused=False))
    answer = {"ImagesDeleted": _told(pruned.records) or None, "SpaceReclaimed": pruned.freed_bytes}
    call.answer(answer)


def _told(records: Records) -> list[dict[str, str]]:
    return [{what: which} for what, which in records]


def search(call: Call) -> None:
    """Repositories with a word in them."""
    # Imported here: hardly anybody asks.
    from cuddy.image import search as image_search

    term = call.text("term")
    limit = call.number("limit") or USUAL_RESULTS
    if not term:
        raise InvalidArgument("a term to search for is needed")
    if not 0 < limit <= MOST_RESULTS:
        raise InvalidArgument(f"limit {limit} is outside the range of [1, {MOST_RESULTS}]")
    pairs = call.filters()
    for name, value in pairs:
        check_search_filter(name, value)
    found = image_search.search(credentials.settings(), term, limit=limit)
    call.answer([_result(each) for each in found if passes(each, pairs)])


def check_search_filter(name: str, value: str) -> None:
    """Raises InvalidArgument."""
    if name not in ("stars", "is-official", "is-automated"):
        raise InvalidArgument(f"invalid filter '{name}'")
    is_number = value.isascii() and value.isdecimal() and len(value) < 10
    if not (is_number if name == "stars" else value in TRUE + FALSE):
        raise InvalidArgument(f"invalid filter '{name}={value}'")


def passes(found: Found, pairs: list[tuple[str, str]]) -> bool:
    """Whether a result is what the filters ask for. Pure."""
    tests = {
        "stars": lambda value: found.stars >= int(value),
        "is-official": lambda value: found.is_official == (value in TRUE),
        "is-automated": lambda value: found.is_automated == (value in TRUE),
    }
    return all(tests[name](value) for name, value in pairs)


def _result(found: Found) -> dict[str, Any]:
    return {
        "star_count": found.stars,
        "is_official": found.is_official,
        "name": found.name,
        "is_automated": found.is_automated,
        "description": found.description,
    }
