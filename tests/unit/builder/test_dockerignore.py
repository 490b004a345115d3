"""What .dockerignore means. Docker's own matcher said what is in golden/docker/dockerignore.json:
each case is a file, what it leaves out, and (if not of the common paths) what it does not."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.golden import GOLDEN

from cuddy.builder import dockerignore, patterns
from cuddy.errors import InvalidArgument

RECORDED = json.loads((GOLDEN / "docker" / "dockerignore.json").read_text())


def test_leaves_out_what_docker_does() -> None:
    """All cases at once: each test of its own costs more than the cases."""
    wrong = [case for case in RECORDED["cases"] if answer(*case) != case[1]]
    assert not wrong


def answer(text: str, excluded: list[str] | None, kept: list[str] | None) -> list[str] | None:
    """What is left out, in the order of the recording; None for a file that is refused."""
    try:
        rules = dockerignore.parse(text.encode())
    except InvalidArgument:
        return None
    known = excluded or []
    others = [path for path in RECORDED["paths"] if path not in known] if kept is None else kept
    return [path for path in [*known, *others] if rules.excludes(path.encode())]


def test_a_bad_line_is_named_by_its_number() -> None:
    with pytest.raises(InvalidArgument) as caught:
        dockerignore.parse(b"# one\nok\na[\n", "build/.dockerignore")
    assert caught.value.message == "build/.dockerignore:3: syntax error in pattern 'a['"


def test_names_that_are_not_unicode_are_matched_as_they_are() -> None:
    rules = dockerignore.parse(b"\xff*\n*\xfe\n?b\n")
    assert rules.excludes(b"\xffabc")
    assert rules.excludes(b"abc\xfe")
    assert rules.excludes(b"\x80b")
    assert not rules.excludes(b"\x80\x80b")


def test_the_context_itself_is_never_left_out() -> None:
    assert not dockerignore.parse(b"**\n.\n/\n**a\n").excludes(b"")


HOLDERS = [
    ("*", "a", False),
    ("*\n!b", "a", False),
    ("*\n!a/b/c", "a", True),
    ("*\n!a/b/c", "a/b", True),
    ("*\n!a/b/c", "a/c", False),
    ("*\n!**/c", "a/x/y", True),
    ("*\n!a*/b", "abc", True),
    ("*\n!a*/b", "b", False),
]


def test_directories_are_gone_into_only_for_exceptions() -> None:
    for text, directory, may_hold in HOLDERS:
        rules = dockerignore.parse(text.encode())
        assert rules.excludes(directory.encode())
        assert rules.may_hold(directory.encode()) == may_hold, text


def test_five_thousand_names_cost_a_few_milliseconds() -> None:
    lines = b".git\nnode_modules\n**/*.pyc\n**/__pycache__\n*.md\n!README.md\ndist/*\n.env*\n"
    paths = [b"src/package%d/module%d.py" % (i % 50, i) for i in range(5000)]
    best = 1.0
    for _ in range(5):
        rules = dockerignore.parse(lines)
        began = time.perf_counter()
        assert not any(rules.excludes(path) for path in paths)
        best = min(best, time.perf_counter() - began)
    assert best < 0.03, "usually 3 ms"


def test_a_pattern_of_stars_takes_no_time() -> None:
    rules = dockerignore.parse(b"a*" * 2000 + b"b\n" + b"**/" * 2000 + b"b\n" + b"x**" * 2000)
    began = time.perf_counter()
    assert not rules.excludes(b"a" * 255 + b"/" + b"x" * 255)
    assert time.perf_counter() - began < 2


TEXTS = st.text(st.sampled_from("ab/*?![]^-\\#. \n\té"), max_size=30)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "*", "é", "a.b"]), min_size=1, max_size=4)


@given(TEXTS, PATHS)
def test_any_file_is_read_or_refused(text: str, parts: list[str]) -> None:
    """What is left out below a directory that may hold nothing else stays so."""
    try:
        rules = dockerignore.parse(text.encode())
    except InvalidArgument:
        return
    left_out = False
    for i in range(1, len(parts) + 1):
        path = "/".join(parts[:i]).encode()
        excluded = rules.excludes(path)
        assert excluded or not left_out
        left_out = excluded and not rules.may_hold(path)


@given(TEXTS.filter(lambda text: "\n" not in text), PATHS)
def test_one_pattern_leaves_out_what_it_fits_and_what_is_below(text: str, parts: list[str]) -> None:
    try:
        lines = dockerignore.compile([text])
    except InvalidArgument:
        return
    rules = dockerignore.Rules(lines)
    paths = ["/".join(parts[:i]).encode() for i in range(1, len(parts) + 1)]
    fits = any(
        line.pattern.fits(path) and not line.is_exception for line in lines for path in paths
    )
    assert rules.excludes(paths[-1]) == fits


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        dockerignore.parse(data).excludes(b"a/b")
    except InvalidArgument:
        pass


CLEANED = [
        ("a//b", "a/b"), ("./a", "a"), ("a/./b/", "a/b"), ("a/../b", "b"), ("../a", "../a"),
        ("a/../..", ".."), ("/..", "/"), ("/../a", "/a"), ("//a", "/a"), ("", "."), (".", "."),
        ("../../a/..", "../.."),
]  # fmt: skip


def test_paths_are_cleaned_as_go_does() -> None:
    assert [(text, patterns.clean(text)) for text, _ in CLEANED] == CLEANED
