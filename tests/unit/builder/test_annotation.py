"""What --annotation says."""

from __future__ import annotations

import pytest

from cuddy.builder import annotation
from cuddy.errors import InvalidArgument


@pytest.mark.parametrize(
    "text, found",
    [
        ("a=b", {"a": "b"}),
        ("org.example:a=b=c", {"org.example:a": "b=c"}),
        ("manifest:a=b:c", {"a": "b:c"}),
        ("manifest[linux/amd64]:a=", {"a": ""}),
    ],
)
def test_they_are_of_the_manifest(text: str, found: dict[str, str]) -> None:
    assert annotation.parse([text]) == found


@pytest.mark.parametrize(
    "text", ["a", "=b", "manifest:=b", "index:a=b", "manifest-descriptor:a=b", "index,manifest:a=b"]
)
def test_what_is_of_others_or_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        annotation.parse([text])
