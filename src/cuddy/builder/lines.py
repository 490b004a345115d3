"""Lines of a Dockerfile that belong together: an escape at the end continues a line.

As BuildKit does it: blanks at the start of a continued line stay, comments and empty lines between
are skipped, two escapes continue nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# White space by Unicode; `str.isspace` has some control characters more.
SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)


def join(lines: Sequence[str], index: int, escape: str) -> tuple[list[tuple[int, str]], int, bool]:
    """What belongs together from a line on: each part with its line's number, the index of the
    line after them, and whether there was an empty line among them.
    """
    parts: list[tuple[int, str]] = []
    gap = False
    while index < len(lines):
        line = lines[index].rstrip("\r")
        index += 1
        bare = line.strip(SPACES)
        if parts and (not bare or bare[0] == "#"):
            gap = gap or not bare
            continue
        body = line.rstrip(" \t")
        if body[-1:] != escape or body[-2:-1] == escape:
            parts.append((index, line))
            break
        parts.append((index, body[:-1]))
    return parts, index, gap
