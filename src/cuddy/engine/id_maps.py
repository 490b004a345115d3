"""--uidmap and --gidmap: CONTAINER:HOST[:SIZE] of each, as podman has them."""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.kernel.idmap import IdRange, Maps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cuddy.engine.options import ContainerOptions

MAX_ID = (1 << 32) - 2
MAX_LINES = 340
"""Of a map, to the kernel: user_namespaces(7)."""


def asked(options: ContainerOptions) -> Maps | None:
    """--uidmap and --gidmap; one alone stands for both, as podman has it. InvalidArgument."""
    if not (options.uid_maps or options.gid_maps):
        return None
    uids = parse(options.uid_maps, "--uidmap")
    gids = parse(options.gid_maps, "--gidmap")
    return Maps(uids or gids, gids or uids)


def parse(words: Iterable[str], flag: str) -> list[IdRange]:
    """One of the two. Raises InvalidArgument."""
    found = []
    for word in words:
        parts = word.split(":")
        if not 2 <= len(parts) <= 3:
            raise InvalidArgument(f"{flag}: invalid map {word!r}", hint="CONTAINER:HOST[:SIZE]")
        inside, outside = (number(part, flag, MAX_ID) for part in parts[:2])
        size = number(parts[2], flag, MAX_ID) if len(parts) == 3 else 1
        if not size or max(inside, outside) + size - 1 > MAX_ID:
            raise InvalidArgument(f"{flag}: {word!r} leads to ids that there are not")
        found.append(IdRange(inside, outside, size))
    check(found, flag)
    return found


def check(ranges: Sequence[IdRange], flag: str) -> None:
    """The kernel's own conditions. Raises InvalidArgument."""
    if len(ranges) > MAX_LINES:
        raise InvalidArgument(f"{flag}: more than {MAX_LINES} maps")
    for starts in (
        [(r.container_id, r.size) for r in ranges],
        [(r.host_id, r.size) for r in ranges],
    ):
        end = 0
        for start, size in sorted(starts):
            if start < end:
                raise InvalidArgument(f"{flag}: an id is mapped twice")
            end = start + size


def number(text: str, what: str, most: int) -> int:
    """A number of the user's. Raises InvalidArgument."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= most):
        raise InvalidArgument(f"{what}: {text!r} is no number from 0 to {most}")
    return int(text)
