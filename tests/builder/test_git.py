"""Contexts and sources of ADD out of git repositories: real ones, some of them hostile."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.builder import git, git_source
from cuddy.builder.git_program import PUBLIC, Access, Header
from cuddy.builder.git_source import Source
from cuddy.errors import CorruptContent, CuddyError, NotFound, SystemFailure, Unauthorized
from cuddy.image.settings import Settings
from git_repository import Repository, daemon, files_by_http, needs_git
from hostile_registry import Answer

pytestmark = needs_git

SETTINGS = Settings(timeout_s=5)
LOCAL = Access(is_local=True)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository that no test changes."""
    return make(tmp_path_factory.mktemp("known"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """One of a test's own."""
    return make(tmp_path)


def make(directory: Path) -> Repository:
    made = Repository(directory)
    made.commit({"old": "old"})
    made.commit({"Dockerfile": "FROM scratch\n", "sub/deep/file": "deep", "run": "#!"})
    (made.tree / "run").chmod(0o755)
    (made.tree / "old").unlink()
    (made.tree / "link").symlink_to("sub/deep/file")
    made.commit({})
    made.git("tag", "-a", "v1", "-m", "one")
    made.git("branch", "other", "HEAD~1")
    made.publish()
    return made


def url(repository: Repository, rest: str = "") -> Source:
    source = git_source.parse(f"file://{repository.bare}{rest}", is_context=True)
    assert source
    return source


def tree(top: str | Path) -> dict[str, str]:
    """The files below a directory, and what is in them."""
    found = {}
    for place, names, others in os.walk(top):
        for name in [*names, *others]:
            path = Path(place, name)
            if path.is_symlink():
                found[str(path.relative_to(top))] = f"-> {path.readlink()}"
            elif path.is_file():
                found[str(path.relative_to(top))] = path.read_text(errors="replace")
    return found


def checkout(source: Source, where: Path, access: Access = LOCAL, **options: bool) -> str:
    return git.checkout(source, str(where / "out"), settings=SETTINGS, access=access, **options)


FILES = {
    "Dockerfile": "FROM scratch\n",
    "sub/deep/file": "deep",
    "run": "#!",
    "link": "-> sub/deep/file",
}


def test_the_default_branch_is_checked_out(known: Repository, tmp_path: Path) -> None:
    where = Path(checkout(url(known), tmp_path))
    assert tree(where) == FILES
    assert stat.S_IMODE((where / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((where / "Dockerfile").stat().st_mode) == 0o644
    assert stat.S_IMODE((where / "sub").stat().st_mode) == 0o755
    assert {path.lstat().st_mtime for path in where.rglob("*")} == {1700000000}


def test_refs(known: Repository) -> None:
    new, old = known.git("rev-parse", "main"), known.git("rev-parse", "other")
    for rest in ("", "#main", "#v1", "#tags/v1", "#refs/tags/v1", "?tag=v1", "?ref=main"):
        assert git.resolve(url(known, rest), SETTINGS, LOCAL).id == new
    for rest in ("#other", "#heads/other", "#refs/heads/other", "?branch=other", "?ref=other"):
        assert git.resolve(url(known, rest), SETTINGS, LOCAL).id == old


def test_another_branch_is_checked_out(known: Repository, tmp_path: Path) -> None:
    assert "old" in tree(checkout(url(known, "#other"), tmp_path))


def test_commits_by_their_id(known: Repository, tmp_path: Path) -> None:
    """Also those that no ref names."""
    commit = known.git("rev-parse", "main~2")
    assert tree(checkout(url(known, f"#{commit}"), tmp_path)) == {"old": "old"}


def test_a_tag_means_its_commit(known: Repository) -> None:
    found = git.resolve(url(known, "#v1"), SETTINGS, LOCAL)
    assert found.id == known.git("rev-parse", "main")
    assert found.tag == known.git("rev-parse", "v1")
    assert found.ref == "refs/tags/v1"


def test_a_branch_goes_before_a_tag_of_its_name(repository: Repository) -> None:
    repository.git("tag", "both", "main")
    repository.git("branch", "both", "main~1")
    repository.publish()
    found = git.resolve(url(repository, "#both"), SETTINGS, LOCAL)
    assert found.id == repository.git("rev-parse", "main~1")


def test_subdirectories(known: Repository, tmp_path: Path) -> None:
    assert tree(checkout(url(known, "#main:sub"), tmp_path)) == {"deep/file": "deep"}


def test_no_subdirectory_leads_out(repository: Repository, tmp_path: Path) -> None:
    (repository.tree / "up").symlink_to("../../..")
    (repository.tree / "root").symlink_to("/")
    repository.commit({})
    repository.publish()
    for i, subdir in enumerate(("nothing", "Dockerfile", "up", "root/etc")):
        (tmp_path / str(i)).mkdir()
        with pytest.raises(NotFound, match="invalid subdir"):
            checkout(url(repository, f"#:{subdir}"), tmp_path / str(i))


def test_a_missing_ref_is_told(known: Repository, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not contain ref nothing"):
        checkout(url(known, "#nothing"), tmp_path)


def test_checksums(known: Repository, tmp_path: Path) -> None:
    commit = known.git("rev-parse", "main")
    checkout(url(known, f"?checksum={commit[:12]}"), tmp_path)
    with pytest.raises(CorruptContent, match="expected checksum to match 0123"):
        checkout(url(known, "?checksum=0123"), tmp_path / "x")


def test_the_same_commit_makes_the_same_files_with_its_git_directory(
    known: Repository, tmp_path: Path
) -> None:
    trees = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        where = Path(checkout(url(known, "#v1"), tmp_path / name, keep_git_dir=True))
        assert known.git("status", "--porcelain", where=where) == ""
        assert known.git("describe", where=where) == "v1"
        (where / ".git/index").touch()
        trees.append({k: v for k, v in tree(where).items() if k != ".git/index"})
    assert trees[0] == trees[1]
    assert trees[0].keys() > FILES.keys()


def test_no_credentials_stay_in_the_git_directory(tmp_path: Path) -> None:
    source = git_source.parse("https://user:secret@example.com/x.git")
    assert source and source.shown == "https://example.com/x.git"


def test_by_git_daemon(known: Repository, tmp_path: Path) -> None:
    with daemon(known.bare.parent) as base:
        for rest in ("", f"#{known.git('rev-parse', 'main')}"):
            source = git_source.parse(f"{base}/repo.git{rest}")
            assert source
            where = tmp_path / f"by{len(rest)}"
            where.mkdir()
            assert tree(checkout(source, where, PUBLIC)) == FILES


def test_by_plain_http_without_shallow_clones(known: Repository, tmp_path: Path) -> None:
    with files_by_http(known.bare.parent) as base:
        for rest in ("#other", f"#{known.git('rev-parse', 'main')}"):
            source = git_source.parse(f"{base}/repo.git{rest}")
            assert source
            where = tmp_path / f"by{len(rest)}"
            where.mkdir()
            assert "Dockerfile" in tree(checkout(source, where, PUBLIC))


def test_who_is_not_let_in_is_told_and_not_asked(tmp_path: Path, hostile: object) -> None:
    assert callable(hostile)
    answer = Answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    server = hostile({"/*": [answer]})
    source = git_source.parse(f"http://user:secret@{server.host}/x.git")
    assert source
    with pytest.raises(Unauthorized) as caught:
        checkout(source, tmp_path, PUBLIC)
    assert "secret" not in str(caught.value)


def test_a_token_goes_to_the_repository_only(tmp_path: Path, hostile: object) -> None:
    assert callable(hostile)
    server = hostile({"/*": [Answer(404)]})
    other = hostile({"/*": [Answer(302, headers={"Location": f"http://{server.host}/y"})]})
    source = git_source.parse(f"http://{other.host}/x.git")
    assert source
    with pytest.raises(CuddyError):
        checkout(source, tmp_path, Access(headers=(Header("", "Basic dG9rZW4="),)))
    assert other.asked("/x.git")[0]["Authorization"] == "Basic dG9rZW4="
    # To whom a redirect leads git tells it, if not at once then with its next question.
    assert server.requests() == []


@pytest.fixture
def with_submodule(repository: Repository, tmp_path: Path) -> Iterator[tuple[str, Repository]]:
    """A repository with another one in it, both by HTTP."""
    inner = Repository(tmp_path, "inner")
    inner.commit({"inside": "inside"})
    inner.publish()
    with files_by_http(tmp_path) as base:
        repository.git("submodule", "--quiet", "add", f"{base}/inner.git", "module")
        repository.commit({})
        repository.publish()
        yield base, repository


def test_submodules_are_brought(with_submodule: tuple[str, Repository], tmp_path: Path) -> None:
    base, _ = with_submodule
    source = git_source.parse(f"{base}/repo.git")
    assert source
    found = tree(checkout(source, tmp_path, PUBLIC))
    assert found["module/inside"] == "inside"
    assert not [name for name in found if ".git/" in name or name.endswith(".git")]


def test_submodules_can_be_left_out(with_submodule: tuple[str, Repository], tmp_path: Path) -> None:
    base, _ = with_submodule
    source = git_source.parse(f"{base}/repo.git?submodules=false")
    assert source
    assert "module/inside" not in tree(checkout(source, tmp_path, PUBLIC))


def test_no_submodule_is_of_this_machine(repository: Repository, tmp_path: Path) -> None:
    """A stranger's repository would have the host's own in the image."""
    inner = Repository(tmp_path, "inner")
    inner.commit({"secret": "secret"})
    repository.git("submodule", "--quiet", "add", str(inner.publish()), "module")
    repository.commit({})
    repository.publish()
    with pytest.raises(SystemFailure, match="not allowed"):
        checkout(url(repository), tmp_path)


def test_a_dockerfile_names_no_repository_of_this_machine(
    known: Repository, tmp_path: Path
) -> None:
    assert git_source.parse(f"file://{known.bare}") is None
    with pytest.raises(SystemFailure, match="not allowed"):
        checkout(url(known), tmp_path, PUBLIC)


def test_nothing_of_a_repository_is_run(repository: Repository, tmp_path: Path) -> None:
    """Neither hooks nor filters nor what .gitmodules says is done."""
    mark = tmp_path / "mark"
    repository.commit(
        {
            ".gitattributes": "* filter=evil diff=evil\n",
            ".gitconfig": f'[filter "evil"]\nsmudge = touch {mark}\n',
            "hooks/post-checkout": f"#!/bin/sh\ntouch {mark}\n",
            ".lfsconfig": f"[lfs]\nurl = file://{tmp_path}\n",
        }
    )
    repository.publish()
    hook = repository.bare / "hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    checkout(url(repository), tmp_path, keep_git_dir=True)
    assert not mark.exists()


def test_a_few_objects_do_not_become_a_billion_files(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = repository.git("hash-object", "-w", "--stdin", data=b"x" * 100)
    entries = "".join(f"100644 blob {blob}\tf{i}\n" for i in range(100))
    for _ in range(5):
        one = repository.git("mktree", data=entries.encode())
        entries = "".join(f"040000 tree {one}\td{i}\n" for i in range(100))
    commit = repository.git("commit-tree", one, "-m", "bomb")
    repository.git("branch", "bomb", commit)
    repository.publish()
    monkeypatch.setattr(git, "MAX_FILES", 20_000)
    with pytest.raises(CorruptContent, match="more than 20000 files"):
        checkout(url(repository, "#bomb"), tmp_path)
    assert len(os.listdir(tmp_path / "out")) == 1


def test_who_is_killed_leaves_no_helper_of_git(tmp_path: Path) -> None:
    """They wait for a server that says nothing; the leak detector looks for them."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = git_source.parse(f"http://127.0.0.1:{silent.getsockname()[1]}/x.git")
        assert source
        pid = os.fork()
        if pid == 0:
            checkout(source, tmp_path, PUBLIC)
            os._exit(1)
        connection, _ = silent.accept()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with connection:
            connection.settimeout(10)
            while connection.recv(1000):
                pass


def test_no_repository_fills_the_disk(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit({"noise": os.urandom(100_000), "zeros": bytes(1_000_000)})
    repository.publish()
    for limit in (50_000, 500_000):  # of the pack, and of what is in it
        monkeypatch.setattr("cuddy.builder.remote.room", lambda _, limit=limit: limit)
        (tmp_path / str(limit)).mkdir()
        with pytest.raises(CorruptContent, match=f"more than {limit} bytes"):
            checkout(url(repository), tmp_path / str(limit))


def test_no_option_comes_in_by_a_ref_or_a_host() -> None:
    for text in (
        "https://example.com/x.git#--upload-pack=touch",
        "ssh://-oProxyCommand=touch/x.git",
        "git://a@-oProxyCommand=touch/x.git",
        "https://example.com/x.git#a b",
        "https://example.com/x.git#a..b",
        "https://example.com/x.git#:a\0b",
        "https://example.com/\nx.git",
        "https://example.com/x.git?checksum=--x",
        "https://example.com/x.git?unknown=1",
        "https://example.com/x.git?ref=a#b",
    ):
        with pytest.raises(CuddyError):
            git_source.parse(text)
    # What git knows as programs to run is no git source at all.
    for text in ("ext::sh -c touch", "fd::17", "file:///x.git", "x.git", "a:b"):
        assert git_source.parse(text) is None
