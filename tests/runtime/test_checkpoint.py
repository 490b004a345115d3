"""Containers saved and brought back, by a criu that works with this kernel.

CUDDY_TESTS_CRIU names another one than the host's.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundles import Bundle, Runtime
from console import wait_until

CRIU = os.environ.get("CUDDY_TESTS_CRIU") or shutil.which("criu") or ""


def works() -> bool:
    """criu's own opinion; an old one does not know a new kernel's vdso."""
    if not CRIU or os.geteuid():
        return False
    return subprocess.run([CRIU, "check"], capture_output=True, check=False).returncode == 0


criu = pytest.mark.skipif(not works(), reason="no criu that works with this kernel")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "images"


class Counter:
    """A container that counts in a file, as long as it lives."""

    SCRIPT = "n=0; while sleep 0.05; do n=$((n+1)); echo $n >/count; done"

    def __init__(self, runtime: Runtime, bundle: Bundle, images: Path) -> None:
        self.runtime = runtime
        self.bundle = bundle.script(self.SCRIPT)
        self.flags = ["--image-path", images, "--manage-cgroups-mode", "ignore"]
        # criu's own log, for when it fails
        self.runtime.program += ["--criu", CRIU]

    def number(self) -> int:
        try:
            return int((self.bundle.rootfs / "count").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def goes_on(self) -> bool:
        before = self.number()
        wait_until(lambda: self.number() > before)
        return True

    def save(self, *flags: object) -> None:
        assert self.goes_on()
        self.runtime.ok("checkpoint", *self.flags, *flags, "box")

    def bring_back(self, *flags: object, **options: Any) -> int:
        words = ("restore", "-d", *self.flags, *flags, "--bundle", self.bundle.path, "box")
        with open(self.runtime.directory / "restored", "w+") as said:
            given = {"capture_output": False, "stdout": said, "stderr": said} | options
            code = self.runtime(*words, **given).code
            said.seek(0)
            assert code == 0, said.read()
        return self.runtime.pid()


@pytest.fixture
def counter(runtime: Runtime, bundle: Bundle, images: Path) -> Iterator[Counter]:
    yield Counter(runtime, bundle, images)
    runtime("delete", "--force", "box")


@criu
def test_a_container_goes_on_where_it_was(counter: Counter) -> None:
    counter.runtime.started(counter.bundle)
    counter.save()
    assert "does not exist" in counter.runtime("state", "box").err
    there = counter.number()
    pid = counter.bring_back()
    assert counter.runtime.status() == "running"
    assert counter.goes_on()
    assert counter.number() > there
    groups = Path(f"/proc/{pid}/cgroup").read_text()
    assert counter.bundle.linux["cgroupsPath"] in groups
    assert counter.runtime.ok("exec", "box", "cat", "/count")


@criu
def test_it_may_be_saved_again_with_what_has_entered_it(counter: Counter) -> None:
    counter.runtime.started(counter.bundle)
    counter.save()
    counter.bring_back()
    script = "sleep 60 </dev/null >/dev/null 2>&1 & echo $!"
    pid = counter.runtime.ok("exec", "box", "sh", "-c", script).strip()
    counter.save()
    counter.bring_back()
    assert "sleep" in counter.runtime.ok("exec", "box", "cat", f"/proc/{pid}/cmdline")


@criu
def test_it_may_be_left_running(counter: Counter) -> None:
    counter.runtime.started(counter.bundle)
    counter.save("--leave-running")
    assert counter.goes_on()


@criu
def test_mounts_from_the_host_come_back(counter: Counter, tmp_path: Path) -> None:
    """The second is made below the first, whose directory has lost the place for it meanwhile."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "two/file").write_text("here")
    (counter.bundle.rootfs / "real").mkdir()
    (counter.bundle.rootfs / "link").symlink_to("/real")
    counter.bundle.mount("/link", "bind", tmp_path / "one", "rbind")
    counter.bundle.mount("/link/a/b", "bind", tmp_path / "two", "rbind")
    counter.runtime.started(counter.bundle)
    counter.save()
    shutil.rmtree(tmp_path / "one/a")
    counter.bring_back()
    assert counter.runtime.ok("exec", "box", "cat", "/real/a/b/file") == "here"
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(counter.bundle.rootfs) not in mounts


@criu
def test_streams_are_those_of_the_restore(counter: Counter, tmp_path: Path) -> None:
    """A pipe is another one then; a file must be there with what it had."""
    counter.bundle.script("while sleep 0.05; do echo out; done")
    pipes = [*os.pipe(), *os.pipe()]
    with open(tmp_path / "out", "a") as out:
        options = {"capture_output": False, "stdout": out, "stderr": pipes[1]}
        counter.bundle.linux["cgroupsPath"] = "/cuddy-tests-streams"
        counter.runtime.made("box")
        words = ("run", "-d", "-b", counter.bundle.write().path, "box")
        assert counter.runtime(*words, **options).code == 0
        counter.runtime.ok("checkpoint", *counter.flags, "box")
        size = (tmp_path / "out").stat().st_size
        counter.bring_back(stdout=out, stderr=pipes[3])
        wait_until(lambda: (tmp_path / "out").stat().st_size > size)
    for fd in pipes:
        os.close(fd)


@criu
def test_a_terminal_is_sent_again(counter: Counter, tmp_path: Path) -> None:
    counter.bundle.process["terminal"] = True
    path = tmp_path / "console"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        counter.runtime.started(counter.bundle, "box", "--console-socket", path)
        first = receive(listener)
        counter.save()
        os.close(first)
        counter.bring_back("--console-socket", path)
        master = receive(listener)
    assert counter.goes_on()
    os.close(master)


def receive(listener: socket.socket) -> int:
    connection, _ = listener.accept()
    with connection:
        _, fds, _, _ = socket.recv_fds(connection, 100, 1)
    return fds[0]


def test_a_stopped_container_cannot_be_saved(runtime: Runtime, bundle: Bundle) -> None:
    pid = runtime.started(bundle.runs("true"))
    runtime.wait(pid)
    result = runtime("checkpoint", "box")
    assert result.code == 1
    assert "cannot be checkpointed in stopped state" in result.err


def test_without_criu_it_says_what_to_install(
    runtime: Runtime, bundle: Bundle, images: Path
) -> None:
    runtime.program += ["--criu", "cuddy-tests-no-criu"]
    runtime.started(bundle.runs("sleep", "60"))
    result = runtime("checkpoint", "--image-path", images, "box")
    assert result.code == 1
    assert "apt install criu" in result.err
    assert runtime.status() == "running"
    assert not images.exists()


@pytest.mark.parametrize("files", [{}, {"mounts.json": "[[1]]", "descriptors.json": "[]"}])
def test_what_is_no_checkpoint_is_not_restored(
    runtime: Runtime, bundle: Bundle, images: Path, files: dict[str, str]
) -> None:
    images.mkdir()
    for name, text in files.items():
        (images / name).write_text(text)
    runtime.program += ["--criu", "/bin/true"]
    result = runtime("restore", "--image-path", images, "--bundle", bundle.write().path, "box")
    assert result.code == 1
    assert "checkpoint" in result.err
    assert not list(runtime.state_root.glob("*"))
