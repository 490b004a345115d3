"""What a mistyped word was probably meant to be."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def distance(left: str, right: str) -> int:
    """How many insertions, deletions, substitutions and swaps of neighbours part two words."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, above, row = row, before, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]


def closest(word: str, choices: Iterable[str]) -> str:
    """The choice that `word` is a slip or a beginning of, or ''."""
    near = []
    for choice in choices:
        slips = distance(word, choice)
        begins = len(word) > 2 and choice.startswith(word)
        if begins or slips <= min(2, len(choice) // 3 + 1, len(word) // 2):
            near.append((not begins, slips, choice))
    return min(near)[2] if near else ""
