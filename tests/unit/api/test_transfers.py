"""What transfers tell, as lines of Docker's API."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cuddy.api import transfers
from cuddy.image.progress import Progress


def test_a_layer_on_its_way_has_a_bar() -> None:
    line = transfers.pulled(Progress("0123456789ab", "Downloading", 1_234_567, 2_469_134))
    assert line == {
        "status": "Downloading",
        "progressDetail": {"current": 1234567, "total": 2469134},
        "progress": f"[{'=' * 25}>{' ' * 25}]  1.235MB/2.469MB",
        "id": "0123456789ab",
    }
    assert transfers.bar(512, 0) == "    512B"
    assert transfers.bar(100, 100) == f"[{'=' * 50}>]     100B/100B"


def test_others_have_none() -> None:
    waiting = transfers.pulled(Progress("0123456789ab", "Pulling fs layer"))
    assert waiting == {"status": "Pulling fs layer", "progressDetail": {}, "id": "0123456789ab"}
    assert transfers.pulled(Progress("", "Status: all is well")) == {
        "status": "Status: all is well"
    }
    begun = Progress("latest", "Pulling from library/x")
    assert transfers.pulled(begun) == {"status": "Pulling from library/x", "id": "latest"}


def test_the_end_of_a_push_is_told_to_programs_too() -> None:
    step = Progress("", "1: digest: sha256:ab size: 528")
    assert transfers.pushed(step) == [
        {"status": "1: digest: sha256:ab size: 528"},
        {"progressDetail": {}, "aux": {"Tag": "1", "Digest": "sha256:ab", "Size": 528}},
    ]
    assert len(transfers.pushed(Progress("ab", "Pushed"))) == 1


def test_what_was_loaded_is_said_in_the_stream() -> None:
    assert transfers.loaded(Progress("", "Loaded image: a:1")) == {"stream": "Loaded image: a:1\n"}
    layer = transfers.loaded(Progress("ab", "Loading layer", 1, 2))
    assert (layer["status"], layer["id"]) == ("Loading layer", "ab")


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_a_bar_is_never_longer_than_it_is(current: int, total: int) -> None:
    bar = transfers.bar(current, total)
    if bar.startswith("["):
        assert bar.index("]") == transfers.BAR + 2
