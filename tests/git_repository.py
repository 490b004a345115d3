"""Real git repositories, and servers for them: git's own daemon, and plain files by HTTP."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CLEAN = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000",
    "PATH": os.environ["PATH"],
}  # fmt: skip
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")


class Repository:
    """A repository with a work tree, and beside it, after `publish`, a bare one to be served."""

    def __init__(self, directory: Path, name: str = "repo", branch: str = "main") -> None:
        self.tree = directory / f"{name}.work"
        self.bare = directory / f"{name}.git"
        self.tree.mkdir(parents=True)
        self.git("init", "-q", "-b", branch)

    def git(self, *words: str, where: Path | None = None, data: bytes | None = None) -> str:
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *words],
            cwd=where or self.tree, env=CLEAN, input=data, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.decode().strip()

    def commit(self, files: dict[str, str | bytes], message: str = "change") -> str:
        """Write files, and commit everything; the commit's id."""
        for name, content in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def publish(self) -> Path:
        """Everything into the bare repository."""
        if not self.bare.exists():
            self.git("clone", "-q", "--bare", str(self.tree), str(self.bare))
        else:
            self.git("push", "-q", "--mirror", str(self.bare))
        (self.bare / "git-daemon-export-ok").touch()
        self.git("update-server-info", where=self.bare)
        return self.bare


@contextmanager
def daemon(directory: Path) -> Iterator[str]:
    """git's own server for the repositories in a directory; their URL."""
    port = free_port()
    running = subprocess.Popen(
        ["git", "daemon", "--reuseaddr", f"--base-path={directory}", "--export-all",
         "--listen=127.0.0.1", f"--port={port}", str(directory)],
        env=CLEAN, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@contextmanager
def files_by_http(directory: Path) -> Iterator[str]:
    """A web server for plain files: git's "dumb" protocol, which has no shallow clones."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(directory)
            os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
            server.serve_forever()
        finally:
            os._exit(1)
    server.server_close()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
