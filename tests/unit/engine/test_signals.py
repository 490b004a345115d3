"""Names of signals."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import signals
from cuddy.errors import InvalidArgument


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "term", "sigterm", "Sigterm", "15", "015"])
def test_a_signal_has_many_spellings(name: str) -> None:
    assert signals.parse(name) == 15


@pytest.mark.parametrize("member", [s for s in signal.Signals if "RT" not in s.name])
def test_every_name_of_this_platform(member: signal.Signals) -> None:
    assert signals.parse(member.name) == signals.parse(str(int(member))) == member


@pytest.mark.parametrize(
    ("name", "number"),
    [("RTMIN", 34), ("SIGRTMIN", 34), ("RTMIN+3", 37), ("RTMIN+30", 64), ("RTMAX", 64),
     ("RTMAX-1", 63), ("sigrtmax-30", 34), ("RTMIN+0", 34)],
)  # fmt: skip
def test_real_time_signals_are_counted_from_either_end(name: str, number: int) -> None:
    assert signals.parse(name) == number


@pytest.mark.parametrize(
    "text",
    [
        "", "SIG", "0", "-1", "65", "99999999999999999999", "WARP", "SIGSIGTERM", "SIG_DFL",
        "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMINx3", "RTMIN*3", "RTMIN 3",
        "RTMIN++3", "RTMIN+²", "²", "15 ", "TERM\n", "1.5", "9" * 5000, "RTMIN+" + "9" * 5000,
    ],
)  # fmt: skip
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid signal"):
        signals.parse(text)


@given(st.text() | st.from_regex(r"(?i)(sig)?rt(min|max).{0,4}"))
def test_any_text_is_a_signal_or_refused(text: str) -> None:
    try:
        assert 1 <= signals.parse(text) <= 64
    except InvalidArgument:
        pass
