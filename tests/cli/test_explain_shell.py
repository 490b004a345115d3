"""`explain --shell`: the commands it prints, pasted into a real shell, make a working container."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

import images
import isolation
from console import (
    ENGINE,
    TIME_FACTOR,
    Cuddy,
    children_of,
    is_alive,
    processes_called,
    wait_until,
)

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine explains anything")
PROMPT = "typed-here> "
INSIDE = "seen-inside> "
PASTE = ("\x1b[200~", "\x1b[201~")
"""What a terminal puts around a paste for a shell that asks for it (bracketed paste)."""


class Hands:
    """Somebody at a shell of the host's."""

    def __init__(self, shell: str, *options: str) -> None:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PS1": PROMPT, "TERM": "xterm"}
        self.child = pexpect.spawn(
            shell, list(options), env=environment, echo=False, encoding="utf-8",
            timeout=30 * TIME_FACTOR, dimensions=(50, 4000),
        )  # fmt: skip
        self.child.delaybeforesend = None
        self.child.expect_exact(PROMPT)

    def paste(self, text: str, *, at_once: bool) -> None:
        """A whole text in one go, or each line when the shell asks for the next."""
        if at_once:
            self.child.send(f"{PASTE[0]}{text.rstrip()}{PASTE[1]}\r")
            return
        for line in joined(text):
            self.child.sendline(line)

    def ask(self, command: str, prompt: str = PROMPT) -> str:
        """What a command prints."""
        self.child.sendline(f"{command}; echo 'en''d'")
        self.child.expect_exact("end\r\n")
        said = self.child.before or ""
        self.child.expect_exact(prompt)
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\r", "", said).strip()


def joined(text: str) -> list[str]:
    """Lines as they are typed: what ends in a backslash goes on."""
    return [line for line in text.replace("\\\n", "").splitlines() if line]


@contextmanager
def at_a_shell(*words: str) -> Iterator[Hands]:
    hands = Hands(*words)
    try:
        yield hands
    finally:
        hands.child.close(force=True)


def script_of(cuddy: Cuddy, name: str) -> str:
    text = cuddy.ok("explain", "--shell", name) + "\n"
    # Every line that does something has a line before it that says what it is for.
    for block in text.strip().split("\n\n"):
        assert block.startswith("# "), block
    # Groups have no namespace: by this name the leak detector knows whose they are.
    return text.replace("/tmp/byhand.", f"{isolation.directory()}/{isolation.name()}.")


def leftovers() -> list[str]:
    """Directories; what else may be left is seen by the detector of every test."""
    return [*map(str, Path(isolation.directory()).glob(f"{isolation.name()}.*"))]


@pytest.mark.parametrize(
    ("shell", "at_once"),
    [(("bash", "--norc", "--noprofile"), True), (("bash", "--norc", "--noprofile"), False),
     (("dash",), False)],
    ids=["bash-paste", "bash-lines", "dash-lines"],
)  # fmt: skip
def test_a_pasted_script_makes_a_working_container(
    cuddy: Cuddy, shell: tuple[str, ...], at_once: bool
) -> None:
    words = ["-m", "32m", "--hostname", "handmade", "--env", f"PS1={INSIDE}", "-v", "kept:/kept"]
    cuddy.ok("create", "--name", "one", *words, "-i", "alpine", "sh")
    text = script_of(cuddy, "one")
    with at_a_shell(*shell) as hands:
        hands.paste(text, at_once=at_once)
        hands.child.expect_exact(INSIDE)
        assert hands.ask("hostname", INSIDE) == "handmade"
        assert hands.ask("echo $$", INSIDE) == "1"
        assert hands.ask("ls /proc | grep -c '^[0-9]'", INSIDE) in ("2", "3")
        assert hands.ask("ls -d /bin/busybox /work", INSIDE).endswith("/bin/busybox")
        powers = hands.ask("grep CapBnd /proc/self/status", INSIDE)
        assert powers.split() == ["CapBnd:", "00000000a80425fb"]
        assert hands.ask("cat /proc/timer_list", INSIDE) == ""
        refused = hands.ask("umount /proc/timer_list; mount -t tmpfs x /tmp; id -u", INSIDE)
        assert refused.splitlines()[-1] == "0"
        assert len(refused.splitlines()) == 3
        assert "Read-only" in hands.ask("echo x > /proc/sys/kernel/hostname", INSIDE)
        assert hands.ask("echo x > /written; echo x > /kept/by-hand", INSIDE) == ""
        links = hands.ask("ip -o address 2>/dev/null || cat /proc/net/dev", INSIDE)
        assert "eth0" in links
        gateway = re.search(r"default via (\S+)", text)
        assert gateway
        assert "1 packets received" in hands.ask(f"ping -c1 -W5 {gateway[1]}", INSIDE)
        limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
        groups = hands.ask("cat /proc/self/cgroup", INSIDE)
        assert {line.rpartition(":")[2] for line in groups.splitlines()} == {"/"}
        if "memory.limit_in_bytes" in text:
            assert str(32 << 20) in hands.ask(f"{limit} 2>/dev/null", INSIDE)
        hands.child.sendline("exit")
        hands.child.expect_exact(PROMPT)
        assert hands.ask("echo still here").endswith("still here")
    assert leftovers() == []
    assert cuddy.ok("run", "--rm", "-v", "kept:/kept", "alpine", "cat", "/kept/by-hand") == "x"


def test_a_script_runs_from_a_file_and_beside_its_model(cuddy: Cuddy, tmp_path: Path) -> None:
    """The container runs on; what is made by hand has another address and another top."""
    words = ["--user", "daemon", "-w", "/nowhere", "--cap-drop", "all", "--ulimit", "nofile=99:99"]
    say = "id -u; pwd; ulimit -n; grep CapBnd /proc/self/status; cat /proc/net/fib_trie; ls /mark"
    script = f"{say}; sleep $LONG"
    cuddy.ok("network", "create", "side")
    cuddy.ok(
        "run", "-d", "--name", "one", *words, "--network", "side", "-e", "LONG=1001", "alpine",
        "sh", "-c", script,
    )  # fmt: skip
    cuddy.ok("exec", "--user", "root", "one", "touch", "/mark")
    path = tmp_path / "script"
    path.write_text(script_of(cuddy, "one").replace("LONG=1001", "LONG=0"))
    with at_a_shell("sh") as hands:
        said = hands.ask(f"sh {path} 2>&1")
    lines = said.splitlines()
    assert lines[:3] == ["2", "/nowhere", "99"]
    assert lines[3].split() == ["CapBnd:", "0000000000000000"]
    assert cuddy.field("one", "{{.NetworkSettings.Networks.side.IPAddress}}") not in said
    assert "No such file" in lines[-1]
    assert leftovers() == []
    assert cuddy.ok("exec", "one", "id", "-u") == "2"
    cuddy.ok("rm", "-f", "one")
    cuddy.ok("network", "rm", "side")


def test_links_of_a_hostile_image_lead_nowhere(cuddy: Cuddy, tmp_path: Path) -> None:
    """What is made from outside follows no link of the image's."""
    target = tmp_path / "target"
    target.mkdir()
    names = ("proc", "sys", "dev", "etc", "data", "wd")
    entries = [images.link(name, f"/..{target}") for name in names]
    entries.append(images.entry("sh", images.BUSYBOX.read_bytes(), mode=0o755))
    cuddy.ok("import", "-", "hostile", input=images.tar(*entries))
    cuddy.ok("create", "--name", "one", "-v", "kept:/data", "-w", "/wd", "hostile", "/sh")
    path = tmp_path / "script"
    path.write_text(script_of(cuddy, "one"))
    with at_a_shell("sh") as hands:
        said = hands.ask(f"sh {path} < /dev/null 2>&1")
    assert "symbolic links" in said
    assert list(target.iterdir()) == []
    assert leftovers() == []


def test_an_image_does_not_reach_the_shell_that_begins_it(cuddy: Cuddy, tmp_path: Path) -> None:
    """Neither by what the shell is told, nor by /proc/self/exe (CVE-2019-5736)."""
    words = ["-e", "LD_PRELOAD=/nowhere.so", "-e", "ESC=a\x1b[201~\x15b"]
    say = "env | grep -e ^LD_PRELOAD= -e ^ESC= | od -An -c"
    cuddy.ok("create", "--name", "one", "--network", "none", *words, "alpine", "sh", "-c", say)
    path = tmp_path / "script"
    text = script_of(cuddy, "one")
    assert "\x1b" not in text
    assert '"$S" -c' in text  # a copy
    path.write_text(text)
    with at_a_shell("sh") as hands:
        said = hands.ask(f"sh {path} 2>&1")
    assert "033" in said
    assert "ld.so" not in said  # the host's loader complains so
    assert leftovers() == []


def test_the_view_of_the_host_by_hand(cuddy: Cuddy, tmp_path: Path) -> None:
    say = "grep -c '^root:[*]' /etc/shadow; ls -d /usr/bin/env; ls /home; touch /usr/made && id -u"
    cuddy.ok("create", "--name", "one", "--network", "none", "host", "sh", "-c", say)
    path = tmp_path / "script"
    path.write_text(script_of(cuddy, "one"))
    with at_a_shell("sh") as hands:
        assert hands.ask(f"sh {path} 2>&1").split() == ["1", "/usr/bin/env", "0"]
    assert not Path("/usr/made").exists()
    assert leftovers() == []


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_of_a_script_that_is_ended(
    cuddy: Cuddy, tmp_path: Path, shell: str, how: signal.Signals
) -> None:
    cuddy.ok("create", "--name", "one", "-m", "32m", "alpine", "sleep", "1005")
    path = tmp_path / "script"
    path.write_text(script_of(cuddy, "one"))
    with at_a_shell("sh") as hands:
        hands.child.sendline(f"{shell} {path}; echo code $?")
        (program,) = wait_until(lambda: processes_called("sleep\0001005\0"))
        (script,) = children_of(hands.child.pid)
        os.kill(script, how)
        hands.child.expect(f"code {130 if how == signal.SIGINT else 143}")
        hands.child.expect_exact(PROMPT)
    wait_until(lambda: not is_alive(program))
    assert leftovers() == []


@pytest.mark.parametrize("shell", [("bash", "--norc", "--noprofile"), ("dash",)])
def test_nothing_is_left_when_keys_end_what_was_pasted(
    cuddy: Cuddy, shell: tuple[str, ...]
) -> None:
    cuddy.ok("create", "--name", "one", "-m", "32m", "alpine", "sleep", "1006")
    text = script_of(cuddy, "one")
    with at_a_shell(*shell) as hands:
        hands.paste(text, at_once=False)
        (program,) = wait_until(lambda: processes_called("sleep\0001006\0"))
        # As its first process it heeds no signal that it has not asked for: only another's.
        os.kill(program, signal.SIGKILL)
        assert hands.ask("echo still here").endswith("still here")
        assert leftovers() == []
        # Half of it, and then the shell ends.
        lines = joined(text)
        half = next(n for n, line in enumerate(lines) if "mount -t overlay" in line)
        for line in lines[: half + 1]:
            hands.child.sendline(line)
        assert hands.ask("echo half").endswith("half")
        assert leftovers() != []
        hands.child.sendline("exit")
        hands.child.expect(pexpect.EOF)
    assert leftovers() == []


def test_links_in_a_volume_lead_nowhere_either(cuddy: Cuddy, tmp_path: Path) -> None:
    """What is mounted below a volume is made in it, where others may have put links."""
    target, data = tmp_path / "target", tmp_path / "data"
    target.mkdir()
    data.mkdir()
    (data / "link").symlink_to(target)
    (data / "file").symlink_to(target / "made")
    (data / "wd").symlink_to(target)
    (tmp_path / "source").write_text("shown")
    words = ["-v", f"{data}:/data", "-v", f"{tmp_path}/source:/data/link/file", "-w", "/data/wd/x"]
    words += ["-v", f"{tmp_path}/source:/data/file", "--tmpfs", "/data/link/tmp"]
    cuddy.ok("create", "--name", "one", *words, "alpine", "cat", "/data/file")
    path = tmp_path / "script"
    path.write_text(script_of(cuddy, "one"))
    with at_a_shell("sh") as hands:
        said = hands.ask(f"sh {path} < /dev/null 2>&1")
    assert "symbolic links" in said
    assert list(target.iterdir()) == []
    assert leftovers() == []


def test_what_is_mounted_below_a_volume_is_there(cuddy: Cuddy, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "there").symlink_to("inner/file")
    (tmp_path / "source").write_text("shown")
    words = ["-v", f"{data}:/data", "-v", f"{tmp_path}/source:/data/inner/file:ro"]
    words += ["--tmpfs", "/data/tmp", "--oom-score-adj", "77"]
    say = "cat /data/there; grep -c ' /data/tmp tmpfs' /proc/mounts; cat /proc/self/oom_score_adj"
    cuddy.ok("create", "--name", "one", *words, "alpine", "sh", "-c", say)
    path = tmp_path / "script"
    path.write_text(script_of(cuddy, "one"))
    with at_a_shell("sh") as hands:
        said = hands.ask(f"sh {path} < /dev/null 2>&1")
    assert said.split() == ["shown1", "77"]
    assert leftovers() == []
