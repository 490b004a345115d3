"""Findings of a check, and files that nobody knows."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Finding(NamedTuple):
    """Something that was found: about what, what is the matter, what a repair does.

    `is_broken` is false for what is in order but worth knowing; `is_repairable` for what a repair
    cannot do, or not now.
    """

    what: str
    problem: str
    remedy: str
    is_broken: bool = True
    is_repairable: bool = True


def strangers(
    root: str, directory: str, is_known: Callable[[str, int], bool]
) -> Iterator[tuple[Finding, str]]:
    """What lies in a directory that should not; temporary files of the living may."""
    for name in sorted(files.list_directory(directory)):
        path = f"{directory}/{name}"
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            continue
        shown = ascii(os.path.relpath(path, root))[1:-1]
        if is_known(name, mode):
            continue
        if files.is_abandoned(name):
            yield (
                Finding(shown, "its owner died over it", "remove it", is_broken=False), path
            )  # fmt: skip
        elif not files.is_temporary(name):
            yield Finding(shown, "nobody knows what it is", "move it to lost/"), path


def move_to_lost(root: str, path: str) -> None:
    """Move something out of the way, where a person can look at it."""
    files.make_directory(f"{root}/lost")
    os.rename(path, f"{root}/lost/{os.path.basename(path)}.{os.urandom(4).hex()}")
