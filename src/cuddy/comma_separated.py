"""One line of comma separated values, as `--mount` and `--network` take them.

RFC 4180 as Go's encoding/csv reads it, since docker does; its words for what is wrong too.
"""

from __future__ import annotations


def read_record(text: str) -> list[str]:
    """The fields of one line of CSV (RFC 4180), as Go's encoding/csv reads them.

    Raises ValueError. What comes after the line is left alone.
    """
    fields: list[str] = []
    start = 0
    while start < len(text) and text[start] in "\r\n":
        start += 1
    if start == len(text):
        raise ValueError("EOF")
    while True:
        if text[start : start + 1] == '"':
            field, start = _quoted(text, start + 1)
        else:
            field, start = _bare(text, start)
        fields.append(field)
        if text[start : start + 1] != ",":
            return fields
        start += 1


def _bare(text: str, start: int) -> tuple[str, int]:
    """A field without quotes, and where it ends."""
    end = start
    while end < len(text) and text[end] not in ",\n":
        if text[end] == '"':
            raise _parse_error(text, end, 'bare " in non-quoted-field')
        end += 1
    field = text[start:end]
    return (field.removesuffix("\r") if text[end : end + 1] != "," else field), end


def _quoted(text: str, start: int) -> tuple[str, int]:
    """A field in quotes, in which two quotes are one, and where it ends."""
    field = ""
    while (end := text.find('"', start)) >= 0:
        field += text[start:end]
        after = text[end + 1 : end + 2]
        if after == '"':
            field, start = f'{field}"', end + 2
            continue
        if after in ("", ",", "\n") or text[end + 1 : end + 3] == "\r\n":
            return field, end + 1 + (after == "\r")
        raise _parse_error(text, end, 'extraneous or missing " in quoted-field')
    raise _parse_error(text, len(text), 'extraneous or missing " in quoted-field')


def _parse_error(text: str, index: int, words: str) -> ValueError:
    """Go counts bytes of a line, from one."""
    before = text[:index]
    line = before.count("\n") + 1
    column = len(before.rpartition("\n")[2].encode(errors="surrogateescape")) + 1
    return ValueError(f"parse error on line {line}, column {column}: {words}")
