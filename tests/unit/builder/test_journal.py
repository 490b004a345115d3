"""What is kept of builds, in a home of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import journal
from cuddy.builder.journal import Journal
from cuddy.builder.options import BuildOptions
from cuddy.builder.report import Began, Ended, Missed, Output, Progress, Warned
from cuddy.engine.home import Home
from cuddy.errors import NotFound

EVENTS = [
    Began(1, "[1/1] RUN \udcff", 1.5),
    Missed(1, "new"),
    Progress(1, "transferring", 3, 0, 2.0),
    Output(1, 2, b"\xff\x00\xf0\x9f\x98\x80\n", 2.25),
    Output(1, 1, b"\xf0\x9f", 2.5),  # cut in the middle of a character
    Warned(0, "careful"),
    Ended(1, 3.0, cached=False, error="bad"),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "tmp").mkdir()
    return Home(str(tmp_path), str(tmp_path / "run"))


def keep(home: Home, build_id: str = "", *, status: str = journal.COMPLETED) -> Journal:
    """A build that was."""
    options = BuildOptions(".", build_id=build_id or journal.new_id(), tags=("x",), target="t")
    kept = Journal(home, options)
    for event in EVENTS:
        kept(event)
    if status != journal.RUNNING:
        kept.image_id = "sha256:1"
        kept.close(status)
    return kept


def test_a_password_in_the_contexts_url_is_not_kept(home: Home) -> None:
    Journal(home, BuildOptions("https://me:secret@host/x.git#main", build_id="ab")).close("")
    assert journal.find(home, "ab").record["Context"] == "https://host/x.git#main"


def test_all_that_a_build_told_comes_back_as_it_was(home: Home) -> None:
    keep(home)
    assert list(journal.events(journal.find(home, "LAST"))) == EVENTS


def test_a_record_says_who_it_was_and_how_it_ended(home: Home) -> None:
    keep(home, "ab12", status=journal.FAILED)
    kept = journal.find(home, "ab")
    assert (kept.status, kept.record["Names"], kept.record["Steps"]) == ("Error", ["x"], 1)
    assert kept.record["Started"] <= kept.record["Completed"]
    assert journal.steps(kept) == [
        {"Step": 1, "Name": "[1/1] RUN \udcff", "Cached": False, "Seconds": 1.5, "Error": "bad"}
    ]


def test_the_latest_build_is_the_last_and_others_are_counted_back(home: Home) -> None:
    ids = [keep(home).record["Id"] for _ in range(3)]
    assert [journal.find(home, which).record["Id"] for which in ("", "^1", "^2")] == ids[::-1]
    for wrong in ("^3", "^x", "^", "nobody"):
        with pytest.raises(NotFound):
            journal.find(home, wrong)


def test_an_id_that_is_not_clear_is_refused(home: Home) -> None:
    keep(home, "ab1")
    keep(home, "ab2")
    with pytest.raises(NotFound, match="Several"):
        journal.find(home, "ab")


def test_a_build_that_was_killed_is_canceled(home: Home) -> None:
    kept = keep(home, status=journal.RUNNING)
    assert journal.find(home, "LAST").status == journal.RUNNING
    kept.record["PidStarted"] += 1
    kept.close(journal.RUNNING)
    assert journal.find(home, "LAST").status == journal.CANCELED


def test_a_torn_last_line_is_left_out(home: Home) -> None:
    keep(home)
    kept = journal.find(home, "LAST")
    path = Path(kept.directory) / "events"
    path.write_bytes(path.read_bytes()[:-5])
    assert list(journal.events(kept)) == EVENTS[:-1]


def test_only_so_many_are_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BUILDS", 3)
    monkeypatch.setattr(journal, "AT_ONCE", 2)
    ids = [keep(home).record["Id"] for _ in range(5)]
    assert len(journal.builds(home)) == 5
    ids.append(keep(home).record["Id"])
    assert [kept.record["Id"] for kept in journal.builds(home)] == ids[:2:-1]
    assert not os.listdir(home.tmp_dir)


def test_only_so_much_is_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES", 1000)
    monkeypatch.setattr(journal, "_LONG", 10)
    ids = [keep(home).record["Id"] for _ in range(9)]
    kept = [each.record["Id"] for each in journal.builds(home)]
    assert 1 < len(kept) < 9
    assert kept[0] == ids[-1]


def test_the_log_of_one_build_is_cut_when_it_is_endless(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES_OF_ONE", 200)
    assert keep(home).record["IsCut"]
    assert journal.find(home, "LAST").record["IsCut"]


def test_what_is_no_journal_makes_room(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BUILDS", 1)
    monkeypatch.setattr(journal, "AT_ONCE", 0)
    broken = Path(journal.logs_dir(home)) / "broken"
    broken.mkdir(parents=True)
    (broken / "record.json").write_text('{"Id": "broken"}')
    assert journal.builds(home) == []
    keep(home)
    assert not broken.exists()


def test_a_build_goes_on_without_a_journal(home: Home) -> None:
    Path(journal.logs_dir(home)).parent.mkdir()
    Path(journal.logs_dir(home)).write_text("in the way")
    kept = keep(home)
    assert kept.is_broken


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_a_line_of_whatever_is_an_event_or_a_value_error(line: bytes) -> None:
    try:
        event = journal.decode(line)
    except ValueError:
        return
    assert journal.decode(journal.encode(event)) == event


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)


@given(st.sampled_from(["began", "ended", "output", "progress", "x"]), st.lists(JSON, max_size=6))
def test_an_event_with_wrong_fields_is_a_value_error(name: str, fields: list[object]) -> None:
    from cuddy import files

    try:
        line = files.format_json([name, *fields]).encode()
    except ValueError:
        return
    try:
        event = journal.decode(line)
    except ValueError:
        return
    assert journal.decode(journal.encode(event)) == event
