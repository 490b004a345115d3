"""--uidmap and --gidmap, as podman has them: [FLAGS]CONTAINER:[@]HOST[:SIZE] of each.

u, g   only of users, only of groups: where one of the two flags stands for both
+      before all said so far: what that maps of these ids it no longer does
@      the host's id, which it is anyway: only an ordinary user of podman's has others
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.kernel.idmap import IdRange, Maps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cuddy.engine.options import ContainerOptions

MAX_ID = (1 << 32) - 2
FORM = "[+ug]CONTAINER:[@]HOST[:SIZE]"
MAX_LINES = 340
"""Of a map, to the kernel: user_namespaces(7)."""


def asked(options: ContainerOptions) -> Maps | None:
    """--uidmap and --gidmap; one alone stands for both, as podman has it. InvalidArgument."""
    if not (options.uid_maps or options.gid_maps):
        return None
    return Maps(
        parse(options.uid_maps or options.gid_maps, "--uidmap"),
        parse(options.gid_maps or options.uid_maps, "--gidmap"),
    )


def parse(words: Iterable[str], flag: str) -> list[IdRange]:
    """What is said of users, or of groups. Raises InvalidArgument."""
    found: list[IdRange] = []
    for word in words:
        start = word.lstrip("+ug")
        letters = word.removesuffix(start)
        new = parse_range(start, flag, word)
        if len(set(letters)) != len(letters):
            raise InvalidArgument(f"{flag}: invalid map {word!r}", hint=FORM)
        own = flag[2]  # u of --uidmap, g of --gidmap
        if own not in letters and {"u", "g"}.intersection(letters):
            continue
        if "+" in letters:
            found = [rest for each in found for rest in without(each, new)]
        found.append(new)
        if len(found) > MAX_LINES:
            raise InvalidArgument(f"{flag}: more than {MAX_LINES} maps")
    check(found, flag)
    return found


def parse_range(text: str, flag: str, word: str) -> IdRange:
    """A map without its letters. Raises InvalidArgument."""
    parts = text.split(":")
    if not 2 <= len(parts) <= 3:
        raise InvalidArgument(f"{flag}: invalid map {word!r}", hint=FORM)
    inside = number(parts[0], flag, MAX_ID)
    outside = number(parts[1].removeprefix("@"), flag, MAX_ID)
    size = number(parts[2], flag, MAX_ID) if len(parts) == 3 else 1
    if not size or max(inside, outside) + size - 1 > MAX_ID:
        raise InvalidArgument(f"{flag}: {word!r} leads to ids that there are not")
    return IdRange(inside, outside, size)


def without(old: IdRange, new: IdRange) -> list[IdRange]:
    """What is left of a map when another takes its ids, on either side."""
    taken = sorted(
        (max(start, 0), min(start + new.size, old.size))
        for start in (new.container_id - old.container_id, new.host_id - old.host_id)
    )
    left, begin = [], 0
    for start, end in (*(part for part in taken if part[0] < part[1]), (old.size, old.size)):
        if start > begin:
            left.append(IdRange(old.container_id + begin, old.host_id + begin, start - begin))
        begin = max(begin, end)
    return left


def check(ranges: Sequence[IdRange], flag: str) -> None:
    """The kernel's own conditions. Raises InvalidArgument."""
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
