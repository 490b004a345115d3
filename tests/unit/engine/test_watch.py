"""What a monitor that slept remembers, whichever version of cuddy wakes it."""

from __future__ import annotations

from cuddy.engine.watch import Held, recall

HELD = Held(3, 4, 5, [[6, 1]], [7], 8, 9, 10.5)


def test_an_order_of_this_version_is_what_was_held() -> None:
    assert recall([*HELD]) == HELD


def test_an_order_of_an_older_version_lacks_the_last_fields() -> None:
    assert recall([*HELD[:5]]) == Held(3, 4, 5, [[6, 1]], [7])


def test_an_order_of_a_newer_version_has_fields_that_nobody_knows_here() -> None:
    assert recall([*HELD, "new", -1]) == HELD
