"""Tags: what a repository at a registry has to offer, in the order of versions."""

from __future__ import annotations

from fnmatch import fnmatchcase

from cuddy.errors import RegistryError
from cuddy.image import reference
from cuddy.image.registry import Repository
from cuddy.image.settings import Settings

PRE_RELEASES = (
    "dev",
    "nightly",
    "snapshot",
    "alpha",
    "a",
    "beta",
    "b",
    "m",
    "pre",
    "preview",
    "rc",
)
"""What comes before a release, in this order."""

Key = tuple[object, ...]


def tags(settings: Settings, name: str, *, match: str = "") -> list[str]:
    """The tags of a repository, those that are no versions first, then the oldest version first.

    `match`: a pattern of the shell. Raises InvalidReference, NoSuchImage, RegistryError.
    """
    wanted = reference.parse(name)
    repository = Repository(settings, wanted._replace(tag=""))
    try:
        found = repository.tags()
    finally:
        repository.close()
    for tag in found:
        if not reference.is_tag(tag):
            raise RegistryError(f"{wanted.registry} lists {tag[:80]!a}, which is no tag")
    return sort([tag for tag in found if not match or fnmatchcase(tag, match)])


def sort(found: list[str]) -> list[str]:
    """In the order of versions: 1.9 before 1.10, 2.0-rc1 before 2.0, 2.0 before 2.0-slim."""
    return sorted(found, key=lambda tag: (version_key(tag), tag))


def version_key(tag: str) -> Key:
    """What a tag is sorted by: names, then numbers and what follows them."""
    text = tag[1:] if tag[:1] in "vV" and tag[1:2].isdigit() else tag
    if not text[:1].isdigit():
        return (0, tag.lower())
    words = _words(text)
    ranked = [_rank(word, after) for word, after in zip(words, [*words[1:], ""])]
    return (1, *(part for rank in ranked for part in rank), 0, 0, "")


def _words(text: str) -> list[str]:
    """Runs of digits and runs of letters: 3.10-rc1 is 3, 10, rc, 1."""
    words: list[str] = []
    previous = ""
    for character in text:
        kind = "d" if character.isdigit() else "a" if character.isalpha() else ""
        if kind and kind == previous:
            words[-1] += character
        elif kind:
            words.append(character)
        previous = kind
    return words


def _rank(word: str, after: str) -> tuple[int, int, str]:
    """A word of a version: a pre-release sorts before the end, a suffix after it, a number last."""
    if word.isdigit():
        return (2, int(word), "")
    lower = word.lower()
    # 3.13.0b2 comes before 3.13.0, but 1.1.1b after 1.1.1.
    if lower in PRE_RELEASES and (len(lower) > 1 or after.isdigit()):
        return (-1, PRE_RELEASES.index(lower), "")
    return (1, 0, lower)
