"""What comes from elsewhere cannot speak to the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy import escape, sizes, suggest
from cuddy.cli import document


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 日本", "plain é 日本"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\a"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x7f\x00", "\\x7f\\x00"),
        ("\x9b31m", "\\u009b31m"),
        ("\u202ecod", "\\u202ecod"),
        (b"\xff".decode("utf-8", "surrogateescape"), "\\xff"),
    ],
)
def test_control_characters_are_made_visible(text: str, shown: str) -> None:
    assert escape.printable(text) == shown


def test_some_may_be_kept() -> None:
    assert escape.printable("a\nb\x1b", keep="\n\t") == "a\nb\\x1b"


def test_quoting_is_gos() -> None:
    assert escape.quote('say "hi"\\\n') == '"say \\"hi\\"\\\\\\n"'
    assert escape.quote("sh -c 'é'") == "\"sh -c 'é'\""


@given(st.text())
def test_nothing_printed_moves_the_cursor(text: str) -> None:
    assert escape.printable(text).isprintable()
    assert escape.quote(text).isprintable()


def test_documents_are_indented_by_four_as_dockers() -> None:
    found = [
        {"Name": "/x", "Args": [], "Config": {"Env": ["A=é"], "Labels": {}}, "Pid": 0, "N": None}
    ]
    assert (
        document.indented(found)
        == """\
[
    {
        "Name": "/x",
        "Args": [],
        "Config": {
            "Env": [
                "A=é"
            ],
            "Labels": {}
        },
        "Pid": 0,
        "N": null
    }
]"""
    )
    assert document.indented([]) == "[]"
    assert document.compact(found) == (
        '[{"Name":"/x","Args":[],"Config":{"Env":["A=é"],"Labels":{}},"Pid":0,"N":null}]'
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"), (999, "999B"), (1000, "1kB"), (1234567, "1.23MB"), (7_340_000, "7.34MB"),
        (123_456_789, "123MB"), (5_590_000_000, "5.59GB"),
    ],
)  # fmt: skip
def test_sizes_on_disk_are_in_powers_of_1000(size: int, text: str) -> None:
    assert sizes.human_size(size) == text


@pytest.mark.parametrize(
    ("size", "text"), [(512, "512B"), (1 << 20, "1MiB"), (25_275_000_000, "23.54GiB")]
)
def test_memory_is_in_powers_of_1024(size: int, text: str) -> None:
    assert sizes.human_memory(size) == text


@pytest.mark.parametrize(
    ("word", "meant"),
    [("rnu", "run"), ("stpo", "stop"), ("pss", "ps"), ("imges", "images"), ("inspec", "inspect"),
     ("cre", "create"), ("xyzzy", ""), ("q", "")],
)  # fmt: skip
def test_a_slip_of_the_fingers_is_recognised(word: str, meant: str) -> None:
    verbs = ["run", "rm", "rmi", "ps", "pull", "stop", "start", "images", "inspect", "create"]
    assert suggest.closest(word, verbs) == meant


def test_distance_counts_swapped_neighbours_as_one_slip() -> None:
    assert suggest.distance("memroy", "memory") == 1
    assert suggest.distance("", "abc") == 3
    assert suggest.distance("kitten", "sitting") == 3
