"""Which texts name a git repository, and what of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import git_source
from cuddy.builder.git_source import Source
from cuddy.errors import InvalidArgument

REMOTE = "https://example.com/a/b.git"


SOURCES: list[tuple[str, Source | None]] = [
    (REMOTE, Source(REMOTE)),
    (f"{REMOTE}#main", Source(REMOTE, "main")),
    (f"{REMOTE}#main:sub/dir", Source(REMOTE, "main", "sub/dir")),
    (f"{REMOTE}#:sub", Source(REMOTE, "", "sub")),
    (f"{REMOTE}#:/sub/../x/./", Source(REMOTE, "", "x")),
    (f"{REMOTE}#a/b:../..", Source(REMOTE, "a/b", "")),
    (f"{REMOTE}?ref=v1&subdir=x", Source(REMOTE, "v1", "x")),
    (f"{REMOTE}?tag=v1", Source(REMOTE, "refs/tags/v1")),
    (f"{REMOTE}?branch=x%2Fy", Source(REMOTE, "refs/heads/x/y")),
    (f"{REMOTE}?commit=abc#x", Source(REMOTE, "x", checksum="abc")),
    (f"{REMOTE}?keep-git-dir", Source(REMOTE, keep_git_dir=True)),
    (f"{REMOTE}?keep-git-dir=0&submodules=f", Source(REMOTE, "", "", "", False, False)),
    ("HTTPS://example.com/b.git", Source("https://example.com/b.git")),
    ("http://example.com:8080/b.git#x", Source("http://example.com:8080/b.git", "x")),
    ("git@example.com:a/b.git#x:y", Source("git@example.com:a/b.git", "x", "y")),
    ("git@example.com:b", Source("git@example.com:b")),
    ("user_1@example.com:b.git", Source("user_1@example.com:b.git")),
    ("ssh://git@example.com/b", Source("ssh://git@example.com/b")),
    ("git://example.com/b#v2", Source("git://example.com/b", "v2")),
    ("https://example.com/b.git/x", None),
    ("https://example.com/x.tar.gz", None),
    ("https://example.com/x?y=b.git", None),
    ("file:///srv/b.git", None),
    ("./git@example.com:b", None),
    ("a.git", None),
    ("directory@home", None),
    ("@x:y", None),
    ("", None),
    ("github.com/a/b", None),
]


def test_sources() -> None:
    for text, source in SOURCES:
        assert git_source.parse(text) == source, text


@pytest.mark.parametrize(
    "text, remote",
    [
        ("file:///srv/b.git#x", "file:///srv/b.git"),
        ("github.com/a/b#x", "https://github.com/a/b"),
        ("github.com/a/b.git#x", "https://github.com/a/b.git"),
    ],
)
def test_what_only_the_user_may_say(text: str, remote: str) -> None:
    assert git_source.parse(text, is_context=True) == Source(remote, "x")


@pytest.mark.parametrize(
    "remote, shown, name",
    [
        ("https://user:word@example.com/a/b.git", "https://example.com/a/b.git", "b"),
        ("https://token@example.com/b.git", "https://example.com/b.git", "b"),
        ("ssh://git:word@example.com/b.git", "ssh://git@example.com/b.git", "b"),
        ("git@example.com:b.git", "git@example.com:b.git", "b"),
        ("https://example.com/a@b/c.git", "https://example.com/a@b/c.git", "c"),
    ],
)
def test_no_password_is_shown(remote: str, shown: str, name: str) -> None:
    source = Source(remote)
    assert (source.shown, source.name) == (shown, name)


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_read_or_refused(text: str, is_context: bool) -> None:
    """What is taken has neither options nor line ends in it."""
    for wrapped in (text, f"https://x/y.git{text}", f"git@x:{text}", f"https://x/y.git#{text}"):
        try:
            source = git_source.parse(wrapped, is_context=is_context)
        except InvalidArgument:
            continue
        if source:
            assert not source.ref.startswith("-")
            assert not source.remote.startswith("-")
            assert source.remote.isprintable()
            assert ".." not in source.subdir.split("/")
