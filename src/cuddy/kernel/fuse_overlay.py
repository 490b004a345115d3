"""fuse-overlayfs: the same overlay by a program, where a user namespace may not have the kernel's.

It understands the marks that the kernel's leaves for users, and has one of its own for opaque
directories, next to files that say the same. Its process serves the mount and ends with it.
"""

from __future__ import annotations

import os

from cuddy.kernel import program
from cuddy.kernel.mount import MS_RDONLY, Mount

PROGRAM = "fuse-overlayfs"
DEVICE = "/dev/fuse"
KEPT = ("lowerdir", "upperdir", "workdir", "volatile")
"""Of the options of an overlay those that it knows."""


def is_there() -> bool:
    """Whether it can be used here."""
    return bool(program.find(PROGRAM)) and os.access(DEVICE, os.R_OK | os.W_OK)


def perform(plan: Mount) -> str:
    """Make an overlay mount by it; what it complains of, or "". Raises OSError."""
    options = ",".join(option for option in split(plan.data) if option.partition("=")[0] in KEPT)
    if plan.flags & MS_RDONLY:
        options += ",ro"
    finished = program.run(program.find(PROGRAM), "-o", options, plan.target)
    return (finished.output or f"exit status {finished.code}") if finished.code else ""


def split(data: str) -> list[str]:
    """The options of a mount, at those commas that no backslash stands before."""
    options = [""]
    characters = iter(data)
    for character in characters:
        if character == ",":
            options.append("")
        elif character == "\\":
            options[-1] += character + next(characters, "")
        else:
            options[-1] += character
    return options
