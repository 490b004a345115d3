"""`host`, the image that is always there: this machine's own system, copy on write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="only cuddy has the host image")


def test_it_runs_without_any_download(fresh: Cuddy) -> None:
    fresh.ok("rmi", "alpine")
    out = fresh.ok("run", "--rm", "host", "sh", "-c", "echo $$; cat /etc/os-release")
    assert out.splitlines()[0] == "1"
    assert out.partition("\n")[2] == Path("/etc/os-release").read_text().strip()


def test_it_is_isolated_like_any_other(cuddy: Cuddy) -> None:
    out = cuddy.ok("run", "--rm", "host", "sh", "-c", "ls -d /proc/[0-9]*; hostname")
    assert out.splitlines()[0] == "/proc/1"
    assert len(out.splitlines()) <= 3
    assert out.splitlines()[-1] != os.uname().nodename


@pytest.mark.parametrize("path", ["/root", "/home", "/tmp", "/srv", "/mnt"])
def test_peoples_directories_are_empty(cuddy: Cuddy, path: str) -> None:
    assert cuddy.ok("run", "--rm", "host", "sh", "-c", f"ls -A {path} 2>/dev/null; true") == ""


def test_secrets_of_the_host_are_not_visible(cuddy: Cuddy) -> None:
    names = ["/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/ssh/ssh_host_*_key"]
    names += ["/etc/ssl/private/*", "/etc/sudoers.d/*", "/var/lib/cuddy/*", "/run/*.sock"]
    out = cuddy("run", "--rm", "host", "sh", "-c", f"cat {' '.join(names)} 2>/dev/null").out
    assert "$" not in out, "a password hash"
    assert "PRIVATE KEY" not in out
    shadow = Path("/etc/shadow").read_text()
    assert shadow not in out


def test_a_new_secret_file_is_not_visible_either(cuddy: Cuddy) -> None:
    """Whatever only root may read on the host is nobody's business in a container."""
    secret = Path("/etc/ssl/private/cuddy-test.key")
    had_directory = secret.parent.exists()
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text("-----BEGIN PRIVATE KEY-----\n")
    try:
        out = cuddy("run", "--rm", "host", "cat", secret)
    finally:
        secret.unlink()
        if not had_directory:
            secret.parent.rmdir()
    assert b"PRIVATE" not in out.stdout


def test_removing_usr_inside_harms_nothing(cuddy: Cuddy) -> None:
    before = sorted(os.listdir("/usr/bin"))
    script = "rm -rf /etc /bin /sbin /var /usr/bin /usr/sbin /usr/games 2>/dev/null; echo /usr/*"
    out = cuddy("run", "--rm", "host", "sh", "-c", script, timeout=60).out
    assert "/usr/bin" not in out.split()
    assert sorted(os.listdir("/usr/bin")) == before
    assert cuddy.ok("run", "--rm", "host", "echo", "still here") == "still here"


def test_the_machines_tools_work_inside(cuddy: Cuddy) -> None:
    out = cuddy.ok("run", "--rm", "host", "sh", "-c", "ls /usr/bin | wc -l; id -un; ps -e | wc -l")
    count, user, processes = out.split()
    assert int(count) == len(os.listdir("/usr/bin"))
    assert user == "root"
    assert int(processes) < 8


def test_what_is_written_stays_in_the_container(cuddy: Cuddy) -> None:
    script = "echo x >/usr/written-in-a-container; echo x >/etc/written; ls /usr /etc"
    assert "written" in cuddy.ok("run", "--rm", "host", "sh", "-c", script)
    assert not os.path.exists("/usr/written-in-a-container")
    assert not os.path.exists("/etc/written")


def test_a_shell_at_a_terminal(cuddy: Cuddy) -> None:
    with cuddy.terminal("run", "--rm", "-it", "host", "sh") as terminal:
        terminal.expect(r"[#$] ")
        assert terminal.ask("echo $$") == "1"
        terminal.line("exit")
        assert terminal.ends() == 0


def test_it_is_listed_and_cannot_be_removed(cuddy: Cuddy) -> None:
    assert cuddy("rmi", "host").code != 0
    assert cuddy.ok("run", "--rm", "host", "true") == ""
