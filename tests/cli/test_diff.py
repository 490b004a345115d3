"""`diff`: what a container has changed of its image, as docker tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from console import ENGINE, Cuddy, wait_until

CHANGE = """
echo new >/etc/new; rm /etc/motd; rm -r /media; mkdir -p /a/b; echo x >/a/b/x; chmod 700 /usr
chown 5 /bin/busybox; touch /etc/passwd; rm -r /srv; echo x >/srv; rm /etc/shadow; mkdir /etc/shadow
rm -r /home; mkdir /home; echo new >/home/new; mv /opt /moved; ln -s x /link; mkfifo /fifo
echo gone >/var/gone; rm /var/gone; : >>/etc/group; touch -r /etc/group /x; cat /etc/group >/y
chmod 644 /etc/group; mv /mnt /mnt2; mv /mnt2 /mnt; rm -r /usr/local; mkdir -p /usr/local/bin
"""
EXPECTED = {
    "C /etc", "A /etc/new", "D /etc/motd", "D /media", "A /a", "A /a/b", "A /a/b/x", "C /usr",
    "C /bin", "C /bin/busybox", "C /etc/passwd", "C /srv", "C /etc/shadow", "C /home",
    "A /home/new", "D /opt", "A /moved", "A /link", "A /fifo", "A /x", "A /y",
}  # fmt: skip


def changed(cuddy: Cuddy, name: str = "box") -> list[str]:
    """The lines; docker's are in no order but that of directories and their content."""
    found = cuddy.ok("diff", name).splitlines()
    return found if ENGINE == "cuddy" else sorted(found, key=lambda line: line[2:])


@pytest.mark.parametrize("state", ["running", "ended"])
def test_everything_that_was_done(cuddy: Cuddy, state: str) -> None:
    end = "" if state == "ended" else "touch /tmp/ready; sleep 1000"
    words = ["run", "-d", "--name", "box", "--network", "none", "alpine", "sh", "-c", CHANGE + end]
    cuddy.ok(*words)
    if state == "ended":
        cuddy.ok("wait", "box")
    else:
        wait_until(lambda: cuddy("exec", "box", "test", "-e", "/tmp/ready").code == 0)
    found = changed(cuddy)
    own = {line for line in found if "/usr/local" not in line and "/tmp" not in line}
    assert own == EXPECTED
    assert "C /usr/local" in found
    assert len(found) == len(set(found))
    for number, line in enumerate(found):
        parent = line[2:].rpartition("/")[0]
        assert not parent or any(each[2:] == parent for each in found[:number]), line


def test_one_that_never_ran_has_changed_nothing(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "true")
    assert changed(cuddy) == []


def test_what_the_engine_mounts_is_no_change_but_a_volume_s_place_is(
    cuddy: Cuddy, tmp_path: Path
) -> None:
    cuddy.ok("run", "--name", "box", "-v", f"{tmp_path}:/new/data", "alpine", "true")
    assert changed(cuddy) == ["A /new", "A /new/data"]


def test_names_of_any_kind(cuddy: Cuddy) -> None:
    script = "touch '/a b' /tmp/$'\\x1b[31m'"
    cuddy.ok("run", "--name", "box", "--network", "none", "alpine", "sh", "-c", script)
    assert changed(cuddy) == ["A /a b", "C /tmp", "A /tmp/\x1b[31m"]
    if ENGINE == "cuddy":
        with cuddy.terminal("diff", "box") as terminal:
            terminal.expect(r"A /tmp/\\x1b\[31m")


@pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has the image host")
def test_of_the_image_host(cuddy: Cuddy) -> None:
    script = (
        "echo x >/etc/new; echo y >/root/x; rm /etc/passwd; rmdir /srv; mkdir /usr/a; id >/usr/a/b"
    )
    cuddy.ok("run", "--name", "box", "--network", "none", "host", "sh", "-c", script)
    assert changed(cuddy) == [
        "C /root", "A /root/x", "D /srv", "C /usr", "A /usr/a", "A /usr/a/b", "C /etc",
        "A /etc/new", "D /etc/passwd",
    ]  # fmt: skip


def test_of_nobody(cuddy: Cuddy) -> None:
    result = cuddy("diff", "nobody")
    assert result.code == 1
    assert "no such container: nobody" in result.complaint.lower()
