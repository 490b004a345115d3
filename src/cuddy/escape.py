"""What may reach a terminal: quoting as Go's `strconv.Quote`, and control characters made visible.

Names, labels and paths come from images and from other users; an escape sequence among them could
retitle, repaint or reprogram the terminal they are shown on.
"""

from __future__ import annotations

_SHORT = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip


def _visible(character: str) -> str:
    """One character that is not printable, as Go escapes it."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8: PEP 383
        return f"\\x{code - 0xDC00:02x}"
    if character in _SHORT:
        return _SHORT[character]
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str, *, keep: str = "") -> str:
    """The text with everything a terminal would obey instead of show escaped, but for `keep`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _visible(c) for c in text)


def quote(text: str) -> str:
    """The text in double quotes, as `strconv.Quote` writes it."""
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'
