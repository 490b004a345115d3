"""What the query of a build may say, and what it never leads to."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cuddy.api import build_options
from cuddy.errors import InvalidArgument


@given(st.text())
@example("-")
@example("./-")
@example("../../-")
@example("http://x/Dockerfile")
def test_a_dockerfile_is_always_inside_of_the_context(path: str) -> None:
    found = build_options.read_dockerfile(path)
    assert not found.startswith(("/", "../", "http://", "https://"))
    assert found != "-"
    assert ".." not in found.split("/")


@given(st.text())
@example("/etc")
@example("file:///r.git")
@example("FILE:///r.git")
@example("-")
def test_a_context_is_sent_or_elsewhere(where: str) -> None:
    try:
        found = build_options.read_context(where)
    except InvalidArgument:
        return
    assert found == build_options.SENT if not where else "://" in found or "@" in found or (
        found.startswith("github.com/")
    )  # fmt: skip
    assert not found.lower().startswith("file:")


@given(st.text())
def test_no_text_is_an_error_of_ours(text: str) -> None:
    readers = (
        lambda: build_options.read_pairs(text, "problem"),
        lambda: build_options.read_texts(text, "name"),
        lambda: build_options.read_ulimits(text),
        lambda: build_options.read_cache_from(text),
    )
    for read in readers:
        with contextlib.suppress(InvalidArgument):
            read()


def test_what_is_said_in_json_is_read() -> None:
    read = build_options.read_pairs
    assert read('{"A":"1","B":null,"C":""}', "") == ("A=1", "C=")
    assert read("", "") == read("null", "") == read("{}", "") == ()
    limits = '[{"Name":"nofile","Soft":1,"Hard":2}]'
    assert build_options.read_ulimits(limits) == ("nofile=1:2",)
    assert build_options.read_hosts(["a:1,b:2", "c:3"]) == ["a:1", "b:2", "c:3"]
    assert build_options.read_cache_from('["a","b:1"]') == ("a", "b:1")
    assert build_options.read_cache_from("[]") is None


@pytest.mark.parametrize("where", ["https://x.example/r.git#main", "git@x.example:r.git",
                                   "http://x.example/c.tar", "github.com/a/b"])  # fmt: skip
def test_contexts_elsewhere_are_known_by_how_they_are_written(where: str) -> None:
    assert build_options.read_context(where) == where
