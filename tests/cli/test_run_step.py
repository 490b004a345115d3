"""`run --step`: a container is built one lock at a time, and looked at from inside."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import images
import userns_expected
from console import (
    ENGINE,
    Cuddy,
    Terminal,
    children_of,
    gone_on,
    is_alive,
    processes_called,
    wait_until,
)
from cuddy.engine.run_step_stages import STAGES

pytestmark = [
    pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine teaches"),
    pytest.mark.skipif(
        bool(os.environ.get(userns_expected.ASKED_FOR)), reason="it is said to be refused"
    ),
]
NAMES = [stage.name for stage in STAGES]


def told(text: str) -> dict[str, str]:
    """What was said of each stage."""
    parts = re.split(rf"^\d/{len(STAGES)} (\w+): .*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def change(text: str, key: str) -> tuple[str, str]:
    """What a thing was and is, in what is said of a stage."""
    found = re.search(rf"^{key} +was  (.*(?:\n {{14}}.*)*)\n +is   (.*)$", text, re.MULTILINE)
    assert found, text
    return found[1], found[2]


def test_every_lock_changes_what_it_is_about_and_nothing_else(cuddy: Cuddy) -> None:
    words = ["-m", "64m", "--hostname", "built", "alpine", "sh", "-c", "echo ran; exit 3"]
    result = cuddy("run", "--rm", "--step", *words)
    assert result.code == 3, result.err
    stages = told(result.out)
    assert list(stages) == NAMES
    order = [name for name in NAMES if name != "names"]
    assert order == ["process", "pid", "mounts", "root", "union", "cgroup", "network", "powers"]
    changed = {
        name: set(re.findall(r"^(\S.*?) +was  ", text, re.MULTILINE)) - {"ls /"}
        for name, text in stages.items()
    }
    assert changed["pid"] == {"number", "namespaces"}
    assert changed["names"] == {"hostname", "namespaces"}
    assert changed["mounts"] == {"ps", "mount", "namespaces"}
    assert changed["root"] == {"mount", "root"} or changed["root"] == {"mount", "root", "ps"}
    assert {"mount", "root", "layers"} <= changed["union"]
    assert changed["cgroup"] == {"mount", "group", "namespaces"}
    assert changed["network"] == {"network", "namespaces"}
    assert changed["powers"] == {"ps", "mount", "powers", "filter"}
    assert change(stages["names"], "hostname")[1] == "built"
    assert change(stages["pid"], "number")[1].startswith("1 in there, ")
    assert change(stages["mounts"], "ps")[1] == "1 process"
    assert change(stages["union"], "root")[1] == "overlay, writable"
    assert "echo 67108864 > memory." in stages["cgroup"]
    assert "eth0" in change(stages["network"], "network")[1]
    assert change(stages["powers"], "powers")[1].startswith("14 of ")
    assert "unshare(CLONE_NEWNS) = 0" in stages["mounts"]
    assert "pivot_root('.', '.') = 0" in stages["root"]
    assert "seccomp(" in stages["powers"]
    assert result.out.endswith("\nran")
    assert cuddy.ok("ps", "-aq") == ""


def test_what_a_stage_names_is_there() -> None:
    top = Path(__file__).parents[2] / "src/cuddy"
    for stage in STAGES:
        assert stage.manual and stage.exercise and stage.answer
        for path in stage.files:
            assert (top / path).is_file(), path


@contextmanager
def at_a_terminal(cuddy: Cuddy, *words: str) -> Iterator[Terminal]:
    with cuddy.terminal("run", "--rm", "--step", *words, rows=50, columns=100) as terminal:
        yield terminal


def at(name: str) -> str:
    """The prompt between the stages."""
    return rf"{name}> "


def test_a_shell_at_each_stage_sees_what_is_locked(cuddy: Cuddy) -> None:
    ask = "echo B''EGIN $$ $(hostname) $(ls /proc | grep -c '^[0-9]') $(ls / | wc -l) E''ND"
    seen: dict[str, list[str]] = {}
    with at_a_terminal(
        cuddy, "-it", "--hostname", "built", "host", "sh", "-c", "cat /mine; tty; exit 4"
    ) as terminal:
        for name in NAMES:
            terminal.expect(at(name), timeout=60)
            terminal.line("s")
            terminal.expect(rf"\[{name}\] # ")
            terminal.line(ask)
            seen[name] = terminal.expect(r"BEGIN (.*) END")[1].split()
            if name == "union":
                terminal.line("echo kept > /mine")
            if name == "powers":
                terminal.line("mount -t tmpfs none /mnt || echo re''fused")
                terminal.expect("refused")
            terminal.line("exit")
            terminal.expect(at(name))
            terminal.line("")
        terminal.expect("kept\r\n/dev/pts/0")
        assert terminal.ends() == 4
    hostname = os.uname().nodename
    assert int(seen["process"][0]) > 10
    assert int(seen["pid"][0]) < 10
    assert seen["pid"][1] == hostname
    assert {seen[name][1] for name in NAMES[2:]} == {"built"}
    assert int(seen["names"][2]) > int(seen["mounts"][2])
    assert int(seen["mounts"][2]) < 10
    assert seen["mounts"][3] != seen["root"][3]


def test_a_command_runs_in_a_stage_and_what_it_leaves_is_ended(cuddy: Cuddy) -> None:
    with at_a_terminal(cuddy, "host", "true") as terminal:
        for name in NAMES:
            terminal.expect(at(name), timeout=60)
            terminal.line("sleep 1003 & echo left; exit 9")
            terminal.expect("left")
            terminal.expect(at(name))
            terminal.line("/no/such/thing")
            terminal.expect("not found")
            terminal.expect(at(name))
            if name == "powers":
                break
            terminal.line("")
        assert not processes_called("sleep\0001003\0")
        terminal.line("q")
        assert terminal.ends() == 0
    assert cuddy.ok("ps", "-aq") == ""


def test_programs_of_an_image_need_a_word_of_trust_before_the_last_lock(cuddy: Cuddy) -> None:
    with at_a_terminal(cuddy, "alpine", "true") as terminal:
        for name in NAMES:
            terminal.expect(at(name), timeout=60)
            if name == "root":
                terminal.line("echo $((40+2))")
                terminal.expect(r"only if you trust the image.*\[y/N\] ".replace("only", "Only"))
                terminal.line("")
                terminal.expect(at(name))
            if name == "powers":
                terminal.line("echo $((40+2))")
                terminal.expect("42")
                terminal.expect(at(name))
            terminal.line("")
        assert terminal.ends() == 0


def test_one_that_keeps_its_powers_is_told_and_needs_trust_to_the_end(cuddy: Cuddy) -> None:
    with at_a_terminal(cuddy, "--privileged", "alpine", "true") as terminal:
        for name in NAMES[:-1]:
            terminal.expect(at(name), timeout=60)
            terminal.line("")
        terminal.expect("it is privileged, and keeps all")
        terminal.expect(at("powers"))
        terminal.line("echo $((40+2))")
        terminal.expect(r"Only if you trust the image.*\[y/N\] ")
        terminal.line("y")
        terminal.expect("42")
        terminal.expect(at("powers"))
        terminal.line("")
        assert terminal.ends() == 0


def test_an_image_without_a_shell_is_built_all_the_same(cuddy: Cuddy) -> None:
    program = images.entry("busybox", images.BUSYBOX.read_bytes(), mode=0o755)
    cuddy.ok("import", "-", "bare", input=images.tar(program))
    with at_a_terminal(cuddy, "bare", "/busybox", "echo", "ran") as terminal:
        for name in NAMES:
            terminal.expect(at(name), timeout=60)
            if name == "powers":
                terminal.line("s")
                terminal.expect("cuddy: .*no such file")
                terminal.expect(at(name))
            terminal.line("")
        terminal.expect("ran")
        assert terminal.ends() == 0
    cuddy.ok("rmi", "bare")


@pytest.mark.parametrize("stage", NAMES)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_at_any_stage_leaves_nothing(
    cuddy: Cuddy, stage: str, how: signal.Signals
) -> None:
    with at_a_terminal(cuddy, "-m", "64m", "-v", "kept:/kept", "host", "true") as terminal:
        for name in NAMES[: NAMES.index(stage) + 1]:
            terminal.expect(at(name), timeout=60)
            if name != stage:
                terminal.line("")
        built = children_of(terminal.child.pid)
        assert built
        os.kill(terminal.child.pid, how)
        code = terminal.ends()
        assert code == 128 + how
        wait_until(lambda: not any(map(is_alive, built)))
    assert cuddy.ok("ps", "-aq") == ""
    assert not [name for name in os.listdir(cuddy.run_root) if len(name) == 64]


@pytest.mark.slow
def test_killed_at_any_moment_between_stages_it_leaves_nothing(cuddy: Cuddy) -> None:
    chance = random.Random(4)
    for _ in range(30):
        gone_on()
        words = [
            "run",
            "--rm",
            "--step",
            "-m",
            "64m",
            "-v",
            "kept:/kept",
            "alpine",
            "sleep",
            "1007",
        ]
        with cuddy.start(*words) as process:
            assert process.stdout
            for _ in range(chance.randrange(len(NAMES) * 10)):
                process.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
            process.communicate()
        for container_id in cuddy.ok("ps", "-q", "--no-trunc").split():
            # Its command ran already: that outlives us, as with any `run`.
            cuddy.ok("rm", "-f", container_id)
        assert not set(cuddy.ok("ps", "-a", "--format", "{{.State}}").split()) - {"created"}
        cuddy.remove_all()
    assert not [name for name in os.listdir(cuddy.run_root) if len(name) == 64]


def test_a_killed_shell_ends_with_the_command(cuddy: Cuddy) -> None:
    with at_a_terminal(cuddy, "host", "true") as terminal:
        for name in NAMES[:5]:
            terminal.expect(at(name), timeout=60)
            terminal.line("" if name != "root" else "sleep 1004")
        (pid,) = wait_until(lambda: processes_called("sleep\0001004\0"))
        os.kill(terminal.child.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid))
        terminal.ends()
    assert cuddy.ok("ps", "-aq") == ""


def test_what_the_container_shares_is_left_out(cuddy: Cuddy) -> None:
    words = ["--network", "host", "--pid", "host", "--uts", "host", "--cgroupns", "host"]
    result = cuddy("run", "--rm", "--step", *words, "alpine", "echo", "ran")
    assert result.code == 0, result.err
    stages = told(result.out)
    left = [name for name in NAMES if "left out" in stages[name]]
    assert left == ["pid", "names", "cgroup", "network"]
    assert result.out.endswith("ran")


def test_networks_volumes_and_peers_are_the_containers(cuddy: Cuddy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("shown")
    cuddy.ok("network", "create", "side")
    cuddy.ok("run", "-d", "--name", "peer", "alpine", "sleep", "1001")
    words = [
        "--network",
        "side",
        "-v",
        f"{tmp_path}:/data:ro",
        "--read-only",
        "--tmpfs",
        "/scratch",
    ]
    result = cuddy("run", "--rm", "--step", *words, "alpine", "cat", "/data/file")
    assert result.code == 0, result.err
    assert "on the network side" in result.out
    assert result.out.endswith("shown")
    result = cuddy("run", "--rm", "--step", "--network", "container:peer", "alpine", "echo", "ran")
    assert result.code == 0, result.err
    assert "eth0" in change(told(result.out)["network"], "network")[1]


def test_flags_that_do_not_go_together_are_refused(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "--step", "-d", "alpine", "true")
    assert result.code == 1
    assert "--detach" in result.complaint
    result = cuddy("run", "--rm", "--step", "--userns", "auto", "alpine", "true")
    assert result.code == 125
    assert "--userns host" in result.complaint
    assert cuddy.ok("ps", "-aq") == ""
