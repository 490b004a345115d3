"""--chmod: octal, and the words of chmod(1)."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import chmod
from cuddy.errors import InvalidArgument


@pytest.mark.parametrize(
    "text, file, wanted",
    [
        ("755", 0o600, 0o755), ("0644", 0o777, 0o644), ("0", 0o777, 0), ("4755", 0, 0o4755),
        ("7777", 0, 0o7777),
        ("+x", 0o644, 0o755), ("a+x", 0o644, 0o755), ("-w", 0o666, 0o444), ("=r", 0o777, 0o444),
        ("u+x", 0o644, 0o744), ("go-rwx", 0o777, 0o700), ("ug=rw,o=", 0o777, 0o660),
        ("g=u", 0o750, 0o770), ("o=g-w", 0o674, 0o675), ("u=g", 0o640, 0o440),
        ("u=rwX,go=rX", 0o600, 0o644), ("u=rwX,go=rX", 0o700, 0o755), ("+X", 0o644, 0o644),
        ("+X", 0o645, 0o755), ("-x+X", 0o755, 0o755), ("u+s", 0o755, 0o4755),
        ("g+s", 0o755, 0o2755), ("+s", 0o755, 0o6755), ("o+s", 0o755, 0o755), ("+t", 0o755, 0o1755),
        ("u=rwx", 0o4755, 0o755), ("g=rx", 0o4755, 0o4755), ("u-s", 0o4755, 0o755),
        ("u+r-w=x", 0o600, 0o100), ("a=", 0o777, 0), ("u+rw,g+", 0o000, 0o600),
    ],
)  # fmt: skip
def test_a_mode_means_what_chmod_says(text: str, file: int, wanted: int) -> None:
    assert oct(chmod.parse(text).apply(stat.S_IFREG | file)) == oct(wanted)


def test_capital_x_is_for_directories() -> None:
    assert chmod.parse("u=rwX,go=rX").apply(stat.S_IFDIR | 0o600) == 0o755
    assert chmod.parse("a-x+X").apply(stat.S_IFDIR | 0o644) == 0o755


@pytest.mark.parametrize(
    "text",
    ["", "8", "08", "10000", "-1", "u", "x", "u+q", "u=rw,", ",u+x", "u=gx", "b+x", "0o7", "u x"],
)
def test_what_is_no_mode_is_a_mistake(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid chmod parameter"):
        chmod.parse(text)


@given(st.text("ugoarwxXst+-=,07", max_size=12) | st.text(max_size=8), st.integers(0, 0o7777))
def test_any_text_is_a_mode_or_a_mistake(text: str, mode: int) -> None:
    try:
        parsed = chmod.parse(text)
    except InvalidArgument:
        return
    assert 0 <= parsed.apply(stat.S_IFREG | mode) <= 0o7777
