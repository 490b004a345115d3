"""What is in a tree that COPY reads: the ignore rules, --exclude, --parents, hostile things."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.builder import dockerignore, sources, tree
from cuddy.builder.tree import Tree
from cuddy.errors import InvalidArgument, NotFound

FILES = (
    "README.md", "app/main.py", "app/lib/a.py", "app/lib/b.txt", "app/lib/deep/c.py",
    "docs/guide.md", "docs/logo.png", "home.txt", "homy.md",
)  # fmt: skip


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.fixture
def opened(context: Path) -> Iterator[Tree]:
    fd = os.open(context, os.O_RDONLY | os.O_DIRECTORY)
    yield Tree(fd, "build context")
    os.close(fd)


def ignoring(opened: Tree, text: str) -> Tree:
    return opened._replace(ignore=dockerignore.parse(text.encode()))


def walked(
    opened: Tree, source: str, *, parents: bool = False, exclude: tuple[str, ...] = ()
) -> list[str]:
    """What COPY would read; a directory has a slash, one on the way two."""
    rules = dockerignore.Rules(dockerignore.compile(exclude)) if exclude else None
    told = []
    for entry in sources.find(opened, source, parents=parents):
        for found in tree.walk(opened, entry, rules):
            status = os.stat(found.name, dir_fd=found.dir_fd, follow_symlinks=False)
            assert (status.st_ino, status.st_mode) == (found.status.st_ino, found.status.st_mode)
            slashes = "/" * (found.name == b".") + "/" * found.is_on_the_way
            told.append((os.fsdecode(found.path) or entry.name.decode()) + slashes)
    return told


@pytest.mark.parametrize(
    "source, names",
    [
        ("README.md", ["README.md"]),
        ("/README.md", ["README.md"]),
        ("../../README.md", ["README.md"]),
        ("app/../README.md", ["README.md"]),
        ("./app//lib/./a.py", ["a.py"]),
        ("*.md", ["README.md", "homy.md"]),
        ("hom?.*", ["home.txt", "homy.md"]),
        ("h[a-p]*", ["home.txt", "homy.md"]),
        ("h[^a-n]*", ["home.txt", "homy.md"]),
        ("h[^a-p]*", []),
        ("hom\\y.md", ["homy.md"]),
        ("*/lib/*.py", ["a.py"]),
        ("a*/*/*", ["a.py", "b.txt", "deep/", "c.py"]),
        ("**/*.md", ["guide.md"]),
        ("app/*.rs", []),
        ("README.md/*", []),
        ("app/lib", ["lib/", "a.py", "b.txt", "deep/", "deep/c.py"]),
        ("app/lib/", ["lib/", "a.py", "b.txt", "deep/", "deep/c.py"]),
    ],
)
def test_a_source_means_what_docker_takes_it_for(
    opened: Tree, source: str, names: list[str]
) -> None:
    assert walked(opened, source) == names


@pytest.mark.parametrize("source", ["nowhere", "README.md/x", "app/nowhere/x", "x" * 5000])
def test_what_is_not_there_is_named(opened: Tree, source: str) -> None:
    with pytest.raises(NotFound, match="not found") as caught:
        sources.find(opened, source)
    assert caught.value.message == f'"/{source}": not found'
    assert caught.value.hint == "in the build context"


def test_what_stands_before_wildcards_has_to_be_there(opened: Tree) -> None:
    with pytest.raises(NotFound, match='"/nowhere": not found'):
        sources.find(opened, "nowhere/*")


@pytest.mark.parametrize("source", ["a[", "[]a]", "[a-]", "x\\", "a\0b"])
def test_a_bad_pattern_is_a_mistake(opened: Tree, source: str) -> None:
    with pytest.raises(InvalidArgument):
        sources.find(opened, source)


def test_a_name_with_special_characters_can_be_asked_for(context: Path, opened: Tree) -> None:
    (context / "arr[0].txt").write_text("")
    (context / "a*b").write_text("")
    assert walked(opened, "arr[[]0].txt") == ["arr[0].txt"]
    assert walked(opened, "a\\*b") == ["a*b"]
    assert walked(opened, "a\\**") == ["a*b"]


def test_a_source_that_is_a_link_means_what_it_leads_to(context: Path, opened: Tree) -> None:
    (context / "current").symlink_to("app/lib")
    (context / "absolute.md").symlink_to("/docs/../../docs/guide.md")
    (context / "out").symlink_to("../../../../../../etc")
    assert walked(opened, "current/deep") == ["deep/", "c.py"]
    assert walked(opened, "current") == ["current/", "a.py", "b.txt", "deep/", "deep/c.py"]
    assert walked(opened, "abs*") == ["absolute.md"]
    with pytest.raises(NotFound):
        sources.find(opened, "out/passwd")
    with pytest.raises(NotFound):
        sources.find(opened, "ou*")


def test_links_that_lead_in_circles_end(context: Path, opened: Tree) -> None:
    (context / "a").symlink_to("b")
    (context / "b").symlink_to("a")
    (context / "self").symlink_to("self/self")
    for source in ("a", "self", "self/x"):
        with pytest.raises(NotFound):
            sources.find(opened, source)


def test_links_below_a_source_stay_links(context: Path, opened: Tree) -> None:
    (context / "docs" / "etc").symlink_to("/etc")
    assert walked(opened, "docs") == ["docs/", "etc", "guide.md", "logo.png"]
    assert walked(opened, "docs/e*/*") == []


@pytest.mark.parametrize(
    "text, source, names",
    [
        ("docs", ".", ["/", "README.md", "home.txt", "homy.md", "app/", "app/main.py", "app/lib/",
                       "app/lib/a.py", "app/lib/b.txt", "app/lib/deep/", "app/lib/deep/c.py"]),
        ("*\n!docs/*.md", ".", ["/", "docs/", "docs/guide.md"]),
        ("*\n!app/lib/deep/c.py", ".", ["/", "app/", "app/lib/", "app/lib/deep/",
                                        "app/lib/deep/c.py"]),
        ("*\n!app/lib/deep/c.py", "app/lib", ["lib/", "deep/", "deep/c.py"]),
        ("*\n!app/lib/deep/x", ".", ["/"]),
        ("**/*.py", "app", ["app/", "lib/", "lib/b.txt", "lib/deep/"]),
        ("*.md", "*", ["app/", "main.py", "lib/", "lib/a.py", "lib/b.txt", "lib/deep/",
                       "lib/deep/c.py", "docs/", "guide.md", "logo.png", "home.txt"]),
    ],
)  # fmt: skip
def test_what_is_ignored_is_not_there(
    opened: Tree, text: str, source: str, names: list[str]
) -> None:
    assert walked(ignoring(opened, text), source) == names


@pytest.mark.parametrize("source", ["docs", "docs/guide.md", "link", "to-guide"])
def test_what_is_ignored_cannot_be_named(context: Path, opened: Tree, source: str) -> None:
    (context / "link").symlink_to("app")
    (context / "to-guide").symlink_to("docs/guide.md")
    hidden = ignoring(opened, "docs\nlink")
    with pytest.raises(NotFound) as caught:
        sources.find(hidden, source)
    assert "leaves it out" in caught.value.hint


def test_a_directory_of_which_nothing_is_left_cannot_be_named(opened: Tree) -> None:
    with pytest.raises(NotFound):
        sources.find(ignoring(opened, "*\n!docs/nothing"), "docs")


@pytest.mark.parametrize(
    "source, exclude, names",
    [
        ("app", ("*.py",), ["app/", "lib/", "lib/a.py", "lib/b.txt", "lib/deep/", "lib/deep/c.py"]),
        ("app", ("**/*.py",), ["app/", "lib/", "lib/b.txt", "lib/deep/"]),
        ("app", ("lib",), ["app/", "main.py"]),
        ("app", ("lib", "!lib/deep/c.py"), ["app/", "main.py", "lib//", "lib/deep//",
                                            "lib/deep/c.py"]),
        ("app", ("*",), ["app/"]),
        ("hom*", ("*.txt",), ["homy.md"]),
        ("docs", ("*.md", "*.png"), ["docs/"]),
    ],
)  # fmt: skip
def test_exclude_leaves_out_below_each_source(
    opened: Tree, source: str, exclude: tuple[str, ...], names: list[str]
) -> None:
    assert walked(opened, source, exclude=exclude) == names


@pytest.mark.parametrize(
    "source, names",
    [
        ("app/lib/a.py", ["/", "app//", "app/lib//", "app/lib/a.py"]),
        ("./app/./lib/*.py", ["app/", "lib//", "lib/a.py"]),
        ("app/**/*.py", ["/", "app//", "app/main.py", "app/lib//", "app/lib/a.py",
                         "app/lib/deep//", "app/lib/deep/c.py"]),
        ("app/lib/deep", ["/", "app//", "app/lib//", "app/lib/deep/", "app/lib/deep/c.py"]),
        ("a*/./main.py", ["app/", "main.py"]),
        ("*.rs", ["/"]),
        ("**a.py", ["/", "app//", "app/lib//", "app/lib/a.py"]),
    ],
)  # fmt: skip
def test_parents_come_along_from_the_pivot_on(opened: Tree, source: str, names: list[str]) -> None:
    assert walked(opened, source, parents=True) == names


def test_with_parents_a_path_has_to_be_there(opened: Tree) -> None:
    for source in ("app/nowhere", "nowhere/./app", "app/./nowhere"):
        with pytest.raises(NotFound):
            sources.find(opened, source, parents=True)


def test_what_could_block_or_do_harm_is_not_opened(context: Path, opened: Tree) -> None:
    os.mkfifo(context / "docs" / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(context)
        listener.bind("docs/socket")
        os.chdir("/")
        assert walked(opened, "docs") == ["docs/", "fifo", "guide.md", "logo.png"]
        assert walked(opened, "docs/s*") == []
        with pytest.raises(NotFound, match="socket"):
            sources.find(opened, "docs/socket")
    assert walked(opened, "docs/fifo") == ["fifo"]


def test_a_directory_that_becomes_a_link_is_not_entered(context: Path, opened: Tree) -> None:
    [entry] = sources.find(opened, "app")
    below = tree.walk(opened, entry)
    seen = [next(below).path, next(below).path]
    os.rename(context / "app" / "lib", context / "moved")
    (context / "app" / "lib").symlink_to("/etc")
    seen += [found.path for found in below]
    assert seen == [b"", b"main.py"]


def test_names_that_are_not_unicode_are_found(context: Path, opened: Tree) -> None:
    name = os.fsencode(context) + b"/\xffx"
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    [entry] = sources.find(opened, "?x")
    assert entry.name == b"\xffx"


def test_a_tree_may_be_deeper_than_any_path(context: Path, opened: Tree) -> None:
    fd = os.open(context, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=fd)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    with pytest.raises(InvalidArgument, match="too long a path"):
        walked(opened, ".")
