"""The table of what fails with users of their own names tests that there are."""

from __future__ import annotations

from pathlib import Path

import userns_expected


def test_every_test_that_is_expected_to_fail_is_there() -> None:
    assert list(userns_expected.unknown(Path(__file__).parents[1] / "cli")) == []
