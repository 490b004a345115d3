"""JSON documents as `inspect` prints them: indented by four, or on one line."""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _refuse(value: object) -> None:
    raise TypeError(f"json: unsupported type: {type(value).__name__}")


# Unlike those on disk, these documents keep letters beyond ASCII readable, as docker's do.
_quote = _json.encode_basestring
_encode = _json.make_encoder(None, _refuse, _quote, None, ":", ",", False, False, False)


# Line ends of JavaScript, which Go escapes everywhere, and HTML's signs, which it escapes in rows.
_LINE_ENDS = {0x2028: "\\u2028", 0x2029: "\\u2029"}
_HTML = _LINE_ENDS | {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def compact(value: Any, *, for_html: bool = False) -> str:
    """The document on one line; `for_html`: as Go's `json.Marshal` writes it."""
    text = "".join(_encode(value, 0))
    return text.translate(_HTML if for_html else _LINE_ENDS)


def indented(value: Any, *, by: str = "    ", margin: str = "") -> str:
    """The document with a line for every member, as Go's `json.Indent` lays it out."""
    inner = margin + by
    if isinstance(value, dict) and value:
        rows = [f"{_quote(key)}: {indented(v, by=by, margin=inner)}" for key, v in value.items()]
        brackets = "{}"
    elif isinstance(value, (list, tuple)) and value:
        rows = [indented(item, by=by, margin=inner) for item in value]
        brackets = "[]"
    else:
        return compact(value)
    separator = f",\n{inner}"
    return f"{brackets[0]}\n{inner}{separator.join(rows)}\n{margin}{brackets[1]}"
