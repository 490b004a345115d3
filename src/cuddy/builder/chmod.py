"""`--chmod=MODE`: octal (755), or symbolic as chmod(1) of BSD has it (u=rwX,go=rX).

    modes    clause[,clause...]
    clause   [ugoa...] change...
    change   + | - | =  followed by letters of rwxXst, or by one of u g o: that one's rights

`X` is the right to execute where somebody had it before, and for directories. A clause for nobody
is for all: there is no umask.
"""

from __future__ import annotations

import stat

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Change: TypeAlias = Callable[[int], int]

MAX = 0o7777
WHO = {"u": 0o4700, "g": 0o2070, "o": 0o0007, "a": 0o6777}
EVERYBODY = WHO["a"]
SHIFTS = {"u": 6, "g": 3, "o": 0}
RIGHTS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000, "X": 0}
EXECUTE = RIGHTS["x"]


class Step(NamedTuple):
    """One change: `+ - =` for the bits of `who`. `copied`: u, g or o, whose rights they get."""

    operator: str
    who: int
    bits: int
    copied: str
    has_x: bool  # X is among the letters


class Mode(NamedTuple):
    """What `--chmod` says. `octal`: the mode itself; None: see `steps`."""

    octal: int | None
    steps: tuple[Step, ...] = ()

    def apply(self, mode: int) -> int:
        """The permission bits of what had a mode (with its kind) before."""
        if self.octal is not None:
            return self.octal
        may_execute = stat.S_ISDIR(mode) or mode & EXECUTE
        found = stat.S_IMODE(mode)
        for step in self.steps:
            bits = step.bits | (EXECUTE if step.has_x and may_execute else 0)
            if step.copied:
                bits = (found >> SHIFTS[step.copied] & 7) * 0o111
            # The sticky bit is nobody's: whoever is named may have it set.
            bits &= step.who | stat.S_ISVTX if step.who != WHO["o"] else step.who
            if step.operator == "-":
                found &= ~bits
            else:
                found = (found & ~step.who if step.operator == "=" else found) | bits
        return found


def parse(text: str) -> Mode:
    """Read `--chmod`. Raises InvalidArgument in docker's words."""
    if text and text.isascii() and text.isdigit():
        if text.strip("01234567") or int(text, 8) > MAX:
            raise InvalidArgument(
                f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and"
                " 07777"
            )
        return Mode(int(text, 8))
    steps: list[Step] = []
    for clause in text.split(","):
        letters = clause.lstrip("ugoa")
        who = 0
        for each in clause[: len(clause) - len(letters)]:
            who |= WHO[each]
        if not letters or letters[0] not in "+-=":
            raise mistaken(text)
        steps += read_changes(text, letters, who or EVERYBODY)
    return Mode(None, tuple(steps))


def read_changes(text: str, letters: str, who: int) -> list[Step]:
    """The changes of one clause, which may follow each other: `g+r-w`."""
    steps = []
    position = 0
    while position < len(letters):
        operator = letters[position]
        end = position + 1
        while end < len(letters) and letters[end] not in "+-=":
            end += 1
        words = letters[position + 1 : end]
        if len(words) == 1 and words in SHIFTS:
            steps.append(Step(operator, who, 0, words, False))
        elif words.strip("rwxXst"):
            raise mistaken(text)
        else:
            bits = 0
            for each in words:
                bits |= RIGHTS[each]
            steps.append(Step(operator, who, bits, "", "X" in words))
        position = end
    return steps


def mistaken(text: str) -> InvalidArgument:
    """What is no mode."""
    return InvalidArgument(
        f"invalid chmod parameter: {text!r}", hint="such as 755, +x or u=rwX,go=rX"
    )
