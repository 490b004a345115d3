"""Images: find one, list them, and the filters of `images --filter`."""

from __future__ import annotations

from cuddy.errors import InvalidArgument, NoSuchImage
from cuddy.image import host, platform, reference, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.store import Image

    Named = tuple[Image, list[str]]

FILTERS = ("before", "dangling", "label", "reference", "since")
_TRUE = ("1", "t", "true")
_FALSE = ("0", "f", "false")


def find(home: Home, name: str, *, suits: str = "") -> Image:
    """The image of that name, which may be `host`; `suits` is a platform that it must be for.

    Raises NoSuchImage, InvalidReference, InvalidArgument.
    """
    image = host.IMAGE if name == host.NAME else store.resolve(home.storage, name)
    check_platform(image, name, suits)
    return image


def check_platform(image: Image, name: str, wanted: str) -> None:
    """Raises NoSuchImage for an image that is not for the platform asked for, if one is."""
    found = platform.of(image.config)
    if wanted and found not in platform.preference(platform.parse(wanted)):
        raise NoSuchImage(name, hint=f"the one here is for {found}, not for {wanted}")


def names_of(image: Image) -> list[str]:
    """The complete names of an image: its tags, and the digests of repositories without one."""
    tagged = {reference.parse(name).name for name in image.names}
    sources = [each for each in image.repo_digests if reference.parse(each).name not in tagged]
    return [*image.names, *sources]


def select(home: Home, filters: list[tuple[str, str]]) -> list[Named]:
    """The images that pass, newest first, each with those of its names that do.

    Raises InvalidArgument, NoSuchImage.
    """
    found: list[Named] = [(each, names_of(each)) for each in store.list_images(home.storage)]
    patterns = [value for name, value in filters if name == "reference"]
    if patterns:
        found = [(image, [n for n in names if _matches(n, patterns)]) for image, names in found]
        found = [(image, names) for image, names in found if names]
    for name, value in filters:
        found = [(image, names) for image, names in found if _passes(home, image, name, value)]
    return found


def _passes(home: Home, image: Image, name: str, value: str) -> bool:
    if name == "reference":
        return True
    if name == "dangling":
        return bool(image.names) != _boolean(value)
    if name == "label":
        key, equals, wanted = value.partition("=")
        labels = (image.config.get("config") or {}).get("Labels") or {}
        return key in labels and (not equals or labels[key] == wanted)
    if name in ("before", "since"):
        edge = store.resolve(home.storage, value).config.get("created") or ""
        created = image.config.get("created") or ""
        return created < edge if name == "before" else created > edge
    raise InvalidArgument(f"invalid filter '{name}'", hint=f"one of {', '.join(FILTERS)}")


def _boolean(value: str) -> bool:
    if value.lower() not in _TRUE + _FALSE:
        raise InvalidArgument(f"invalid filter 'dangling={value}'", hint="true or false")
    return value.lower() in _TRUE


def _matches(name: str, patterns: list[str]) -> bool:
    """Whether a pattern fits a name as people write it, with its tag or without, or the whole."""
    wanted = reference.parse(name)
    spellings = (wanted.familiar, wanted.familiar_name, name)
    return any(_fits(pattern, spelling) for pattern in patterns for spelling in spellings)


def _fits(pattern: str, text: str) -> bool:
    """Go's path.Match: as a shell's pattern, and a star does not pass a slash."""
    if not any(character in pattern for character in "*?["):
        return pattern == text
    from fnmatch import fnmatchcase

    parts, wanted = text.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
