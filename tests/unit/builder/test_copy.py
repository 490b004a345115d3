"""COPY and ADD: what BuildKit made of the same lines (golden/docker/copy.json), and the rest."""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import copy_cases
from tests.golden import GOLDEN

from cuddy.builder import copy as copies
from cuddy.builder import inputs, target
from cuddy.builder.instructions import Copy, Heredoc, Place
from cuddy.builder.tree import Tree
from cuddy.engine.home import Home
from cuddy.errors import Conflict, CuddyError, InvalidArgument
from cuddy.image.tar import Member

RECORDED = json.loads((GOLDEN / "docker" / "copy.json").read_text())
pytestmark = pytest.mark.root

NOT_AS_IN_BUILDKIT = {
    # Two files of one name: it keeps the last and says nothing.
    "COPY a.txt b.txt /x": "error: When using COPY with more than one source file",
    "COPY *.txt /t": "error: When using COPY with more than one source file",
    # Names that are in no file are root's in it; the reference says that the build fails.
    "COPY --chown=nobody a.txt /t": "error: unable to find user nobody",
    "COPY --chown=3:nobody a.txt /t": "error: unable to find group nobody",
    # It cannot read a context with links that lead in circles when anything is excluded.
    "COPY --exclude=*.txt . /t": "fine",
    # Directories whose times it changes itself, by what it puts into them later.
    "ADD tars /t": "other times",
    "COPY --exclude=sub --exclude=!sub/deep/four dir /t": "other times",
    # The reference says that files are excluded even if their paths are those of the source.
    "COPY --exclude=a.* *.txt /t/": "one file less",
    "COPY --exclude=a.txt a.txt /t/": "one file less",
}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("context")
    copy_cases.make(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    copy_cases.make(path, copy_cases.BASE)
    return path


@pytest.fixture
def fds() -> Iterator[list[int]]:
    opened: list[int] = []
    yield opened
    for fd in opened:
        os.close(fd)


def instruction(line: str) -> Copy:
    """A line of the cases as the parser would hand it on, its target absolute."""
    verb, *words = shlex.split(line)
    flags = [word[2:].partition("=") for word in words if word.startswith("--")]
    values = {name: value for name, _, value in flags}
    *sources, target = [word for word in words if not word.startswith("--")]
    return Copy(
        Place(1, 1), line, verb == "ADD", tuple(sources), target,
        from_=values.get("from", ""),
        chown=values.get("chown", ""),
        chmod=values.get("chmod", ""),
        exclude=tuple(value for name, _, value in flags if name == "exclude"),
        unpack=None if "unpack" not in values else values["unpack"] == "true",
    )  # fmt: skip


def carry_out(
    line: Copy, root: Path, tree: Path, fds: list[int], owner: tuple[int, int] | None = (0, 0)
) -> None:
    fds += [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (root, tree)]
    copies.copy(fds[-2], line, Tree(fds[-1], "tree", owner=owner))


def changes(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    gone = {path: "gone" for path in before if path not in after}
    return {path: told for path, told in after.items() if told != before.get(path)} | gone


def without_times(found: dict[str, str]) -> dict[str, str]:
    """BuildKit forgets the times of links."""
    kept = {}
    for path, told in found.items():
        mode, owner, *rest = told.split(" ") if told != "gone" else (told, "", "")
        if mode[0] == "l" and rest[0][:1] == "t":
            rest = rest[1:]
        kept[path] = " ".join([mode, owner, *rest])
    return kept


@pytest.mark.parametrize("line", [line for line in RECORDED if line.startswith(("COPY", "ADD"))])
def test_copies_what_buildkit_does(
    line: str, context: Path, root: Path, tmp_path: Path, fds: list[int]
) -> None:
    copy = instruction(line)
    before = copy_cases.listing(root)
    tree, owner = context, (0, 0)
    if copy.from_:
        tree, owner = tmp_path / "base", None
        tree.mkdir()
        copy_cases.make(tree, copy_cases.BASE)
    wanted = RECORDED[line]
    try:
        carry_out(copy, root, tree, fds, owner)
    except CuddyError as error:
        told = NOT_AS_IN_BUILDKIT.get(line, wanted)
        assert isinstance(told, str), error
        assert told.startswith("error: ")
        if line in NOT_AS_IN_BUILDKIT:
            assert str(error).startswith(told.removeprefix("error: "))
        return
    found = without_times(changes(before, copy_cases.listing(root)))
    if line in NOT_AS_IN_BUILDKIT:
        assert not NOT_AS_IN_BUILDKIT[line].startswith("error: ")
        return
    assert isinstance(wanted, dict), (wanted, found)
    assert found == without_times(wanted)


def listed(root: Path, *below: str) -> dict[str, str]:
    found = copy_cases.listing(root)
    return {path: told for path, told in found.items() if path.startswith(below)}


def test_parents_come_with_their_attributes(context: Path, root: Path, fds: list[int]) -> None:
    copy = instruction("COPY dir/sub/three dir/./sub/deep/four /t/")._replace(parents=True)
    carry_out(copy, root, context, fds)
    found = listed(root, "t/")
    assert {path: told.split(" t")[0] for path, told in found.items()} == {
        "t/dir": "drwxr-x--- 0:0", "t/dir/sub": "drwx--x--x 0:0",
        "t/dir/sub/three": "-rw-r--r-- 0:0", "t/sub": "drwx--x--x 0:0",
        "t/sub/deep": "drwxr-xr-x 0:0", "t/sub/deep/four": "-rw-r--r-- 0:0",
    }  # fmt: skip


def test_parents_of_a_stage_keep_their_owners(root: Path, tmp_path: Path, fds: list[int]) -> None:
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "c").mkdir()
    for name in ("a/b/f", "a/c/f"):
        (tree / name).write_text("")
    for path in (tree / "a", tree / "a" / "b", tree / "a" / "c"):
        os.chown(path, 7, 8)
        path.chmod(0o710)
        os.utime(path, (copy_cases.TIME, copy_cases.TIME))
    copy = instruction("COPY --from=x a/b/f a/c/f /t/")._replace(parents=True)
    carry_out(copy, root, tree, fds, None)
    found = listed(root, "t/")
    assert {path: told for path, told in found.items() if told[0] == "d"} == dict.fromkeys(
        ("t/a", "t/a/b", "t/a/c"), "drwx--x--- 7:8 t0"
    )


def test_parents_that_are_there_only_get_the_mode(
    context: Path, root: Path, fds: list[int]
) -> None:
    os.chown(root / "existing" / "sub", 5, 6)
    copy = instruction("COPY dir/./sub/three /existing/")._replace(parents=True)
    carry_out(copy, root, context, fds)
    assert listed(root, "existing/sub")["existing/sub"].startswith("drwx--x--x 5:6")


def test_what_is_excluded_is_not_copied(context: Path, root: Path, fds: list[int]) -> None:
    copy = instruction("COPY dir *.txt /t/")._replace(exclude=("sub/*", "!sub/deep/four", "b.*"))
    carry_out(copy, root, context, fds)
    assert list(listed(root, "t/")) == [
        "t/a.txt", "t/h1", "t/h2", "t/in", "t/one", "t/sub", "t/two", "t/sub/deep",
        "t/sub/deep/four",
    ]  # fmt: skip


def test_heredocs_become_files(context: Path, root: Path, fds: list[int]) -> None:
    heredocs = (Heredoc("conf", "x = 1\n", True), Heredoc("run.sh", "\udcff\n", False))
    copy = instruction("COPY --chown=7 a.txt /t/")._replace(heredocs=heredocs)
    carry_out(copy, root, context, fds)
    assert (root / "t" / "conf").read_bytes() == b"x = 1\n"
    assert (root / "t" / "run.sh").read_bytes() == b"\xff\n"
    assert listed(root, "t/conf")["t/conf"].startswith("-rw-r--r-- 7:7")
    carry_out(copy._replace(sources=(), heredocs=heredocs[:1], target="/as/it", chown=""), root,
              context, fds)  # fmt: skip
    assert (root / "as" / "it").read_text() == "x = 1\n"


def test_powers_and_attributes_are_kept(
    context: Path, root: Path, tmp_path: Path, fds: list[int]
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "ping").write_text("")
    (tree / "ping").chmod(0o6755)
    capability = b"\1\0\0\2" + bytes(16)
    os.setxattr(tree / "ping", "security.capability", capability)
    os.setxattr(tree / "ping", "user.note", b"x")
    os.mkfifo(tree / "fifo")
    (tree / "fifo").chmod(0o620)
    os.mknod(tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    carry_out(instruction("COPY --chown=7:8 . /t"), root, tree, fds)
    assert os.getxattr(root / "t" / "ping", "security.capability") == capability
    assert os.getxattr(root / "t" / "ping", "user.note") == b"x"
    assert stat.S_IMODE((root / "t" / "ping").stat().st_mode) == 0o6755
    assert listed(root, "t/fifo")["t/fifo"].startswith("prw--w---- 7:8")
    assert (root / "t" / "null").stat().st_rdev == os.makedev(1, 3)


def test_holes_stay_holes(root: Path, tmp_path: Path, fds: list[int]) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with open(tree / "sparse", "wb") as file:
        file.truncate(1 << 40)
        os.pwrite(file.fileno(), b"here", 1 << 39)
    carry_out(instruction("COPY sparse /t"), root, tree, fds)
    status = (root / "t").stat()
    assert status.st_size == 1 << 40 and status.st_blocks < 100
    with open(root / "t", "rb") as file:
        assert os.pread(file.fileno(), 4, 1 << 39) == b"here"


def test_a_link_put_into_the_tree_meanwhile_is_not_followed(
    root: Path, tmp_path: Path, fds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "a").write_text("a")
    (tree / "sub" / "shadow").write_text("fine")
    add = target.Placement.add

    def swap(self: target.Placement, member: Member, fill: Callable[[int], None]) -> None:
        if member.name == b"t/a":
            os.rename(tree / "sub", tmp_path / "moved")
            (tree / "sub").symlink_to("/etc")
        add(self, member, fill)

    monkeypatch.setattr(target.Placement, "add", swap)
    carry_out(instruction("COPY . /t"), root, tree, fds)
    assert sorted(listed(root, "t/")) == ["t/a"]


def test_with_an_epoch_a_contexts_files_have_that_time(
    context: Path, root: Path, fds: list[int]
) -> None:
    copy = instruction("COPY dir filelink /t/")._replace(heredocs=(Heredoc("h", "", True),))
    fds += [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (root, context)]
    copies.copy(fds[-2], copy, Tree(fds[-1], "context", owner=(0, 0)), 1_400_000_000)
    times = {path.lstat().st_mtime_ns for path in [root / "t", *(root / "t").rglob("*")]}
    assert times == {1_400_000_000 * 10**9}
    copies.copy(fds[-2], copy._replace(target="/u/"), Tree(fds[-1], "stage"), 1_400_000_000)
    assert (root / "u" / "one").stat().st_mtime == copy_cases.TIME + 5


def test_the_stamp_is_that_of_what_was_read(
    context: Path, root: Path, tmp_path: Path, fds: list[int]
) -> None:
    copy = instruction("COPY dir *.txt link /t/")
    (tmp_path / "home" / "tmp").mkdir(parents=True)
    home = Home(str(tmp_path / "home"), str(tmp_path / "run"))
    fds += [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (root, context)]
    tree = Tree(fds[-1], "build context", index_key="it", owner=(0, 0))
    reading = inputs.digest(home, tree, copy)
    assert copies.copy(fds[-2], copy, tree) == reading.stamp
    assert inputs.digest(home, tree, copy) == reading
    os.utime(context / "dir" / "two", (1, 1))
    assert copies.copy(fds[-2], copy, tree) != reading.stamp


@pytest.mark.parametrize("target", ["/" + "x/" * 3000, "/a\0b"])
def test_a_target_that_is_no_path_is_a_mistake(
    context: Path, root: Path, fds: list[int], target: str
) -> None:
    with pytest.raises(InvalidArgument):
        carry_out(instruction("COPY a.txt /t")._replace(target=target), root, context, fds)


@pytest.mark.parametrize("chown", ["a:b:c", "-1", "1:4294967295", "99999999999", "x\ny", "+5"])
def test_a_user_that_cannot_be_is_a_mistake(
    context: Path, root: Path, fds: list[int], chown: str
) -> None:
    with pytest.raises(InvalidArgument):
        carry_out(instruction("COPY a.txt /t")._replace(chown=chown), root, context, fds)
    assert not (root / "t").exists()


def test_hostile_account_files_do_no_harm(context: Path, root: Path, fds: list[int]) -> None:
    (root / "etc" / "passwd").unlink()
    os.mkfifo(root / "etc" / "passwd")
    with pytest.raises(InvalidArgument, match="unable to find user app"):
        carry_out(instruction("COPY --chown=app a.txt /t"), root, context, fds)
    (root / "etc" / "passwd").unlink()
    (root / "etc" / "passwd").symlink_to("../../../../../../etc/passwd")
    with pytest.raises(InvalidArgument):
        carry_out(instruction("COPY --chown=app a.txt /t"), root, context, fds)
    carry_out(instruction("COPY --chown=root:0 a.txt /t"), root, context, fds)


def test_with_link_names_are_not_looked_up(context: Path, tmp_path: Path, fds: list[int]) -> None:
    (tmp_path / "scratch").mkdir()
    copy = instruction("COPY --chown=app a.txt /t")._replace(link=True)
    with pytest.raises(InvalidArgument) as caught:
        carry_out(copy, tmp_path / "scratch", context, fds)
    assert "--link" in caught.value.hint


def test_what_was_there_is_never_written_to(context: Path, root: Path, fds: list[int]) -> None:
    os.link(root / "f", root / "twin")
    carry_out(instruction("COPY a.txt /f"), root, context, fds)
    assert (root / "twin").read_bytes() == b"f"
    with pytest.raises(Conflict):
        carry_out(instruction("COPY clash2 /"), root, context, fds)
