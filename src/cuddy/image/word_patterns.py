"""Patterns of `${NAME#p} ${NAME%p} ${NAME/p/text}`: `?` one character, `*` any number of them.

As BuildKit has them: neither is a line's end, `\\` takes the meaning from `* ? \\`, and brackets
are ordinary characters. No way of matching takes more than (length of pattern) x (length of value)
steps from one start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ONE, MANY = "?", "*"
MAX_WORK = 5_000_000
"""Steps; a pattern of stars on a value of megabytes would take minutes."""
MAX_CHARACTERS = 8 << 20
"""Of what replacing makes of a value."""


def trim(value: str, sign: str, word: str) -> str:
    """The value without what matches at its start (`#`) or end (`%`): the least that does, or the
    most, if the word begins with the sign once more. Raises ValueError for a pattern of no meaning.
    """
    most = word.startswith(sign)
    tokens = read(word[most:])
    _limit(tokens, value, 1)
    if sign == "%":
        tokens, value = tokens[::-1], value[::-1]
    ends = _ends(tokens, value, 0)
    rest = value[(max if most else min)(ends) :] if ends else value
    return rest[::-1] if sign == "%" else rest


def replace(value: str, pattern: str, text: str, everywhere: bool) -> str:
    """The value with the first match, or each, replaced; the longest counts at each place.

    Raises ValueError for a pattern of no meaning.
    """
    tokens = read(pattern)
    _limit(tokens, value, len(value) + 1)
    result = []
    left = MAX_CHARACTERS
    position, after = 0, -1
    while position <= len(value):
        ends = _ends(tokens, value, position)
        # Right after a match an empty one does not count.
        if ends and not (max(ends) == position == after):
            result.append(text)
            left -= len(text)
            if left < 0:
                raise ValueError("too much to replace")
            after = max(ends)
            if not everywhere:
                return "".join([*result, value[after:]])
            if after > position:
                position = after
                continue
        result.append(value[position : position + 1])
        position += 1
    return "".join(result)


def read(pattern: str) -> list[tuple[str, bool]]:
    """The pattern as characters, each with whether it is a wildcard."""
    found = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character in (ONE, MANY):
            found.append((character, True))
            continue
        if character == "\\":
            escaped = pattern[position : position + 1]
            position += 1
            # A closing brace and a slash needed the escape to be in the pattern at all.
            if not escaped or escaped not in "*?\\}/":
                raise ValueError(f"invalid escape '\\{escaped}'")
            character = escaped
        found.append((character, False))
    return found


def _limit(tokens: Sequence[tuple[str, bool]], value: str, starts: int) -> None:
    steps = len(value) + 1 if (MANY, True) in tokens else 1
    if len(tokens) * steps * starts > MAX_WORK:
        raise ValueError("too much to match")


def _ends(tokens: Sequence[tuple[str, bool]], value: str, start: int) -> set[int]:
    """Where a match that begins at `start` may end."""
    reached = {start}
    for token, is_wildcard in tokens:
        if is_wildcard and token == MANY:
            reached = _stretched(reached, value)
        elif is_wildcard:
            reached = {at + 1 for at in reached if at < len(value) and value[at] != "\n"}
        else:
            reached = {at + 1 for at in reached if value[at : at + 1] == token}
        if not reached:
            break
    return reached


def _stretched(reached: set[int], value: str) -> set[int]:
    """Where a star may end; nothing but a line's end stops it."""
    found = set()
    goes_on = False
    for at in range(min(reached), len(value) + 1):
        goes_on = goes_on or at in reached
        if goes_on:
            found.add(at)
        if value[at : at + 1] == "\n":
            goes_on = False
    return found
