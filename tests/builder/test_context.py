"""Where a context comes from, and which Dockerfile comes with it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cuddy import files
from cuddy.builder import context, sources, tree
from cuddy.builder.context import Context
from cuddy.builder.options import BuildOptions
from cuddy.errors import CorruptContent, CuddyError, InvalidArgument, NotFound, RegistryError
from cuddy.image.settings import Settings
from git_repository import Repository, needs_git
from hostile_registry import Answer, Hostile
from rawtar import END, header, pad

Serve = Callable[..., Hostile]
SETTINGS = Settings(timeout_s=2, retry_delay_s=0.01)
TEXT = b"FROM scratch\n"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@contextmanager
def opened(
    scratch: Path, where: str | Path, dockerfile: str | Path = "", stdin: bytes = b"",
    build_args: tuple[str, ...] = (),
) -> Iterator[Context]:  # fmt: skip
    """A context with something on stdin."""
    reader, writer = os.pipe()

    def write() -> None:
        try:
            files.write_all(writer, stdin)
        except BrokenPipeError:
            pass
        os.close(writer)

    feeding = threading.Thread(target=write)
    feeding.start()
    options = BuildOptions(context=str(where), dockerfile=str(dockerfile), build_args=build_args)
    try:
        with context.open(options, reader, str(scratch), SETTINGS) as found:
            yield found
    finally:
        os.close(reader)
        feeding.join()


def names(found: Context) -> list[str]:
    """All that COPY . would take."""
    (top,) = sources.find(found.tree, ".")
    return [each.path.decode() for each in tree.walk(found.tree, top) if each.path]


def make(directory: Path, *files: str) -> Path:
    for name in ("Dockerfile", *files):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(TEXT + f"# {name}\n".encode())
    return directory


def tar(*files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(TEXT), 0o4755
            archive.addfile(info, io.BytesIO(TEXT))
    return buffer.getvalue()


def test_a_directory(tmp_path: Path, scratch: Path) -> None:
    with opened(scratch, make(tmp_path / "c", "a/b", "a/c", "d")) as found:
        assert names(found) == ["Dockerfile", "d", "a", "a/b", "a/c"]
        assert found.dockerfile == TEXT + b"# Dockerfile\n"
        assert found.dockerfile_name == "Dockerfile"
        assert found.tree.owner == (0, 0)
        assert found.tree.index_key
    assert not scratch.exists()


def test_what_is_ignored_is_read_all_the_same(tmp_path: Path, scratch: Path) -> None:
    where = make(tmp_path / "c", "a/b", "a/c", "d")
    (where / ".dockerignore").write_text("Dockerfile\n.dockerignore\na\n!a/c\n")
    with opened(scratch, where) as found:
        assert names(found) == ["d", "a", "a/c"]
        assert found.dockerfile.startswith(TEXT)


def test_the_ignore_file_of_a_dockerfile_goes_first(tmp_path: Path, scratch: Path) -> None:
    where = make(tmp_path / "c", "sub/other", "a", "b")
    (where / ".dockerignore").write_text("a\n")
    (where / "sub/other.dockerignore").write_text("b\n")
    with opened(scratch, where, where / "sub/other") as found:
        assert "a" in names(found)
        assert "b" not in names(found)
        assert found.dockerfile_name == "sub/other"
    (where / "sub/other.dockerignore").write_text("")
    with opened(scratch, where, where / "sub/other") as found:
        assert {"a", "b"} <= set(names(found))
    with opened(scratch, where) as found:
        assert "a" not in names(found)


def test_a_dockerfile_outside_of_the_context(tmp_path: Path, scratch: Path) -> None:
    where, other = make(tmp_path / "c", "a"), make(tmp_path / "d", "x")
    (where / ".dockerignore").write_text("Dockerfile\n")
    with opened(scratch, where, other / "x") as found:
        assert names(found) == [".dockerignore", "a"]
        assert found.dockerfile == TEXT + b"# x\n"
        assert found.dockerfile_name == str(other / "x")
    (other / "x.dockerignore").write_text("a\n")
    with opened(scratch, where, other / "x") as found:
        assert names(found) == [".dockerignore", "Dockerfile"]


def test_a_dockerfile_on_stdin(tmp_path: Path, scratch: Path) -> None:
    with opened(scratch, make(tmp_path / "c", "a"), "-", TEXT) as found:
        assert found.dockerfile == TEXT
        assert names(found) == ["Dockerfile", "a"]
    with opened(scratch, "-", "", TEXT * 1000) as found:
        assert found.dockerfile == TEXT * 1000
        assert names(found) == []


def test_a_dockerfile_from_a_pipe(tmp_path: Path, scratch: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, TEXT)
    os.close(writer)
    with opened(scratch, make(tmp_path / "c"), f"/proc/self/fd/{reader}") as found:
        assert found.dockerfile == TEXT
    os.close(reader)


def test_the_name_may_be_in_small_letters(tmp_path: Path, scratch: Path) -> None:
    where = make(tmp_path / "c")
    (where / "Dockerfile").rename(where / "dockerfile")
    with opened(scratch, where) as found:
        assert found.dockerfile_name == "dockerfile"


def test_links_in_a_context_stay_in_it(tmp_path: Path, scratch: Path) -> None:
    """What a stranger's Dockerfile leads to would be shown in error messages."""
    where = make(tmp_path / "c", "common/real")
    (tmp_path / "secret").write_text("secret")
    (where / "Dockerfile").unlink()
    (where / "Dockerfile").symlink_to("common/real")
    with opened(scratch, where) as found:
        assert found.dockerfile == TEXT + b"# common/real\n"
    for target in ("../secret", tmp_path / "secret", "/etc/hostname"):
        (where / "Dockerfile").unlink()
        (where / "Dockerfile").symlink_to(target)
        for name in ("", where / "Dockerfile"):
            with pytest.raises(NotFound, match="open Dockerfile: no such file"):
                opened(scratch, where, name).__enter__()


@pytest.mark.parametrize("kind", ["fifo", "socket", "directory", "device"])
def test_a_dockerfile_is_a_file(tmp_path: Path, scratch: Path, kind: str) -> None:
    where = make(tmp_path / "c")
    (where / "Dockerfile").unlink()
    path = str(where / "Dockerfile")
    if kind == "directory":
        os.mkdir(path)
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    else:
        os.mknod(path, stat.S_IFIFO | 0o666 if kind == "fifo" else stat.S_IFSOCK | 0o666)
    with pytest.raises(InvalidArgument, match="not a regular file"):
        opened(scratch, where).__enter__()


def test_what_is_no_context_is_told_in_dockers_words(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for where, dockerfile, words in (
        (tmp_path / "nothing", "", f'unable to prepare context: path "{tmp_path}/nothing" not'),
        (tmp_path / "file", "", f"context must be a directory: {tmp_path}/file"),
        (tmp_path / "empty", "", "failed to read dockerfile: open Dockerfile: no such file"),
        (tmp_path / "empty", "/nothing", "failed to read dockerfile: open /nothing: no such"),
        (tmp_path / "empty", tmp_path, f"{tmp_path} is a directory"),
        ("-", "-", "can't use stdin for both build context and dockerfile"),
        ("-", "x", "both stdin and flag correspond to Dockerfiles"),
    ):
        with pytest.raises(CuddyError, match=words):
            opened(scratch, where, dockerfile, TEXT).__enter__()


def test_a_dockerfile_without_end_is_refused(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuddy.builder.definition.MAX_BYTES", 1000)
    for where, name in ((make(tmp_path / "c"), "/dev/zero"), ("-", "")):
        with pytest.raises(InvalidArgument, match="more than 1000 bytes"):
            opened(scratch, where, name, TEXT * 1000).__enter__()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_on_stdin(scratch: Path, pack: Callable[[bytes], bytes]) -> None:
    data = pack(tar("Dockerfile", "a/b", "other"))
    with opened(scratch, "-", "", data) as found:
        assert names(found) == ["Dockerfile", "other", "a", "a/b"]
        assert found.dockerfile == TEXT
        assert os.stat("a/b", dir_fd=found.tree.fd).st_mode & 0o7777 == 0o4755
    for each in scratch.iterdir():
        each.rename(each.with_suffix(".old"))
    with opened(scratch, "-", "other", data) as found:
        assert found.dockerfile_name == "other"


def test_a_tar_makes_nothing_outside(tmp_path: Path, scratch: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    evil = [
        [header(b"../evil", size=0)],
        [header(b"x", b"2", link=str(target).encode()), header(b"x/evil")],
        [header(b"x", b"1", link=b"../../../etc/passwd")],
        [header(b"x", b"2", link=b".."), header(b"x/x/evil")],
    ]
    for i, members in enumerate(evil):
        data = pad(b"".join(members)) + END
        try:
            with opened(scratch / str(i), "-", "", data):
                pass
        except CuddyError:
            pass
    found = [path for path in tmp_path.rglob("evil") if "scratch" not in path.parts]
    assert not found


def test_a_tar_that_is_cut_off_is_refused(scratch: Path) -> None:
    with pytest.raises(CorruptContent):
        opened(scratch, "-", "", tar("Dockerfile", "b")[:1500]).__enter__()


def test_no_dockerignore_for_tars(scratch: Path) -> None:
    """As docker: whoever made it has chosen."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in (("Dockerfile", TEXT), (".dockerignore", b"*"), ("a", b"a")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with opened(scratch, "-", "", buffer.getvalue()) as found:
        assert names(found) == [".dockerignore", "Dockerfile", "a"]


def test_a_tar_and_a_dockerfile_by_http(tmp_path: Path, scratch: Path, hostile: Serve) -> None:
    server = hostile(
        {
            "/c.tar": [Answer(body=gzip.compress(tar("Dockerfile", "a", "sub/d")))],
            "/Dockerfile": [Answer(503), Answer(body=TEXT)],
            "/moved": [Answer(302, headers={"Location": "http://HOST/c.tar"})],
            "/file": [Answer(302, headers={"Location": "file:///etc/passwd"})],
            "/endless": [Answer(body=TEXT * 1000, endless=True)],
        }
    )
    base = f"http://{server.host}"
    for where in ("c.tar", "moved"):
        with opened(scratch / where, f"{base}/{where}", "sub/d") as found:
            assert names(found) == ["Dockerfile", "a", "sub", "sub/d"]
            assert found.dockerfile_name == "sub/d"
    with opened(scratch / "d", f"{base}/Dockerfile") as found:
        assert found.dockerfile == TEXT
        assert names(found) == []
    with opened(scratch / "f", make(tmp_path / "c", "x"), f"{base}/Dockerfile") as found:
        assert found.dockerfile == TEXT
        assert names(found) == ["Dockerfile", "x"]
    with opened(scratch / "s", f"{base}/c.tar", "-", b"FROM x\n") as found:
        assert found.dockerfile == b"FROM x\n"
    with opened(scratch / "l", f"{base}/c.tar", tmp_path / "c/x") as found:
        assert found.dockerfile == TEXT + b"# x\n"
    with pytest.raises(NotFound, match="open /nothing: no such"):
        opened(scratch / "m", f"{base}/c.tar", "/nothing").__enter__()
    for where, words in (
        ("nothing", "server answers 404"),
        ("file", "not plain http or https"),
        ("endless", "more than"),
    ):
        dockerfile = f"{base}/{where}" if where == "endless" else ""
        with pytest.raises((RegistryError, NotFound, CorruptContent), match=words):
            top = make(tmp_path / "e") if dockerfile else f"{base}/{where}"
            opened(scratch / "x", top, dockerfile).__enter__()


@needs_git
def test_a_git_repository(tmp_path: Path, scratch: Path) -> None:
    repository = Repository(tmp_path)
    repository.commit({"Dockerfile": "FROM scratch\n", "sub/Dockerfile": "FROM x\n", "sub/a": ""})
    repository.commit({".dockerignore": "*\n"})
    url = f"file://{repository.publish()}"
    with opened(scratch, url) as found:
        assert names(found) == [".dockerignore", "Dockerfile", "sub", "sub/Dockerfile", "sub/a"]
        assert found.dockerfile == TEXT
    with opened(scratch, f"{url}#main:sub") as found:
        assert names(found) == ["Dockerfile", "a"]
        assert found.dockerfile == b"FROM x\n"
    with opened(scratch, url, build_args=("BUILDKIT_CONTEXT_KEEP_GIT_DIR=1",)) as found:
        assert ".git/HEAD" in names(found)
