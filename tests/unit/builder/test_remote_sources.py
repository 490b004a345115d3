"""What ADD names by URL: from a real web server, and from git's own daemon."""

from __future__ import annotations

import hashlib
import http.server
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import git_repository
from tests.copy_cases import archive, file, listing
from tests.git_repository import Repository, needs_git

from cuddy.builder import copy as copies
from cuddy.builder import inputs, remote_sources
from cuddy.builder.inputs import Reading
from cuddy.builder.instructions import Copy, Place
from cuddy.builder.remote_sources import RemoteSources
from cuddy.builder.tree import Tree
from cuddy.engine.home import Home
from cuddy.errors import CorruptContent, InvalidArgument, NotFound
from cuddy.image.settings import Settings

pytestmark = pytest.mark.root
TIME = 1_500_000_000


class Site:
    """What is served, an empty image, and a context with one file."""

    def __init__(self, directory: Path) -> None:
        for name in ("served", "root", "scratch", "home/tmp", "context"):
            (directory / name).mkdir(parents=True)
        self.served = directory / "served"
        self.root = directory / "root"
        self.scratch = directory / "scratch"
        (directory / "context" / "local").write_text("local")
        self.home = Home(str(directory / "home"), str(directory / "run"))
        self.root_fd = os.open(self.root, os.O_RDONLY)
        fd = os.open(directory / "context", os.O_RDONLY)
        self.tree = Tree(fd, "build context", index_key="it", owner=(0, 0))
        self.remote = RemoteSources(str(self.scratch), Settings())

    def serve(self, name: str, data: bytes) -> None:
        (self.served / name).write_bytes(data)
        os.utime(self.served / name, (TIME, TIME))

    def read(self, copy: Copy) -> Reading:
        """As a new build would."""
        with RemoteSources(str(self.scratch), Settings()) as remote:
            return inputs.digest(self.home, self.tree, copy, remote)

    def add(self, copy: Copy) -> str:
        return copies.copy(self.root_fd, copy, self.tree, None, self.remote)

    def close(self) -> None:
        self.remote.close()
        os.close(self.root_fd)
        os.close(self.tree.fd)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    with git_repository.files_by_http(site.served) as found:
        yield found


@pytest.fixture
def repository(site: Site) -> Repository:
    found = Repository(site.served)
    found.commit({"f": "1", "sub/g": "2"})
    found.publish()
    return found


def add(*sources: str, target: str = "/t/") -> Copy:
    return Copy(Place(1, 1), "", True, sources, target)


def test_a_file_has_the_servers_time_and_is_roots_alone(site: Site, url: str) -> None:
    site.serve("a b.txt", b"hello")
    site.add(add(f"{url}/a%20b.txt"))
    assert listing(site.root)["t/a b.txt"] == "-rw------- 0:0 t0 b'hello' 5"
    site.add(add(f"{url}/a%20b.txt", target="/named")._replace(chmod="644", chown="7"))
    assert listing(site.root)["named"].startswith("-rw-r--r-- 7:7 t0")


def test_a_file_counts_by_name_and_content(site: Site, url: str) -> None:
    site.serve("one", b"1")
    site.serve("same", b"1")
    one = site.read(add(f"{url}/one")).digest
    assert site.read(add(f"{url}/same")).digest != one
    os.utime(site.served / "one", (TIME + 9, TIME + 9))
    assert site.read(add(f"{url}/one?x=1")).digest == one
    site.serve("one", b"2")
    assert site.read(add(f"{url}/one")).digest != one


def test_with_a_checksum_nothing_is_fetched_to_know_it(site: Site, url: str) -> None:
    site.serve("one", b"1")
    checksum = "sha256:" + hashlib.sha256(b"1").hexdigest()
    before = site.read(add(f"{url}/one"))
    (site.served / "one").unlink()
    assert site.read(add(f"{url}/one")._replace(checksum=checksum)).digest == before.digest


def test_a_wrong_checksum_is_told(site: Site, url: str) -> None:
    site.serve("one", b"1")
    with pytest.raises(CorruptContent):
        site.add(add(f"{url}/one")._replace(checksum="sha256:" + "0" * 64))
    with pytest.raises(InvalidArgument, match="checksum requires HTTP"):
        site.read(add("local")._replace(checksum="sha256:" + "0" * 64))
    with pytest.raises(InvalidArgument, match="multiple sources"):
        site.read(add("local", f"{url}/one")._replace(checksum="sha256:" + "0" * 64))


def test_what_is_not_there_is_told(site: Site, url: str) -> None:
    with pytest.raises(NotFound):
        site.read(add(f"{url}/nothing"))


def test_archives_from_elsewhere_are_unpacked_only_on_demand(site: Site, url: str) -> None:
    site.serve("x.tar", archive(file("in/f")))
    site.add(add(f"{url}/x.tar"))
    assert (site.root / "t" / "x.tar").is_file()
    site.add(add(f"{url}/x.tar", target="/u")._replace(unpack=True))
    assert (site.root / "u" / "in" / "f").is_file()


def test_copy_takes_no_urls(site: Site) -> None:
    for source, what in (("http://h/x", "URL"), ("https://h/x.git", "git ref")):
        with pytest.raises(InvalidArgument, match=f"source can't be a {what} for COPY"):
            site.read(add(source)._replace(is_add=False))


def test_files_of_the_context_and_from_elsewhere_in_one(site: Site, url: str) -> None:
    site.serve("one", b"1")
    copy = add("local", f"{url}/one")
    reading = site.read(copy)
    assert [path for path, _ in reading.files] == ["local", f"{url}/one"]
    assert site.add(copy) == reading.stamp
    assert set(listing(site.root)) == {"t", "t/local", "t/one"}
    assert site.add(add(f"{url}/one")) == site.read(add(f"{url}/one")).stamp == ""


def test_passwords_are_not_kept(site: Site, url: str) -> None:
    site.serve("one", b"1")
    reading = site.read(add(url.replace("://", "://me:secret@") + "/one"))
    assert "secret" not in repr(reading)


class Marking(http.server.BaseHTTPRequestHandler):
    """Serves the file `page`, marked by what is in it, and notes what it answers."""

    def log_message(self, *words: object) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        data = Path("page").read_bytes()
        mark = Path("mark").read_text() or f'"{hashlib.md5(data).hexdigest()}"'
        status = 304 if self.headers.get("If-None-Match") == mark else 200
        with open("answers", "a") as answers:
            answers.write(f"{status} ")
        self.send_response(status)
        self.send_header("ETag", mark)
        self.send_header("Content-Length", str(len(data) * (status == 200)))
        self.end_headers()
        if status == 200:
            self.wfile.write(data)


@pytest.fixture
def marking(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(http.server, "SimpleHTTPRequestHandler", Marking)
    site.serve("mark", b"")
    site.serve("page", b"first")
    site.remote.notes_dir = f"{site.home.build_dir}/digests"
    with git_repository.files_by_http(site.served) as url:
        yield f"{url}/page"


def test_what_its_server_knows_again_is_not_brought(site: Site, marking: str) -> None:
    def again() -> Reading:
        notes_dir = f"{site.home.build_dir}/digests"
        with RemoteSources(str(site.scratch), Settings(), notes_dir) as remote:
            return inputs.digest(site.home, site.tree, add(marking), remote)

    first = again()
    assert again() == first
    site.serve("page", b"second")
    second = again()
    assert second != first
    assert again() == second
    site.serve("mark", b'W/"weak"')  # promises nothing
    assert again() == again() == second
    assert (site.served / "answers").read_text().split() == [
        "200", "304", "200", "200", "304", "200", "200", "200", "200",
    ]  # fmt: skip


def test_what_was_promised_has_to_come(site: Site, marking: str) -> None:
    site.serve("mark", b'"always"')
    notes_dir = f"{site.home.build_dir}/digests"
    with RemoteSources(str(site.scratch), Settings(), notes_dir) as before:
        inputs.digest(site.home, site.tree, add(marking), before)
    inputs.digest(site.home, site.tree, add(marking), site.remote)
    site.serve("page", b"another")
    with pytest.raises(CorruptContent, match="is not what its server said"):
        site.add(add(marking))


@pytest.mark.parametrize(
    "url, name",
    [
        ("http://h/a/b.txt?c=/d#e", "b.txt"), ("http://h", "__unnamed__"),
        ("http://h/", "__unnamed__"), ("http://h/a/", "a"), ("http://h/%2e%2e", "__unnamed__"),
        ("http://h/a%2Fb", "b"), ("http://h/a%00b", "__unnamed__"), ("http://h/%C3%A9", "é"),
    ],
)  # fmt: skip
def test_a_file_is_named_by_the_end_of_its_path(url: str, name: str) -> None:
    assert remote_sources.name_of(url) == name


@needs_git
def test_a_repository_is_its_commit(site: Site, repository: Repository) -> None:
    with git_repository.daemon(site.served) as url:
        copy = add(f"{url}/repo.git")
        before = site.read(copy)
        assert site.read(add(f"{url}/repo.git#main")).digest == before.digest
        assert not list(site.scratch.iterdir())
        site.add(copy)
        assert set(listing(site.root)) == {"t", "t/f", "t/sub", "t/sub/g"}
        site.add(add(f"{url}/repo.git#main:sub", target="/sub"))
        assert set(os.listdir(site.root / "sub")) == {"g"}
        repository.commit({"f": "3"})
        repository.publish()
        assert site.read(copy).digest != before.digest


@needs_git
def test_git_dir_and_checksum(site: Site, repository: Repository) -> None:
    commit = repository.git("rev-parse", "HEAD")
    with git_repository.daemon(site.served) as url:
        copy = add(f"{url}/repo.git")._replace(keep_git_dir=True, checksum=commit[:7])
        assert site.read(copy).digest != site.read(copy._replace(keep_git_dir=False)).digest
        site.add(copy)
        assert (site.root / "t" / ".git").is_dir()
        with pytest.raises(CorruptContent, match="expected checksum"):
            site.read(copy._replace(checksum="abc1234" if commit[:3] != "abc" else "def1234"))
        with pytest.raises(InvalidArgument, match="checksum mismatch"):
            site.read(copy._replace(sources=(f"{url}/repo.git?checksum=abcd",)))
