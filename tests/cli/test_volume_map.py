"""`map`: what is written through a mount belongs to the caller, and the caller's is the user's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has this word")

RUN = ("run", "--rm", "--network", "none")
LOOK = "stat -c %u:%g /in/file; echo x >/in/new; mkdir /in/dir; stat -c %u:%g /in/new"


def owner(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A directory of user 1000's with a file."""
    directory = tmp_path / "theirs"
    directory.mkdir()
    (directory / "file").write_text("theirs\n")
    for path in (directory, directory / "file"):
        os.chown(path, 1000, 100)
    return directory


@pytest.mark.parametrize("words", [
    ("-v", "{0}:/in:map"),
    ("-v", "{0}:/in:map=1000:100"),
    ("--mount", "type=bind,src={0},dst=/in,map"),
    ("--mount", "type=bind,src={0},dst=/in,map=1000:100"),
])  # fmt: skip
def test_files_belong_to_root_inside_and_to_the_caller_outside(
    cuddy: Cuddy, theirs: Path, words: tuple[str, str]
) -> None:
    mount = [word.format(theirs) for word in words]
    assert cuddy.ok(*RUN, *mount, "alpine", "sh", "-ec", LOOK) == "0:0\n0:0"
    assert owner(theirs / "new") == owner(theirs / "dir") == (1000, 100)


def test_or_to_the_user_that_is_named(cuddy: Cuddy, theirs: Path) -> None:
    words = ["--user", "nobody", "-v", f"{theirs}:/in:map", "alpine", "sh", "-ec", LOOK]
    assert cuddy.ok(*RUN, *words) == "65534:65534\n65534:65534"
    assert owner(theirs / "new") == owner(theirs / "dir") == (1000, 100)


def test_who_calls_by_sudo_is_the_caller(cuddy: Cuddy, tmp_path: Path) -> None:
    words = ["-v", f"{tmp_path}/new/dir:/in:map", "alpine", "touch", "/in/file"]
    by_sudo = {**cuddy.environment, "SUDO_UID": "1234", "SUDO_GID": "1235"}
    subprocess.run([*cuddy.program, *RUN, *words], env=by_sudo, check=True)
    assert owner(tmp_path / "new/dir") == owner(tmp_path / "new/dir/file") == (1234, 1235)


OTHERS = ("1000:1000", "33:33", "0:1000", "0:6")
"""The caller's number, somebody else's, and root in groups that are not his: "disk" among them."""


@pytest.mark.parametrize("user", ["0:0", "1000:100", "65534:65534"])
def test_nobody_gets_more_power_on_the_host_than_the_caller_has(
    cuddy: Cuddy, theirs: Path, user: str
) -> None:
    """A program that knows the trick makes a file of root's, and sets its set-user-id bit."""
    theirs.chmod(0o777)
    (theirs / "root").write_text("root's\n")
    (theirs / "root").chmod(0o666)
    words = ["--name", "one", "--network", "none", "--user", user, "-v", f"{theirs}:/in:map"]
    cuddy.ok("run", "-d", *words, "alpine", "sleep", "1000")
    for other in {*OTHERS, "0:0", "1000:100"} - {user}:
        script = "cp /bin/busybox /in/new; mkdir /in/dir; ln -s x /in/link; mkfifo /in/fifo"
        assert cuddy("exec", "-u", other, "one", "sh", "-c", script).code
    assert {path.name for path in theirs.iterdir()} == {"file", "root"}
    script = """
    cp /bin/busybox /in/new; mkdir /in/dir; chmod 6755 /in/new; chmod 2755 /in/dir; cd /in
    for id in 0 1000 33; do chown $id file new; chgrp $id file new; chown $id:$id dir; done
    chgrp 6 new dir; chmod 6777 root; ln root linked; chown 1000 root; echo spoilt >root
    cp /bin/busybox dir/new; stat -c %u:%g root
    """
    out = cuddy("exec", "one", "sh", "-c", script).out
    assert out == "65534:65534"  # nobody's
    made = {path: owner(path) for path in theirs.rglob("*") if path.name not in ("root", "linked")}
    assert {path.name for path in made} == {"file", "new", "dir"}
    assert set(made.values()) == {(1000, 100)}
    status = (theirs / "root").stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (0, 0o666)
    assert (theirs / "root").read_text() == "root's\n"


def test_files_of_others_can_be_read_but_not_changed(cuddy: Cuddy, theirs: Path) -> None:
    os.chown(theirs / "file", 7, 8)
    (theirs / "file").chmod(0o646)
    script = "stat -c %u:%g /in/file; cat /in/file; echo x >/in/file"
    result = cuddy(*RUN, "-v", f"{theirs}:/in:map", "alpine", "sh", "-c", script)
    assert result.out == "65534:65534\ntheirs"
    assert "ermission denied" in result.err


def test_read_only_and_a_single_file(cuddy: Cuddy, theirs: Path) -> None:
    words = ["-v", f"{theirs}/file:/in/file:ro,map", "alpine", "sh", "-c"]
    result = cuddy(*RUN, *words, "stat -c %u:%g /in/file; echo x >/in/file")
    assert result.out == "0:0"
    assert "ead-only" in result.err


def test_what_is_mounted_below_is_mapped_too(cuddy: Cuddy, theirs: Path, tmp_path: Path) -> None:
    # Not a tmpfs, which can be mapped since Linux 6.3.
    for directory in (theirs / "sub", tmp_path / "other"):
        directory.mkdir()
        os.chown(directory, 1000, 100)
    subprocess.run(["mount", "--bind", tmp_path / "other", theirs / "sub"], check=True)
    try:
        words = ["-v", f"{theirs}:/in:map", "alpine", "sh", "-ec", "stat -c %u /in/sub; >/in/sub/x"]
        assert cuddy.ok(*RUN, *words) == "0"
        assert owner(theirs / "sub/x") == (1000, 100)
    finally:
        subprocess.run(["umount", theirs / "sub"], check=True)


def test_a_new_volume_with_all_that_the_image_has_there(cuddy: Cuddy) -> None:
    script = "stat -c %u:%g /etc/apk /etc/apk/world; touch /etc/apk/new"
    words = ["-v", "data:/etc/apk:map=1000:100", "alpine", "sh", "-ec", script]
    assert cuddy.ok(*RUN, *words) == "0:0\n0:0"
    words = [
        "-v",
        "empty:/etc/apk:map=1000:100,nocopy",
        "alpine",
        "sh",
        "-ec",
        "ls -A /etc/apk; touch /etc/apk/new",
    ]
    assert cuddy.ok(*RUN, *words) == ""
    assert owner(cuddy.root / "volumes/empty/_data/new") == (1000, 100)
    data = cuddy.root / "volumes/data/_data"
    assert {owner(path) for path in (data, data / "world", data / "new")} == {(1000, 100)}


def test_a_new_empty_volume_and_a_part_of_one(cuddy: Cuddy) -> None:
    script = "mkdir /in/part; touch /in/part/file"
    cuddy.ok(*RUN, "-v", "data:/in:map=5:6", "alpine", "sh", "-ec", script)
    mount = "src=data,dst=/in,volume-subpath=part,map"
    out = cuddy.ok(*RUN, "--mount", mount, "alpine", "sh", "-ec", "stat -c %u /in/file; >/in/x")
    assert out == "0"
    assert owner(cuddy.root / "volumes/data/_data/part/x") == (5, 6)


def test_cp_goes_through_the_map(cuddy: Cuddy, theirs: Path) -> None:
    cuddy.ok("create", "--name", "one", "-v", f"{theirs}:/in:map", "alpine", "true")
    cuddy.ok("cp", "/etc/hostname", "one:/in/copied")
    assert owner(theirs / "copied") == (1000, 100)


@pytest.mark.parametrize("words", [("cp",), ("cp", "-a")])
def test_cp_gives_the_caller_what_was_others(
    cuddy: Cuddy, theirs: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    for path in (tmp_path / "tree", tmp_path / "tree/file"):
        path.mkdir() if path.name == "tree" else path.write_text("x")
        os.chown(path, 7, 8)
        path.chmod(0o6755)
    cuddy.ok("create", "--name", "one", "-v", f"{theirs}:/in:map", "alpine", "true")
    cuddy.ok(*words, str(tmp_path / "tree"), "one:/in/tree")
    for path in (theirs / "tree", theirs / "tree/file"):
        assert owner(path) == (1000, 100)
    assert (theirs / "tree/file").stat().st_mode & 0o6000 in (0, 0o6000)


def test_cp_says_so_if_root_is_nobody_there(cuddy: Cuddy, theirs: Path) -> None:
    words = ["--name", "one", "--user", "nobody", "-v", f"{theirs}:/in:map", "alpine", "true"]
    cuddy.ok("create", *words)
    result = cuddy("cp", "/etc/hostname", "one:/in/copied")
    assert (result.code, "root is nobody in it" in result.complaint) == (1, True)


def test_inspect_shows_it_as_it_was_given(cuddy: Cuddy, theirs: Path) -> None:
    bind = f"{theirs}:/in:ro,map=1000"
    cuddy.ok("create", "--name", "one", "-v", bind, "alpine", "true")
    assert cuddy.field("one", "{{json .HostConfig.Binds}}") == json.dumps([bind])
    (point,) = cuddy.inspect("one")["Mounts"]
    assert (point["Mode"], point["RW"], point["Map"]) == ("ro,map=1000", False, "1000:1000")
    assert point["Source"] == str(theirs)
    cuddy.ok("create", "--name", "two", "--volumes-from", "one", "alpine", "true")
    assert cuddy.inspect("two")["Mounts"][0]["Map"] == "1000:1000"


def test_a_file_system_that_cannot_is_named(cuddy: Cuddy) -> None:
    result = cuddy(*RUN, "-v", "/proc:/in:map=1", "alpine", "true")
    assert result.code == 125
    assert "cannot map the owners of /proc: its file system (proc) does not" in result.complaint


@pytest.mark.parametrize(("words", "complaint"), [
    (("-v", "/tmp:/in:map=x"), "invalid mode: map=x"),
    (("-v", "/tmp:/in:map=1:2:3"), "invalid volume specification"),
    (("-v", "/tmp:/in:map,map"), "invalid mode: map,map"),
    (("--mount", "type=bind,src=/tmp,dst=/in,map=x"), "invalid owner to map to: x"),
    (("--mount", "type=tmpfs,dst=/in,map"), "field Map must not be specified"),
    (("--volumes-from", "one:map"), "invalid mode: map"),
])  # fmt: skip
def test_nonsense_is_refused(cuddy: Cuddy, words: tuple[str, str], complaint: str) -> None:
    assert complaint in cuddy("create", *words, "alpine", "true").complaint
