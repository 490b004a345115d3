"""Fields of a stranger's JSON: each accessor takes what is there and null for the default, and
answers another type with 400. Names are found as Go finds them, in any case.

    fields.text(document, "Image")      fields.mapping(document, "HostConfig")
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import InvalidArgument
from cuddy.image import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    Document = Mapping[str, Any]

MAX_INT = 1 << 63
KINDS = {str: "a string", bool: "true or false", int: "a number", float: "a number",
         list: "a list", dict: "an object", type(None): "null"}  # fmt: skip


def value(document: Document, name: str) -> Any:
    """Whatever is there; None if nothing is."""
    if name in document:
        return document[name]
    lower = name.lower()
    return next((found for key, found in document.items() if key.lower() == lower), None)


def has(document: Document, name: str) -> bool:
    """Whether something other than null is there."""
    return value(document, name) is not None


def text(document: Document, name: str, default: str = "") -> str:
    """A string. Raises InvalidArgument."""
    found = value(document, name)
    if found is None:
        return default
    return found if isinstance(found, str) else _refuse(name, "a string", found)


def flag(document: Document, name: str, default: bool = False) -> bool:
    """true or false. Raises InvalidArgument."""
    found = value(document, name)
    if found is None:
        return default
    return found if isinstance(found, bool) else _refuse(name, "true or false", found)


def number(document: Document, name: str, default: int = 0) -> int:
    """A whole number of 64 bits. Raises InvalidArgument."""
    found = value(document, name)
    return default if found is None else _whole(name, found)


def number_or_none(document: Document, name: str) -> int | None:
    """A whole number of which 0 says something else than nothing. Raises InvalidArgument."""
    return number(document, name) if has(document, name) else None


def numbers(document: Document, name: str) -> list[int]:
    """A list of whole numbers. Raises InvalidArgument."""
    return [_whole(f"{name}[{i}]", each) for i, each in enumerate(_list(document, name))]


def texts(document: Document, name: str) -> list[str]:
    """A list of strings. Raises InvalidArgument."""
    return [
        each if isinstance(each, str) else _refuse(f"{name}[{i}]", "a string", each)
        for i, each in enumerate(_list(document, name))
    ]


def words(document: Document, name: str) -> list[str]:
    """A list of strings, or a single one in its place, as older clients send commands."""
    found = value(document, name)
    return [found] if isinstance(found, str) else texts(document, name)


def mapping(document: Document, name: str) -> dict[str, Any]:
    """An object. Raises InvalidArgument."""
    found = value(document, name)
    if found is None:
        return {}
    return found if isinstance(found, dict) else _refuse(name, "an object", found)


def mappings(document: Document, name: str) -> list[dict[str, Any]]:
    """A list of objects. Raises InvalidArgument."""
    return [
        each if isinstance(each, dict) else _refuse(f"{name}[{i}]", "an object", each)
        for i, each in enumerate(_list(document, name))
    ]


def labels(document: Document, name: str) -> dict[str, str]:
    """An object of strings; null counts as "", as Go reads it. Raises InvalidArgument."""
    found = mapping(document, name)
    return {key: text(found, key) for key in found}


def lists(document: Document, name: str) -> list[list[str]]:
    """A list of lists of strings. Raises InvalidArgument."""
    return [texts({name: each}, name) for each in _list(document, name)]


def _list(document: Document, name: str) -> list[Any]:
    found = value(document, name)
    if found is None:
        return []
    return found if isinstance(found, list) else _refuse(name, "a list", found)


def _whole(name: str, found: object) -> int:
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        _refuse(name, "a whole number", found)
    if not -MAX_INT <= found < MAX_INT:
        raise InvalidArgument(f"invalid JSON: {name} is a number of more than 64 bits")
    return found


def _refuse(name: str, wanted: str, found: object) -> NoReturn:
    raise InvalidArgument(f"invalid JSON: {name} must be {wanted}, not {KINDS[type(found)]}")


def read_filters(said: str) -> list[tuple[str, str]]:
    """A `filters` parameter as the pairs of name and value that the engine takes.

    Both of its forms: {"label": ["a", "b"]}, and {"label": {"a": true, "b": true}} of clients that
    are written in Go. Raises InvalidArgument.
    """
    if not said.strip():
        return []
    try:
        found = files.parse_json(said)
    except ValueError as error:
        raise InvalidArgument(f"invalid filter: {error}") from None
    if found is None:
        return []
    if not isinstance(found, dict):
        raise InvalidArgument("invalid filter: it must be an object")
    if not spec.is_text(found):
        raise InvalidArgument("invalid filter: it holds text that is not Unicode")
    return [(name, value) for name, values in found.items() for value in _values(name, values)]


def _values(name: str, values: object) -> list[str]:
    if isinstance(values, dict):
        return list(values)
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise InvalidArgument(f"invalid filter '{name}': it must be a list of strings")
    return values
