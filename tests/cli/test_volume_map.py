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


def test_everybody_else_stays_who_he_is(cuddy: Cuddy, theirs: Path) -> None:
    os.chown(theirs / "file", 7, 8)
    script = "stat -c %u:%g /in/file; touch /in/new; chown 9:10 /in/new"
    assert cuddy.ok(*RUN, "-v", f"{theirs}:/in:map", "alpine", "sh", "-ec", script) == "7:8"
    assert owner(theirs / "new") == (9, 10)


def test_read_only_and_a_single_file(cuddy: Cuddy, theirs: Path) -> None:
    words = ["-v", f"{theirs}/file:/in/file:ro,map", "alpine", "sh", "-c"]
    result = cuddy(*RUN, *words, "stat -c %u:%g /in/file; echo x >/in/file")
    assert result.out == "0:0"
    assert "ead-only" in result.err


def test_what_is_mounted_below_is_mapped_too(cuddy: Cuddy, theirs: Path) -> None:
    (theirs / "sub").mkdir()
    options = "mode=755,uid=1000,gid=100"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", theirs / "sub"], check=True)
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
