"""A web server for what builds fetch: files, and git repositories in the way git likes best.

    python tests/file_server.py DIRECTORY

It serves a directory on a free port of 127.0.0.1, prints the port, and ends with its parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PR_SET_PDEATHSIG = 1
NOTES = b"notes\n"
AUTHOR = {"NAME": "Ada", "EMAIL": "ada@example.com", "DATE": "2024-01-02T03:04:05Z"}
IDENTITY = {f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER")
            for what, text in AUTHOR.items()}  # fmt: skip


class Handler(SimpleHTTPRequestHandler):
    """Files, and what `git http-backend` says of repositories."""

    def do_GET(self) -> None:
        if ".git/" in self.path:
            self.ask_git(b"")
        else:
            super().do_GET()

    def do_POST(self) -> None:
        self.ask_git(self.rfile.read(int(self.headers["Content-Length"])))

    def ask_git(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.directory), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        answer = subprocess.run(
            ["git", "http-backend"], input=body, env=environment, capture_output=True
        ).stdout
        head, _, content = answer.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """HOST:PORT of a server for a directory, while the block lasts."""
    command = [sys.executable, __file__, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            yield f"127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def fill(directory: Path, archive: bytes) -> None:
    """What projects of the corpus fetch: two files, and a repository `project.git`."""
    (directory / "deep/path").mkdir(parents=True)
    for name in ("notes.txt", "deep/path/notes.txt"):
        (directory / name).write_bytes(NOTES)
    (directory / "packed.tar.gz").write_bytes(archive)
    for name in ("notes.txt", "deep/path/notes.txt", "packed.tar.gz"):
        os.utime(directory / name, (1_700_000_000, 1_700_000_000))
    work = directory / "work"
    (work / "docs").mkdir(parents=True)
    (work / "README").write_text("first\n")
    (work / "docs/index").write_text("index\n")
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "link").symlink_to("README")
    git(work, "init", "-q", "-b", "main")
    commit(work, "first")
    git(work, "tag", "v1")
    (work / "README").write_text("second\n")
    commit(work, "second")
    git(directory, "clone", "-q", "--bare", "work", "project.git")


def commit(work: Path, message: str) -> None:
    git(work, "add", ".")
    git(work, "commit", "-q", "-m", message)


def git(directory: Path, *words: str) -> None:
    subprocess.run(["git", "-C", directory, *words], check=True, env=os.environ | IDENTITY)


def main() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    directory = sys.argv[1]
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *words: Handler(*words, directory=directory)
    )
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
