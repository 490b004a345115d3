"""Images: find one, list them, and the filters of `images --filter`."""

from __future__ import annotations

from cuddy.engine.patterns import Pattern
from cuddy.errors import InvalidArgument, NoSuchImage
from cuddy.image import host, platform, reference, store
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.home import Home
    from cuddy.image.store import Image

FILTERS = ("before", "dangling", "label", "reference", "since", "until")
_TRUE = ("1", "true")
_FALSE = ("0", "false")


def find(home: Home, name: str, *, suits: str = "") -> Image:
    """The image of that name, which may be `host`; `suits` is a platform that it must be for.

    Raises NoSuchImage, InvalidReference, InvalidArgument.
    """
    image = host.IMAGE if name == host.NAME else store.resolve(home.storage, name)
    if suits:
        check_platform(image, name, suits)
    return image


def check_platform(image: Image, name: str, *wanted: str) -> None:
    """Raises NoSuchImage for an image that is for none of these platforms."""
    found = platform.of(image.config)
    if not any(found in platform.preference(platform.parse(each)) for each in wanted):
        hint = f"the one here is for {found}, not for {', '.join(wanted)}"
        raise NoSuchImage(name, hint=hint)


class Listed(NamedTuple):
    """An image with those of its names that passed: tags, and digests as name@digest."""

    image: Image
    tags: tuple[str, ...]
    digests: tuple[str, ...]


class Filters(NamedTuple):
    """What an image must be to be listed; None and () ask for nothing."""

    patterns: tuple[Pattern, ...] = ()  # of names: one of them fits
    dangling: bool | None = None
    labels: tuple[str, ...] = ()
    after_ns: tuple[int, ...] = ()
    before_ns: tuple[int, ...] = ()


def parse_filters(
    home: Home, pairs: list[tuple[str, str]], moment: Callable[[str], int]
) -> Filters:
    """The filters as the user wrote them; `moment` reads a time, in the user's own zone.

    Raises InvalidArgument, NoSuchImage.
    """
    found: dict[str, list[str]] = {name: [] for name in FILTERS}
    for name, value in pairs:
        if name not in found:
            raise InvalidArgument(f"invalid filter '{name}'", hint=f"one of {', '.join(FILTERS)}")
        found[name].append(value)
    dangling = [_boolean(value) for value in found["dangling"]]

    def made(name: str) -> int:
        return store.resolve(home.storage, name).created_ns

    return Filters(
        tuple(map(Pattern, found["reference"])),
        any(dangling) if dangling else None,
        tuple(found["label"]),
        tuple(map(made, found["since"])),
        (*map(made, found["before"]), *map(moment, found["until"])),
    )


def select(home: Home, filters: Filters) -> list[Listed]:
    """The images that pass, newest first, each with those of its names that do."""
    listed = []
    for image in store.list_images(home.storage):
        tags = tuple(name for name in image.names if _is_wanted(name, filters.patterns))
        digests = tuple(name for name in image.repo_digests if _is_wanted(name, filters.patterns))
        is_named = tags or digests or not filters.patterns
        if is_named and _passes(image, tags, digests, filters):
            listed.append(Listed(image, tags, digests))
    return listed


def _passes(
    image: Image, tags: tuple[str, ...], digests: tuple[str, ...], filters: Filters
) -> bool:
    # An image that is known by digest only counts as dangling and as not dangling, as with docker.
    if filters.dangling is True and tags or filters.dangling is False and not (tags or digests):
        return False
    labels = (image.config.get("config") or {}).get("Labels") or {}
    return (
        all(_has(labels, each) for each in filters.labels)
        and all(image.created_ns > edge for edge in filters.after_ns)
        and all(image.created_ns < edge for edge in filters.before_ns)
    )


def _has(labels: dict[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def _boolean(value: str) -> bool:
    if value.lower() not in _TRUE + _FALSE:
        raise InvalidArgument(f"invalid filter 'dangling={value}'", hint="true or false")
    return value.lower() in _TRUE


def _is_wanted(name: str, patterns: tuple[Pattern, ...]) -> bool:
    """Whether a pattern fits a name as people write it, with its tag or without."""
    if not patterns:
        return True
    repository, suffix = reference.spelled(name)
    spellings = (repository + suffix, repository)
    return any(pattern.fits(text) for pattern in patterns for text in spellings)
