"""Names of containers: their grammar, random ones for those that were given none, and whose
they are.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InvalidArgument, NameTaken, SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
CHARACTERS = LETTERS | frozenset("_.-")
HEXADECIMAL = frozenset("0123456789abcdef")

ADJECTIVES = (
    "able", "amber", "breezy", "bright", "calm", "clever", "coastal", "crisp", "curious", "daring",
    "dapper", "eager", "early", "fair", "fleet", "fond", "gentle", "glad", "golden", "hardy",
    "hearty", "honest", "jolly", "keen", "kind", "lively", "lucid", "lucky", "mellow", "merry",
    "mighty", "modest", "neat", "nimble", "noble", "patient", "plucky", "polite", "proud", "quick",
    "quiet", "ready", "rosy", "salty", "serene", "sharp", "sleek", "snug", "sober", "solid",
    "steady", "sunny", "swift", "tidy", "trusty", "upbeat", "vivid", "warm", "witty", "zesty",
)  # fmt: skip
SURNAMES = (
    "amundsen", "anning", "baret", "beaufort", "bering", "blaauw", "bougainville", "bowditch",
    "cabot", "cartier", "columbus", "cook", "cousteau", "dampier", "diaz", "drake", "earhart",
    "earle", "ericson", "flinders", "franklin", "frobisher", "gama", "grace", "halley", "harrison",
    "henson", "heyerdahl", "hopper", "hudson", "knox", "lovelace", "magellan", "marconi", "maury",
    "mercator", "moitessier", "nansen", "noether", "norwood", "peary", "pytheas", "raleigh",
    "ritchie", "ross", "scoresby", "shackleton", "slocum", "sobel", "tabarly", "tasman", "thompson",
    "torvalds", "turing", "vancouver", "vespucci", "weddell", "wegener", "worsley", "zheng",
)  # fmt: skip


def check(name: str, kind: str = "container") -> None:
    """Refuse a name outside Docker's grammar: [a-zA-Z0-9][a-zA-Z0-9_.-]+"""
    if (
        len(name) < 2
        or len(name) > 255
        or name[0] not in LETTERS
        or not CHARACTERS.issuperset(name)
    ):
        raise InvalidArgument(
            f"Invalid {kind} name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            hint="two or more of a-z A-Z 0-9 _ . -, beginning with a letter or digit",
        )


def generate(attempt: int) -> str:
    """A random adjective_surname; after some attempts with a number, as Docker does."""
    first, second, number = os.urandom(3)
    name = f"{ADJECTIVES[first % len(ADJECTIVES)]}_{SURNAMES[second % len(SURNAMES)]}"
    return name if attempt < 5 else f"{name}{number}"


def generate_id() -> str:
    """A new container's id: 64 hexadecimal digits, never all decimal in its short form.

    A short id made only of digits would be taken for a number by tools (Docker does the same).
    """
    while (container_id := os.urandom(32).hex())[:12].isdigit():
        pass
    return container_id


def claim(home: Home, container_id: str, wanted: str) -> str:
    """Link a name to the container; a free random one if none is wanted. Raises NameTaken."""
    sweep(home)
    for attempt in range(100):
        name = wanted or generate(attempt)
        link = f"{home.names_dir}/{name}"
        try:
            os.symlink(container_id, link)
            return name
        except FileExistsError:
            if wanted and os.readlink(link) != container_id:
                raise NameTaken(name, os.readlink(link)) from None
            if wanted:
                return name  # it has been ours since a `rename` that was killed
    raise SystemFailure("no free random name was found", hint="choose one with --name")


def sweep(home: Home) -> None:
    """Free the names that killed commands claimed for containers that never came to be."""
    found = files.list_directory(home.names_dir)
    if len(found) <= len(files.list_directory(home.containers_dir)):
        return
    for name in found:
        link = f"{home.names_dir}/{name}"
        if not os.path.isdir(home.container_dir(os.readlink(link))):
            os.unlink(link)
