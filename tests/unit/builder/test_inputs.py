"""What COPY reads as a digest: what counts of files, and what is remembered of them."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy.builder import inputs, sources
from cuddy.builder.instructions import Copy, Place
from cuddy.builder.tree import Tree
from cuddy.engine.home import Home

COPY = Copy(Place(1, 1), "COPY . /", False, (".",), "/")
LONG_AGO = (1_500_000_000, 1_500_000_000)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "root" / "tmp").mkdir(parents=True)
    return Home(str(tmp_path / "root"), str(tmp_path / "run"))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    path = tmp_path / "context"
    (path / "sub").mkdir(parents=True)
    (path / "a").write_text("alpha")
    (path / "sub" / "b").write_text("beta")
    (path / "link").symlink_to("sub/b")
    return path


@pytest.fixture
def opened(context: Path) -> Iterator[Tree]:
    fd = os.open(context, os.O_RDONLY | os.O_DIRECTORY)
    yield Tree(fd, "build context", index_key="it", owner=(0, 0))
    os.close(fd)


@pytest.fixture
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fresh: what was made a moment ago counts as old."""
    monkeypatch.setattr(inputs, "FRESH_NS", -(10**12))


def read_bytes() -> int:
    """How many bytes this process has read from anything."""
    text = Path("/proc/self/io").read_text()
    return int(text.split("rchar: ")[1].split()[0])


@contextmanager
def open_tree(path: Path, owner: tuple[int, int] | None = (0, 0)) -> Iterator[Tree]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Tree(fd, "tree", owner=owner)
    finally:
        os.close(fd)


def digest_of(
    path: Path, home: Home, copy: Copy = COPY, owner: tuple[int, int] | None = (0, 0)
) -> str:
    with open_tree(path, owner) as tree:
        return inputs.digest(home, tree, copy).digest


def test_what_was_read_is_named_with_what_it_is(home: Home, opened: Tree) -> None:
    files = dict(inputs.digest(home, opened, COPY).files)
    assert list(files) == ["", "a", "link", "sub", "sub/b"]
    assert files["link"] == "link sub/b"
    assert files["a"].startswith("file ") and files["a"].endswith(" 644")
    assert files == dict(inputs.digest(home, opened._replace(index_key=""), COPY).files)


def test_a_moved_checkout_is_the_same(home: Home, context: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(context, moved, symlinks=True)
    os.utime(moved / "a", LONG_AGO)
    assert digest_of(moved, home) == digest_of(context, home)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "a").write_text("alphA"),
        lambda path: (path / "a").chmod(0o600),
        lambda path: (path / "a").rename(path / "c"),
        lambda path: (path / "sub" / "c").write_text(""),
        lambda path: (path / "empty").mkdir(),
        lambda path: (path / "sub").chmod(0o700),
        lambda path: (path / "link").unlink(),
        lambda path: ((path / "link").unlink(), (path / "link").symlink_to("a")),
        lambda path: ((path / "a").unlink(), os.mkfifo(path / "a", 0o644)),
        lambda path: os.link(path / "a", path / "sub" / "linked"),
        lambda path: os.setxattr(path / "a", "user.x", b"1"),
        lambda path: os.setxattr(path / "sub", "user.x", b"1"),
    ],
)
def test_every_change_that_is_copied_counts(
    home: Home, context: Path, opened: Tree, change: object
) -> None:
    before = inputs.digest(home, opened, COPY)
    change(context)  # type: ignore[operator]
    after = inputs.digest(home, opened, COPY)
    assert after.digest != before.digest
    assert after.digest == inputs.digest(home, opened._replace(index_key=""), COPY).digest


def test_links_and_copies_differ(home: Home, context: Path) -> None:
    os.link(context / "a", context / "twin")
    linked = digest_of(context, home)
    (context / "twin").unlink()
    (context / "twin").write_text("alpha")
    assert digest_of(context, home) != linked


def test_what_is_replaced_does_not_count(home: Home, context: Path) -> None:
    as_it_is = [digest_of(context, home, COPY, owner=None)]
    chowned = [digest_of(context, home, COPY._replace(chown="1"), owner=None)]
    chmodded = [digest_of(context, home, COPY._replace(chmod="0644"))]
    symbolic = [digest_of(context, home, COPY._replace(chmod="u+x"))]
    os.chown(context / "a", 7, 7)
    as_it_is.append(digest_of(context, home, COPY, owner=None))
    chowned.append(digest_of(context, home, COPY._replace(chown="1"), owner=None))
    (context / "a").chmod(0o755)
    chmodded.append(digest_of(context, home, COPY._replace(chmod="0644")))
    symbolic.append(digest_of(context, home, COPY._replace(chmod="u+x")))
    assert len(set(as_it_is)) == 2 and len(set(chowned)) == 1
    assert len(set(chmodded)) == 1 and len(set(symbolic)) == 2


def test_a_files_name_counts_and_a_directorys_does_not(home: Home, context: Path) -> None:
    def copied(source: str) -> str:
        return digest_of(context, home, COPY._replace(sources=(source,)))

    file, directory = copied("a"), copied("sub")
    (context / "a").rename(context / "c")
    (context / "sub").rename(context / "other")
    (context / "other").chmod(0o700)
    assert copied("c") != file
    assert copied("other") == directory


@pytest.mark.usefixtures("no_clock")
def test_nothing_is_read_again_that_is_as_it_was(home: Home, context: Path, opened: Tree) -> None:
    (context / "big").write_bytes(os.urandom(1 << 20))
    (context / "small").write_bytes(bytes(1000))
    first = inputs.digest(home, opened, COPY)
    before = read_bytes()
    assert inputs.digest(home, opened, COPY) == first
    assert read_bytes() - before < 20_000
    (context / "small").write_bytes(b"x" * 1000)
    before = read_bytes()
    changed = inputs.digest(home, opened, COPY)
    assert changed.digest != first.digest
    assert read_bytes() - before < 20_000


@pytest.mark.usefixtures("no_clock")
def test_an_old_time_hides_no_change(home: Home, context: Path, opened: Tree) -> None:
    os.utime(context / "a", LONG_AGO)
    before = inputs.digest(home, opened, COPY).digest
    (context / "a").write_text("ALPHA")
    os.utime(context / "a", LONG_AGO)
    assert inputs.digest(home, opened, COPY).digest != before


def test_changes_in_the_same_moment_are_seen(home: Home, context: Path, opened: Tree) -> None:
    seen = set()
    for number in range(60):
        with open(context / "a", "r+b") as file:
            file.write(b"%05d" % number)
        seen.add(inputs.digest(home, opened, COPY).digest)
    assert len(seen) == 60


def test_a_fresh_file_is_read_until_it_is_old(
    home: Home, context: Path, opened: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context / "big").write_bytes(os.urandom(1 << 20))

    def cost() -> int:
        before = read_bytes()
        inputs.digest(home, opened, COPY)
        return read_bytes() - before

    assert cost() > 1 << 20  # the first time
    assert cost() > 1 << 20  # it could have changed in the same moment
    monkeypatch.setattr(inputs, "FRESH_NS", 0)
    assert cost() > 1 << 20  # once more, and now nothing is fresh
    assert cost() < 1 << 17


def test_the_stamp_tells_of_any_change(home: Home, context: Path, opened: Tree) -> None:
    before = inputs.digest(home, opened, COPY)
    (context / "a").write_text("alpha")
    after = inputs.digest(home, opened, COPY)
    assert after.digest == before.digest
    assert after.stamp != before.stamp


def test_holes_are_not_read(home: Home, context: Path) -> None:
    with open(context / "sparse", "wb") as file:
        file.truncate(1 << 40)
        os.pwrite(file.fileno(), b"here", 1 << 39)
    began = time.monotonic()
    before = digest_of(context, home)
    assert time.monotonic() - began < 1
    with open(context / "sparse", "r+b") as file:
        os.pwrite(file.fileno(), b"HERE", 1 << 39)
    assert digest_of(context, home) != before


def test_no_tree_is_in_the_words_of_another(home: Home, tmp_path: Path) -> None:
    """Whoever knows a context must not be able to make another one of the same digest."""
    seen = set()
    for number, size in enumerate((1 << 21, 4)):
        path = tmp_path / str(number)
        path.mkdir()
        with open(path / "x", "wb") as file:
            file.truncate(size)
            os.pwrite(file.fileno(), b"here", size - 4)
        seen.add(digest_of(path, home))
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "a").write_text("")
    os.link(linked / "a", linked / "b")
    with open_tree(linked) as tree:
        record = dict(inputs.digest(home, tree, COPY).files)
    assert record["a"] == record["b"]
    plain = tmp_path / "plain"
    plain.mkdir()
    for name in ("a", record["a"].replace("/", "_"), "b"):
        (plain / name).write_text("")
    seen |= {digest_of(linked, home), digest_of(plain, home)}
    assert len(seen) == 4


def test_the_selection_decides_what_is_remembered(home: Home, opened: Tree) -> None:
    found = {
        inputs.digest(home, opened, COPY._replace(**change)).digest
        for change in (
            {}, {"sources": ("sub",)}, {"sources": ("sub", "a")}, {"exclude": ("a",)},
            {"sources": ("*",)}, {"parents": True, "sources": ("sub/b",)},
        )
    }  # fmt: skip
    assert len(found) == 6


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
NOTES = st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=NOTES, rows=NOTES)
def test_damaged_notes_are_no_notes(home: Home, opened: Tree, head: bytes, rows: bytes) -> None:
    right = inputs.digest(home, opened._replace(index_key=""), COPY).digest
    inputs.digest(home, opened, COPY)
    for name in os.listdir(f"{home.build_dir}/digests"):
        Path(home.build_dir, "digests", name).write_bytes(rows if "." in name else head)
    assert inputs.digest(home, opened, COPY).digest == right


def test_notes_do_not_grow_for_ever(
    home: Home, opened: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuddy.builder.inputs_index.MAX_FILES", 12)
    for number in range(40):
        inputs.digest(home, opened._replace(index_key=str(number)), COPY)
    assert len(os.listdir(f"{home.build_dir}/digests")) <= 14


@pytest.mark.parametrize(
    "source, is_remote",
    [
        ("https://example.com/x", True), ("http://h/x.git#main", True), ("ssh://me@h/x", True),
        ("git@host:me/it.git", True), ("a@b", False), ("dir/user@host:x", False), ("@:", False),
        ("ftp://h/x", False), ("./https://x", False), ("a b@c:d", False),
    ],
)  # fmt: skip
def test_what_has_to_be_fetched_is_told_from_files(source: str, is_remote: bool) -> None:
    assert sources.is_remote(source) == is_remote
