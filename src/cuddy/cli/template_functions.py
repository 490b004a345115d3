"""The functions of Go templates, and how Go prints values.

Objects are JSON values: str, int, float, bool, None, list and dict. Messages are Go's.
"""

from __future__ import annotations

from cuddy.cli import document, times
from cuddy.cli.nil import NilList, NilMap
from cuddy.escape import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Functions = dict[str, tuple[Callable[..., Any], int, int]]  # fewest and most arguments

MANY = 1 << 30


def printed(value: Any, *, nothing: str = "<nil>") -> str:
    """The value as `fmt.Print` shows it: %v."""
    if isinstance(value, times.Moment):
        return times.utc_text(value)
    if isinstance(value, str):
        return value
    if value is None:
        return nothing
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _shortest(value)
    if isinstance(value, dict):
        pairs = (f"{key}:{printed(value[key])}" for key in sorted(value))
        return f"map[{' '.join(pairs)}]"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(printed(item) for item in value)}]"
    return str(value)


def _shortest(value: float) -> str:
    """%v of a float: plain digits up to 10^21, unlike Python's 10^16."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def kind(value: Any) -> str:
    """The type as Go names it."""
    names = {str: "string", bool: "bool", int: "int", float: "float64", type(None): "<nil>"}
    if isinstance(value, dict):
        return "map[string]interface {}"
    return names.get(type(value), "[]interface {}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected string; found {printed(value)}")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected integer; found {printed(value)}")
    return value


def _print(*values: Any) -> str:
    """`fmt.Sprint`: a blank between operands when neither is a string."""
    shown = ""
    for i, value in enumerate(values):
        if i and not isinstance(value, str) and not isinstance(values[i - 1], str):
            shown += " "
        shown += printed(value)
    return shown


def _println(*values: Any) -> str:
    return " ".join(printed(value) for value in values) + "\n"


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            # A missing key is the zero of Go's map type, which text maps can show.
            empty = "" if all(isinstance(item, str) for item in value.values()) else None
            value = value.get(_text(key), empty)
        elif isinstance(value, (list, tuple, str)):
            if not 0 <= _integer(key) < len(value):
                raise IndexError(f"index out of range: {key}")
            value = value[key] if not isinstance(value, str) else value.encode()[key]
        elif value is None:
            raise TypeError("index of untyped nil")
        else:
            raise TypeError(f"can't index item of type {kind(value)}")
    return value


def _json(value: Any) -> str:
    return document.compact(None if isinstance(value, (NilList, NilMap)) else value)


def _slice(value: Any, start: int = 0, end: int | None = None) -> Any:
    if not isinstance(value, (list, tuple, str)):
        raise TypeError(f"can't slice item of type {kind(value)}")
    stop = len(value) if end is None else end
    if not 0 <= _integer(start) <= _integer(stop) <= len(value):
        raise IndexError(f"index out of range: {start if start > stop else stop}")
    return value[start:stop]


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if not isinstance(value, (list, tuple, dict)):
        raise TypeError("len of nil pointer" if value is None else f"len of type {kind(value)}")
    return len(value)


def _equal(first: Any, *others: Any) -> bool:
    for other in others:
        if None not in (first, other) and kind(first) != kind(other):
            raise TypeError("incompatible types for comparison")
        if isinstance(first, (list, dict)):
            raise TypeError("non-comparable type")
    return any(first == other for other in others)


def _less(first: Any, second: Any) -> bool:
    if kind(first) != kind(second):
        raise TypeError("incompatible types for comparison")
    if not isinstance(first, (str, int, float)) or isinstance(first, bool):
        raise TypeError("invalid type for comparison")
    return bool(first < second)


def _split(text: Any, separator: Any) -> list[str]:
    return _text(text).split(separator) if _text(separator) else list(_text(text))


def _join(items: Any, separator: Any) -> str:
    if not isinstance(items, (list, tuple)):
        raise TypeError(f"expected []string; found {printed(items)}")
    return _text(separator).join(_text(item) for item in items)


def _title(text: Any) -> str:
    """Each word's first letter upper case; the others stay."""
    before = " "
    shown = ""
    for letter in _text(text):
        shown += letter.upper() if before.isspace() else letter
        before = letter
    return shown


def _pad(text: Any, before: int, after: int) -> str:
    return " " * _integer(before) + _text(text) + " " * _integer(after) if text else ""


def _truncate(text: Any, length: int) -> str:
    return _text(text)[: _integer(length)]


# printf


def _printf(pattern: Any, *values: Any) -> str:
    """`fmt.Sprintf`: flags, width and precision with the verbs v s q d x X o b c t e f g T %."""
    shown, rest, at = [], list(values), 0
    text = _text(pattern)
    while at < len(text):
        start = text.find("%", at)
        if start < 0:
            break
        end = start + 1
        while end < len(text) and text[end] in "+-# 0123456789.":
            end += 1
        shown.append(text[at:start])
        shown.append(_directive(text[start + 1 : end], text[end : end + 1], rest))
        at = end + 1
    shown.append(text[at:])
    if rest:
        extra = ", ".join(f"{kind(value)}={printed(value)}" for value in rest)
        shown.append(f"%!(EXTRA {extra})")
    return "".join(shown)


def _directive(form: str, verb: str, rest: list[Any]) -> str:
    if verb == "%":
        return "%"
    if not verb:
        return "%!(NOVERB)"
    if not rest:
        return f"%!{verb}(MISSING)"
    value = rest.pop(0)
    flags = form[: len(form) - len(form.lstrip("+-# 0"))]
    width, _, precision = form[len(flags) :].partition(".")
    shown = _verb(verb, value, flags, precision)
    if shown is None:
        return f"%!{verb}({kind(value)}={printed(value)})"
    if "-" in flags:
        return shown.ljust(int(width or 0))
    if "0" in flags and verb not in "sqvT":
        return shown.zfill(int(width or 0))
    return shown.rjust(int(width or 0))


def _verb(verb: str, value: Any, flags: str, precision: str) -> str | None:
    """One value by one verb; None if the verb is not for it."""
    if verb == "T":
        return kind(value)
    if verb == "v":
        return printed(value)
    if isinstance(value, bool):
        return printed(value) if verb == "t" else None
    if isinstance(value, str):
        return _verb_of_text(verb, value, precision)
    sign = "+" if "+" in flags else " " if " " in flags else ""
    if isinstance(value, float) and verb in ("e", "f", "g", "E", "G", "F"):
        return (
            format(value, f"{sign}.{precision or 6}{verb}")
            if precision or verb in "efEF"
            else (printed(value))
        )
    if isinstance(value, int) and verb in "dxXob":
        return format(value, f"{sign}{'#' if '#' in flags else ''}{verb}")
    if isinstance(value, int) and verb in "cq":
        return chr(value) if verb == "c" else f"'{chr(value)}'"
    if isinstance(value, (list, tuple)):
        parts = [_verb(verb, item, flags, precision) for item in value]
        return f"[{' '.join(part for part in parts if part is not None)}]"
    return None


def _verb_of_text(verb: str, text: str, precision: str) -> str | None:
    cut = text[: int(precision)] if precision else text
    if verb == "s":
        return cut
    if verb == "q":
        return quote(cut)
    if verb in ("x", "X"):
        digits = cut.encode("utf-8", "surrogateescape").hex()
        return digits if verb == "x" else digits.upper()
    return None


FUNCTIONS: Functions = {
    # text/template
    "not": (lambda value: not value, 1, 1),
    "eq": (_equal, 2, MANY),
    "ne": (lambda first, second: not _equal(first, second), 2, 2),
    "lt": (_less, 2, 2),
    "le": (lambda first, second: not _less(second, first), 2, 2),
    "gt": (lambda first, second: _less(second, first), 2, 2),
    "ge": (lambda first, second: not _less(first, second), 2, 2),
    "index": (_index, 1, MANY),
    "slice": (_slice, 1, 3),
    "len": (_len, 1, 1),
    "print": (_print, 0, MANY),
    "printf": (_printf, 1, MANY),
    "println": (_println, 0, MANY),
    # docker/cli templates
    "json": (_json, 1, 1),
    "split": (_split, 2, 2),
    "join": (_join, 2, 2),
    "title": (_title, 1, 1),
    "lower": (lambda text: _text(text).lower(), 1, 1),
    "upper": (lambda text: _text(text).upper(), 1, 1),
    "pad": (_pad, 3, 3),
    "truncate": (_truncate, 2, 2),
}

# In the header of a table, docker's own functions give the title unchanged.
HEADER_FUNCTIONS: Functions = FUNCTIONS | {
    name: (lambda title, *_: title, 1, MANY)
    for name in ("json", "split", "join", "title", "lower", "upper", "pad", "truncate")
}
