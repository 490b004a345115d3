"""Attacks that once worked against some engine, many to a container: see docs/threat-model.md."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

import userns_expected
from console import ENGINE, Cuddy, monitor_of, wait_until

LEVERS = """
/proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/kernel/hotplug
/proc/sys/fs/binfmt_misc/register /proc/sys/vm/panic_on_oom /proc/sysrq-trigger
/proc/irq/0/smp_affinity /sys/kernel/uevent_helper /sys/kernel/mm/transparent_hugepage/enabled
/sys/power/state
/sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/notify_on_release
/sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/*/devices.allow
"""
"""Files by which root on a machine has the kernel run a program of his or harms everybody."""

PULL = """
for f in $LEVERS; do test -e $f && { (: >>$f) 2>&1; echo "$f opened" | sed "s/^/$? /"; }; done
for p in /proc/sys /sys /sys/fs/cgroup; do mount -o remount,rw,bind x $p 2>&1; done
mkdir /m; mount -t cgroup -o memory x /m 2>&1; mount -t proc x /m 2>&1; mount -t tmpfs x /m 2>&1
"""
"""`x` means nothing; without it busybox looks in /proc/mounts, until a line is too long for it."""


def field(status: str, name: str) -> str:
    return re.search(rf"^{name}:\s*(.*?)\s*$", status, re.MULTILINE)[1]  # type: ignore[index]


def test_no_lever_of_the_kernel_can_be_pulled(cuddy: Cuddy) -> None:
    """They are but opened, so that a broken lock does no harm. With power over it they open.

    To users who are nobody to the host the kernel says first that the file is not theirs.
    """
    words = ["ead-only file system"] + ["ermission denied"] * userns_expected.is_asked_for()
    script = f"LEVERS='{' '.join(LEVERS.split())}'; {PULL}"
    out = cuddy.ok("run", "--rm", "alpine", "sh", "-c", f"{script} :")
    tried = [line for line in out.splitlines() if "sh:" in line or " opened" in line]
    refused = [line for line in tried if any(word in line for word in words)]
    assert len(refused) >= 4, out
    assert [line for line in tried if line.startswith("0 ")] == []
    assert out.count("permission denied") + out.count("not permitted") >= 6, out


def test_processes_have_nothing_of_the_callers(cuddy: Cuddy) -> None:
    """Descriptors, variables, groups and capabilities, by `run` and by `exec`."""
    given = {"env": cuddy.environment | {"CALLERS_SECRET": "x"}}
    words = ["--name", "box", "-u", "1000:2000", "--group-add", "5", "alpine", "sleep", "1000"]
    cuddy.ok("run", "-d", *words, **given)
    look = "ls /proc/self/fd; env; cat /proc/self/status"
    leaked = os.open("/", os.O_RDONLY)
    try:
        words = ["exec", "-u", "1000:2000", "box", "sh", "-c", look]
        by_exec = cuddy.ok(*words, pass_fds=[leaked], **given)
        words = ["run", "--rm", "-u", "1000:2000", "alpine", "sh", "-c", look]
        by_run = cuddy.ok(*words, pass_fds=[leaked], **given)
    finally:
        os.close(leaked)
    first = Path(f"/proc/{cuddy.pid('box')}")
    assert b"CALLERS_SECRET" not in (first / "environ").read_bytes()
    for text in (by_run, by_exec):
        assert "CALLERS_SECRET" not in text
        assert re.findall(r"^\d+$", text, re.MULTILINE) == ["0", "1", "2", "3"]
    for text in (by_run, by_exec, cuddy.ok("exec", "box", "cat", "/proc/1/status")):
        # Without the primary group a program that may change its group is rid of denials.
        assert "2000" in field(text, "Groups").split()
        assert set(field(text, "Groups").split()) <= {"2000", "5"}
        for name in ("CapInh", "CapAmb", "CapPrm", "CapEff"):
            assert int(field(text, name), 16) == 0, name


def names_of_sockets(pid: int) -> list[str]:
    """The names by which others reach a process."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    held = set(re.findall(r"socket:\[(\d+)\]", " ".join(links)))
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [row[7] for row in rows if len(row) > 7 and row[6] in held]


@pytest.mark.skipif(ENGINE != "cuddy", reason="looks at cuddy's monitor")
def test_nobody_in_the_hosts_network_can_talk_to_a_monitor(cuddy: Cuddy) -> None:
    """CVE-2020-15257: an abstract name is reached by whoever shares the network."""
    cuddy.ok("run", "-d", "--name", "near", "--network", "host", "alpine", "sleep", "1000")
    with cuddy.start("exec", "near", "sleep", "1001"):
        wait_until(lambda: "1001" in cuddy.ok("top", "near"))
        names = names_of_sockets(monitor_of(cuddy, "near"))
    assert names
    assert [name for name in names if not name.startswith("/")] == []
    sockets = [path for path in cuddy.run_root.rglob("*") if path.is_socket()]
    assert sockets
    for path in (*sockets, *(path.parent for path in sockets)):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_top_runs_nothing_of_the_container(cuddy: Cuddy, tmp_path: Path) -> None:
    """CVE-2022-1227: a `ps` of the image's, run with the host's power."""
    ran = tmp_path / "ran"
    trap = f"printf '#!/bin/sh\\ntouch {ran}\\n' >/tmp/ps; chmod +x /tmp/ps; mkdir -p {tmp_path}"
    spread = "for d in /bin /sbin /usr/bin /usr/sbin /usr/local/bin; do mkdir -p $d; rm -f $d/ps;"
    script = f"{trap}; {spread} cp /tmp/ps $d/ps; done; echo up; exec sleep 1001"
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy.ok("logs", "box") == "up")
    assert "1001" in cuddy.ok("top", "box")
    assert not ran.exists()
    assert cuddy("exec", "box", "test", "-e", ran).code == 1
    assert cuddy("exec", "box", "ps").code == 0
    assert cuddy("exec", "box", "test", "-e", ran).code == 0


def test_links_where_devices_should_be_lead_nowhere(cuddy: Cuddy, tmp_path: Path) -> None:
    """CVE-2025-31133 and 52565: /dev from a volume, whose null and console are links."""
    devices = tmp_path / "dev"
    devices.mkdir()
    for name in ("null", "console", "zero", "ptmx", "fd"):
        (devices / name).symlink_to("/proc/sys/kernel/core_pattern")
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    words = ["run", "--rm", "-v", f"{devices}:/dev", "alpine", "sh", "-c"]
    script = "cat /proc/kcore /proc/keys /proc/timer_list; : >>/proc/sys/kernel/core_pattern"
    for flags in ([], ["-t"]):
        result = cuddy(*words[:2], *flags, *words[2:], script)
        assert pattern not in result.out
        assert result.code != 0
    assert {os.readlink(path) for path in devices.iterdir() if path.is_symlink()} == {
        "/proc/sys/kernel/core_pattern"
    }
    assert Path("/proc/sys/kernel/core_pattern").read_text().strip() == pattern
