"""Which words of `cp` mean what: docker/cli's rules, without touching a file."""

from __future__ import annotations

import pytest

from cuddy.engine import cp_paths
from cuddy.engine.cp_paths import Decision, Place, Source, Target
from cuddy.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("box:/a", Place("box", "/a")),
        ("box:a:b", Place("box", "a:b")),
        ("box:", Place("box", "")),
        ("/a:b", Place("", "/a:b")),
        ("./a:b", Place("", "./a:b")),
        ("../a:b", Place("", "../a:b")),
        (".a:b", Place("", ".a:b")),
        (":a", Place("", ":a")),
        ("a", Place("", "a")),
        ("-", Place("", "-")),
    ],
)
def test_what_is_a_container_s_and_what_is_the_host_s(text: str, place: Place) -> None:
    assert cp_paths.parse(text) == place


@pytest.mark.parametrize(
    ("path", "tidy"),
    [
        ("/a/../b", "/b"),
        ("//a//b", "/a/b"),
        ("/a/", "/a/"),
        ("/a/.", "/a/."),
        ("/a/./", "/a/"),
        ("/", "/"),
        ("/.", "/."),
        ("/a/..", "/"),
        ("/../../a", "/a"),
    ],
)
def test_paths_are_tidied_but_for_their_end(path: str, tidy: str) -> None:
    assert cp_paths.tidy(path) == tidy
    assert cp_paths.inside(path) == tidy


@pytest.mark.parametrize(
    ("path", "name"), [("/a/b", b"b"), ("/a/b/", b"b"), ("/a/b/.", b""), ("/", b""), ("/.", b"")]
)
def test_what_a_source_is_called(path: str, name: bytes) -> None:
    assert cp_paths.name_of(path) == name


FILE, DIRECTORY, CONTENTS = Source(b"s", False), Source(b"s", True), Source(b"", True)


@pytest.mark.parametrize(
    ("source", "target", "decision"),
    [
        (FILE, Target(b"t"), Decision(False, b"t")),
        (FILE, Target(b"t", exists=True), Decision(False, b"t")),
        (FILE, Target(b"t", exists=True, is_directory=True), Decision(True, b"s")),
        (DIRECTORY, Target(b"t"), Decision(False, b"t")),
        (DIRECTORY, Target(b"t", asserts_directory=True), Decision(False, b"t")),
        (DIRECTORY, Target(b"t", exists=True, is_directory=True), Decision(True, b"s")),
        (CONTENTS, Target(b"t"), Decision(False, b"t")),
        (CONTENTS, Target(b"t", exists=True, is_directory=True), Decision(True, b"")),
    ],
)
def test_where_what_goes(source: Source, target: Target, decision: Decision) -> None:
    assert cp_paths.decide(source, target) == decision


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        (FILE, Target(b"t", asserts_directory=True), "no such directory"),
        (DIRECTORY, Target(b"t", exists=True), "cannot copy directory"),
        (CONTENTS, Target(b"t", exists=True), "cannot copy directory"),
    ],
)
def test_what_cannot_go_there(source: Source, target: Target, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        cp_paths.decide(source, target)
