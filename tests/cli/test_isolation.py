"""Three locks and fewer powers: what a container sees and may, looked at from both sides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console import Cuddy

KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
DEFAULT_CAPABILITIES = 0x00000000A80425FB
"""Docker's fourteen."""


def status(cuddy: Cuddy, *words: str) -> dict[str, str]:
    """/proc/self/status of a process in a container."""
    out = cuddy.ok("run", "--rm", *words, "alpine", "cat", "/proc/self/status")
    return dict(line.split(":\t", 1) for line in out.splitlines() if ":\t" in line)


def namespaces(pid: int | str) -> dict[str, str]:
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS}


class TestNamespaces:
    def test_every_kind_differs_from_the_hosts(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "apart", "alpine", "sleep", "1000")
        ours, theirs = namespaces("self"), namespaces(cuddy.pid("apart"))
        assert {kind for kind in KINDS if ours[kind] == theirs[kind]} == set()

    def test_two_containers_share_none(self, cuddy: Cuddy) -> None:
        for name in ("one", "two"):
            cuddy.ok("run", "-d", "--name", name, "alpine", "sleep", "1000")
        one, two = namespaces(cuddy.pid("one")), namespaces(cuddy.pid("two"))
        assert {kind for kind in KINDS if one[kind] == two[kind]} == set()

    def test_the_hosts_where_asked(self, cuddy: Cuddy) -> None:
        words = ["--name", "near", "--pid", "host", "--network", "host"]
        cuddy.ok("run", "-d", *words, "alpine", "sleep", "1000")
        ours, theirs = namespaces("self"), namespaces(cuddy.pid("near"))
        shared = {kind for kind in KINDS if ours[kind] == theirs[kind]}
        assert shared == {"net", "pid"}
        cuddy.ok("kill", "near")

    def test_it_is_an_ordinary_process_of_the_host_under_another_pid(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "plain", "alpine", "sleep", "4242")
        pid = cuddy.pid("plain")
        assert pid != 1
        assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x004242\0"
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        (inner,) = [line.split()[1:] for line in lines if line.startswith("NSpid")]
        assert inner[-2:] == [str(pid), "1"]

    def test_inside_there_is_only_what_the_container_started(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "alpine", "ps", "-o", "pid,args")
        assert [line.split()[0] for line in out.splitlines()] == ["PID", "1"]

    def test_nothing_is_mounted_in_the_hosts_view(self, cuddy: Cuddy) -> None:
        before = Path("/proc/self/mountinfo").read_text()
        cuddy.ok("run", "-d", "--name", "mounted", "alpine", "sleep", "1000")
        assert Path("/proc/self/mountinfo").read_text() == before

    def test_its_root_cannot_be_left(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "alpine", "ls", "-di", "/", "/..", "/../..")
        assert len({line.split()[0] for line in out.splitlines()}) == 1
        mounts = cuddy.ok("run", "--rm", "alpine", "cat", "/proc/self/mountinfo").splitlines()
        assert [line.split()[4] for line in mounts].count("/") == 1
        assert str(cuddy.root / "containers") not in " ".join(line.split()[4] for line in mounts)

    def test_the_hosts_name_stays_as_it_is(self, cuddy: Cuddy) -> None:
        before = os.uname().nodename
        words = ["--privileged", "alpine", "hostname", "changed"]
        cuddy("run", "--rm", *words)
        assert os.uname().nodename == before


class TestCapabilities:
    def test_docker_s_fourteen_and_no_more(self, cuddy: Cuddy) -> None:
        found = status(cuddy)
        for name in ("CapBnd", "CapPrm", "CapEff"):
            assert int(found[name], 16) == DEFAULT_CAPABILITIES, name
        assert int(found["CapInh"], 16) in (0, DEFAULT_CAPABILITIES)
        assert int(found["CapAmb"], 16) == 0

    def test_another_user_has_none(self, cuddy: Cuddy) -> None:
        found = status(cuddy, "-u", "1000")
        assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 0
        assert int(found["CapBnd"], 16) == DEFAULT_CAPABILITIES

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["--cap-add", "NET_ADMIN"], DEFAULT_CAPABILITIES | 1 << 12),
            (["--cap-add", "cap_net_admin"], DEFAULT_CAPABILITIES | 1 << 12),
            (["--cap-drop", "CHOWN"], DEFAULT_CAPABILITIES & ~1),
            (["--cap-drop", "ALL"], 0),
            (["--cap-drop", "ALL", "--cap-add", "KILL"], 1 << 5),
        ],
    )
    def test_added_and_dropped(self, cuddy: Cuddy, words: list[str], expected: int) -> None:
        assert int(status(cuddy, *words)["CapEff"], 16) == expected

    def test_a_dropped_power_is_really_gone(self, cuddy: Cuddy) -> None:
        script = "touch /f && chown 1000 /f"
        assert cuddy("run", "--rm", "alpine", "sh", "-c", script).code == 0
        result = cuddy("run", "--rm", "--cap-drop", "CHOWN", "alpine", "sh", "-c", script)
        assert result.code != 0
        assert "ermitted" in result.err

    def test_an_unknown_capability_is_an_error(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "--cap-add", "FLY", "alpine", "true")
        assert result.code == 125
        assert "FLY" in result.complaint


class TestSystemCalls:
    def test_the_filter_is_on(self, cuddy: Cuddy) -> None:
        found = status(cuddy)
        assert found["Seccomp"] == "2"
        assert int(found["Seccomp_filters"]) >= 1

    def test_refused_calls_are_refused_and_others_are_not(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "alpine", "unshare", "-U", "true")
        assert result.code != 0
        assert "not permitted" in result.err
        assert cuddy("run", "--rm", "alpine", "dmesg").code != 0

    def test_it_can_be_turned_off(self, cuddy: Cuddy) -> None:
        assert status(cuddy, "--security-opt", "seccomp=unconfined")["Seccomp"] == "0"

    def test_a_profile_of_ones_own(self, cuddy: Cuddy, tmp_path: Path) -> None:
        profile = tmp_path / "profile.json"
        profile.write_text(
            '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": '
            '[{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}'
        )
        words = ["--security-opt", f"seccomp={profile}", "alpine"]
        result = cuddy("run", "--rm", *words, "mkdir", "/x")
        assert "not permitted" in result.err
        assert cuddy("run", "--rm", *words, "touch", "/x").code == 0

    def test_no_new_privileges(self, cuddy: Cuddy) -> None:
        assert status(cuddy)["NoNewPrivs"] == "0"
        assert status(cuddy, "--security-opt", "no-new-privileges")["NoNewPrivs"] == "1"


class TestPrivileged:
    def test_it_has_what_the_host_has(self, cuddy: Cuddy) -> None:
        found = status(cuddy, "--privileged")
        own = Path("/proc/self/status").read_text()
        assert f"CapEff:\t{found['CapEff']}\n" in own
        assert found["Seccomp"] == "0"

    def test_its_sys_is_writable_and_nothing_is_masked(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "--privileged", "alpine", "cat", "/proc/mounts")
        mounts = {line.split()[1]: line.split()[3].split(",")[0] for line in out.splitlines()}
        assert mounts["/sys"] == "rw"
        assert not [path for path in mounts if path.startswith("/proc/") and "asound" not in path]


class TestKernelFiles:
    @pytest.mark.parametrize("path", ["/proc/kcore", "/proc/keys", "/proc/timer_list"])
    def test_masked_files_are_empty(self, cuddy: Cuddy, path: str) -> None:
        if not os.path.exists(path):
            pytest.skip(f"this kernel has no {path}")
        assert cuddy("run", "--rm", "alpine", "cat", path).stdout == b""

    @pytest.mark.parametrize("path", ["/proc/acpi", "/proc/scsi", "/sys/firmware"])
    def test_masked_directories_are_empty(self, cuddy: Cuddy, path: str) -> None:
        if not os.path.exists(path):
            pytest.skip(f"this kernel has no {path}")
        assert cuddy.ok("run", "--rm", "alpine", "ls", "-A", path) == ""

    @pytest.mark.parametrize(
        "path", ["/proc/sysrq-trigger", "/proc/sys/kernel/hostname", "/proc/irq/x", "/sys/x"]
    )
    def test_the_kernels_knobs_are_read_only(self, cuddy: Cuddy, path: str) -> None:
        result = cuddy("run", "--rm", "alpine", "sh", "-c", f"echo x > {path}")
        assert result.code != 0
        assert "ead-only" in result.err or "nonexistent" in result.err

    def test_cgroups_are_read_only_and_its_own(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "alpine", "cat", "/proc/self/cgroup")
        assert {line.split(":", 2)[2] for line in out.splitlines()} == {"/"}
        result = cuddy("run", "--rm", "alpine", "sh", "-c", "mkdir /sys/fs/cgroup/*/x")
        assert result.code != 0


class TestDevices:
    NODES = ("null", "zero", "full", "random", "urandom", "tty")

    def test_the_standard_nodes_and_links_are_there(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "alpine", "ls", "/dev")
        links = {"fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm", "mqueue"}
        assert links | set(self.NODES) <= set(out.split())
        script = "head -c 3 /dev/zero | od -An -tx1; echo x >/dev/null; echo x >/dev/full"
        result = cuddy("run", "--rm", "alpine", "sh", "-c", script)
        assert result.out.split() == ["00", "00", "00"]
        assert "No space" in result.err

    def test_shm_has_64_megabytes_and_everybody_may_write(self, cuddy: Cuddy) -> None:
        script = "stat -c %a /dev/shm; df -k /dev/shm | tail -n 1"
        mode, *fields = cuddy.ok("run", "--rm", "alpine", "sh", "-c", script).split()
        assert (mode, fields[1]) == ("1777", "65536")

    @pytest.mark.parametrize("device", ["b 259 0", "c 1 1", "b 7 0", "c 4 64"])
    def test_other_devices_can_be_made_but_not_opened(self, cuddy: Cuddy, device: str) -> None:
        script = f"mknod /x {device} && (head -c 1 /x || echo x > /x)"
        result = cuddy("run", "--rm", "alpine", "sh", "-c", script)
        assert result.code != 0
        assert "not permitted" in result.err

    def test_allowed_devices_can_be_made_and_opened(self, cuddy: Cuddy) -> None:
        script = "mknod /x c 1 5 && head -c 2 /x | od -An -tx1"
        assert cuddy.ok("run", "--rm", "alpine", "sh", "-c", script).split() == ["00", "00"]


def test_the_engines_own_files_are_for_root_only(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "secret", "-e", "PASSWORD=x", "alpine", "sleep", "1000")
    container_id = cuddy.field("secret", "{{.Id}}")
    for top in (cuddy.root / "containers", cuddy.run_root):
        assert top.stat().st_mode & 0o077 == 0
        for path in (top / container_id).iterdir():
            if path.is_file() and path.name not in ("hosts", "hostname", "resolv.conf"):
                assert path.stat().st_mode & 0o077 == 0, path


def test_the_interpreter_cannot_be_reached_from_inside(cuddy: Cuddy) -> None:
    """CVE-2019-5736: what `#!/proc/self/exe` names must not be the engine's program."""
    script = "printf '#!/proc/self/exe\\n' >/x; chmod +x /x; readlink /proc/self/exe; exec /x"
    result = cuddy("run", "--rm", "alpine", "sh", "-c", script)
    assert "python" not in result.out
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    watch = "for n in 1 2 3 4 5 6 7 8 9; do readlink /proc/[0-9]*/exe; sleep 0.02; done"
    with cuddy.start("exec", "box", "sh", "-c", watch) as watching:
        for _ in range(3):
            cuddy.ok("exec", "box", "true")
        out, _ = watching.communicate(timeout=30)
    assert b"python" not in out
