"""`cuddy system serve`: where it listens, who may connect, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from console import Cuddy, wait_until
from engine_api import Api, UnixConnection, serving

ACTIVATE = """
import os, sys
fd, *command = sys.argv[1:]
os.dup2(int(fd), 3)
own = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execve(command[0], command, os.environ | own)
"""
"""What systemd does before it runs a program: sd_listen_fds(3)."""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_socket_is_for_root_alone_where_there_is_no_group(home: Cuddy, tmp_path: Path) -> None:
    path = tmp_path / "cuddy.sock"
    with serving(home, path) as api:
        assert mode(path) == 0o600
        assert "groupadd --system cuddy" in path.with_suffix(".log").read_text()
        assert api.get("/version")["Version"]
    assert not path.exists()


def test_a_socket_in_the_run_root_is_reached_by_a_group(home: Cuddy) -> None:
    path = home.run_root / "cuddy.sock"
    above = home.run_root.parent
    before = mode(above), mode(home.run_root)
    above.chmod(0o711)
    with serving(home, path, "--group", "nogroup"):
        assert mode(path) == 0o660
        assert path.group() == "nogroup"
        assert mode(home.run_root) == 0o711
        ask = ["curl", "-s", "--unix-socket", str(path), "http://engine/_ping"]
        as_member = subprocess.run(ask, capture_output=True, user=65534, group=65534, check=False)
        assert as_member.stdout == b"OK"
        as_other = subprocess.run(
            ask, capture_output=True, user=65534, group=1, extra_groups=[], check=False
        )
        assert as_other.returncode == 7
    path.with_suffix(".log").unlink()
    above.chmod(before[0])
    home.run_root.chmod(before[1])


def test_an_unknown_group_is_an_error(home: Cuddy, tmp_path: Path) -> None:
    result = home("system", "serve", "--unix", tmp_path / "s", "--group", "nosuch")
    assert "there is no group 'nosuch'" in result.complaint


def test_a_second_server_is_refused_and_the_socket_of_a_dead_one_replaced(
    home: Cuddy, tmp_path: Path
) -> None:
    path = tmp_path / "cuddy.sock"
    with serving(home, path) as api:
        result = home("system", "serve", "--unix", path)
        assert "another server listens at" in result.complaint
        assert api.get("/version")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with serving(home, path) as api:
        wait_until(lambda: answers(api))
    path.write_text("mine")
    link = tmp_path / "link"
    link.symlink_to(path)
    for place in (path, link):
        assert "is there and not a socket" in home("system", "serve", "--unix", place).complaint
    assert path.read_text() == "mine"
    assert link.is_symlink()


def answers(api: Api) -> bool:
    try:
        return api("GET", "/_ping").status == 200
    except (ConnectionRefusedError, FileNotFoundError):
        return False


def test_several_servers_and_the_command_line_see_the_same(cuddy: Cuddy, tmp_path: Path) -> None:
    with serving(cuddy, tmp_path / "a.sock") as first, serving(cuddy, tmp_path / "b.sock") as other:
        made = cuddy.ok("create", "--name", "box", "alpine")
        for api in (first, other):
            assert [each["Id"] for each in api.get("/containers/json", all=True)] == [made]


def test_a_killed_server_takes_nothing_along(cuddy: Cuddy, tmp_path: Path) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    path = tmp_path / "cuddy.sock"
    with cuddy.start("system", "serve", "--unix", str(path)) as process:
        wait_until(path.exists)
        connection = UnixConnection(path, 10)
        connection.request("GET", "/_ping")
        assert connection.getresponse().read() == b"OK"
        process.kill()
        process.wait()
        connection.request("GET", "/containers/json")  # whoever was there may go on
        assert b"/box" in connection.getresponse().read()
        connection.close()
    assert cuddy.field("box", "{{.State.Running}}") == "true"


def test_the_end_of_a_server_is_the_end_of_its_connections(home: Cuddy, tmp_path: Path) -> None:
    path = tmp_path / "cuddy.sock"
    with home.start("system", "serve", "--unix", str(path)) as process:
        wait_until(path.exists)
        with Api(path, process.pid).connect() as sock:
            sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(1000)
            process.terminate()
            assert sock.recv(1000) == b""
        assert process.wait(10) == 0
    assert not path.exists()


def test_a_server_that_nobody_needs_ends(home: Cuddy, tmp_path: Path) -> None:
    path = tmp_path / "cuddy.sock"
    with home.start("system", "serve", "--idle-timeout", "1", "--unix", str(path)) as process:
        wait_until(path.exists)
        with Api(path, process.pid).connect() as sock:
            sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(1000)
            time.sleep(1.3)
            assert process.poll() is None  # a client is there
        assert process.wait(10) == 0


def test_a_socket_of_systemds_is_served_and_kept(home: Cuddy, tmp_path: Path) -> None:
    path = tmp_path / "activation.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        words = [*home.program, "system", "serve", "--idle-timeout", "1"]
        command = [sys.executable, "-c", ACTIVATE, str(listener.fileno()), *words]
        for _ in range(2):  # it ends, and comes again
            with Api(path, 0).connect() as sock:
                process = subprocess.Popen(
                    command, env=home.environment, pass_fds=[listener.fileno()],
                    stderr=subprocess.DEVNULL,
                )  # fmt: skip
                sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n")
                assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
            assert process.wait(10) == 0
        assert path.exists()
    assert not (home.run_root / "cuddy.sock").exists()


def test_units_are_printed(home: Cuddy) -> None:
    unit = home.ok("system", "serve", "--unit", "socket")
    assert f"ListenStream={home.run_root}/cuddy.sock" in unit
    assert "SocketGroup=cuddy" in unit
    service = home.ok("system", "serve", "--unit", "service", "--idle-timeout", "60")
    assert "KillMode=process" in service
    assert f"--root {home.root}" in service
    assert "system serve --idle-timeout 60" in service
    assert "socket or service" in home("system", "serve", "--unit", "timer").complaint


@pytest.mark.parametrize("flags", [[], ["--tlsverify"], ["--tlsverify", "--tlscacert", "ca.pem"]])
def test_tcp_without_certificates_is_refused(home: Cuddy, flags: list[str]) -> None:
    result = home("system", "serve", "--tcp", "127.0.0.1:0", *flags)
    assert "could become root" in result.complaint
    assert result.code == 1


def test_requests_are_logged_only_when_asked_for(home: Cuddy, tmp_path: Path) -> None:
    for flags, lines in (([], 0), (["--debug"], 1)):
        path = tmp_path / f"{lines}.sock"
        command = [*home.program, *flags, "system", "serve", "--unix", str(path)]
        with subprocess.Popen(command, env=home.environment, stderr=subprocess.PIPE) as process:
            api = Api(path, process.pid)
            wait_until(partial(answers, api))
            assert api("GET", "/v1.45/nosuch?x=1").status == 404
            process.send_signal(signal.SIGTERM)
            assert process.stderr
            log = process.stderr.read().decode()
        assert log.count("GET /v1.45/nosuch?x=1 404") == lines, log
        assert f"uid 0 pid {os.getpid()}: " in log or not lines
