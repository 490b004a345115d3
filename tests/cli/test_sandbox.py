"""`cuddy sandbox`: what a shell and the driver of an agent do with sandboxes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import TIME_FACTOR, Cuddy, wait_until

MARK = b"snapshot".hex()


@pytest.fixture(autouse=True)
def nothing_is_left(cuddy: Cuddy) -> Iterator[None]:
    yield
    for name in cuddy.ok("sandbox", "ls", "-q").split():
        cuddy.ok("sandbox", "rm", name)
    wait_until(lambda: layers(cuddy) == [])


@pytest.fixture
def box(cuddy: Cuddy) -> str:
    return make(cuddy, "--name", "box")


def make(cuddy: Cuddy, *words: str) -> str:
    return cuddy.ok("sandbox", "create", "--network", "none", *words, "alpine")


def layers(cuddy: Cuddy) -> list[str]:
    return [name for name in os.listdir(f"{cuddy.root}/layers") if name.startswith(MARK)]


def is_gone(cuddy: Cuddy, name: str) -> bool:
    return not os.path.exists(f"{cuddy.root}/containers/{name}")


def rows(cuddy: Cuddy) -> list[dict[str, str]]:
    lines = cuddy.ok("sandbox", "ls", "--format", "json").splitlines()
    return [json.loads(line) for line in lines]


def test_its_whole_life(cuddy: Cuddy, box: str, tmp_path: Path) -> None:
    assert len(box) == 64
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main").write_text("echo ran")
    cuddy.ok("sandbox", "put", "box", str(tmp_path / "src"), "/app")
    assert cuddy.ok("sandbox", "exec", "box", "sh", "/app/main") == "ran"
    assert cuddy.ok("sandbox", "snapshot", "box") == "1"
    cuddy.ok("sandbox", "exec", "box", "rm", "-r", "/app")
    assert "D /app" in cuddy.ok("sandbox", "diff", "--since", "1", "box").splitlines()
    cuddy.ok("sandbox", "restore", "box", "1")
    cuddy.ok("sandbox", "get", "box", "/app", str(tmp_path / "copy"))
    assert (tmp_path / "copy/main").read_text() == "echo ran"
    assert cuddy.ok("sandbox", "diff", "box").splitlines() == ["A /app", "A /app/main"]
    [row] = rows(cuddy)
    assert (row["Name"], row["Snapshots"], row["Owner"], row["Left"]) == ("box", "1", "", "")
    assert cuddy.ok("sandbox", "rm", "box") == "box"
    assert cuddy.ok("sandbox", "ls", "-q") == ""


def test_files_by_standard_streams(cuddy: Cuddy, box: str, tmp_path: Path) -> None:
    data = os.urandom(300_000)
    cuddy.ok("sandbox", "write", "box", "/deep/er/raw", input=data)
    (tmp_path / "raw").write_bytes(cuddy("sandbox", "read", "box", "/deep/er/raw").stdout)
    assert (tmp_path / "raw").read_bytes() == data
    (tmp_path / "a.tar").write_bytes(cuddy("sandbox", "get", "box", "/deep", "-").stdout)
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert "deep/er/raw" in tar.getnames()
    assert cuddy("sandbox", "read", "box", "/deep").code == 1
    assert cuddy("sandbox", "read", "box", "/nowhere").code == 1
    assert cuddy("sandbox", "write", "box", "/").code == 1


def test_no_directory_gives_way_to_a_file(cuddy: Cuddy, box: str) -> None:
    refused = cuddy("sandbox", "write", "box", "/etc", input=b"x")
    assert refused.code == 1
    assert "/etc" in refused.complaint
    assert "root:" in cuddy.ok("sandbox", "read", "box", "/etc/passwd")
    cuddy.ok("sandbox", "write", "box", "/etc/passwd", input=b"another")
    assert cuddy.ok("sandbox", "read", "box", "/etc/passwd") == "another"


def test_forks_with_names(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("sandbox", "write", "box", "/words", input=b"common")
    made = cuddy.ok("sandbox", "fork", "--name", "left", "--name", "right", "box").split()
    assert len(made) == 2
    cuddy.ok("sandbox", "rm", "box")
    for name in ("left", "right"):
        assert cuddy.ok("sandbox", "read", name, "/words") == "common"
    assert {row["Parent"] for row in rows(cuddy)} == {box[:12]}
    assert len(layers(cuddy)) == 1


def test_what_it_has_used(cuddy: Cuddy) -> None:
    make(cuddy, "--name", "small", "--memory", "32m", "--cpus", "0.5", "--pids-limit", "50")
    cuddy("sandbox", "exec", "small", "tail", "/dev/zero")
    row = json.loads(cuddy.ok("sandbox", "stats", "--format", "json", "small"))
    assert int(row["OOMKills"]) >= 1
    assert (row["MemoryLimit"], row["CPUs"], row["PIDsLimit"]) == ("32MiB", "0.5", "50")


def test_it_ends_with_the_shell_that_owns_it(cuddy: Cuddy) -> None:
    owner = subprocess.Popen(["sleep", "60"])
    name = make(cuddy, "--owner", str(owner.pid))
    [row] = rows(cuddy)
    owner.kill()
    owner.wait()
    assert row["Owner"] == str(owner.pid)
    wait_until(lambda: is_gone(cuddy, name))


def test_it_ends_when_its_time_is_up(cuddy: Cuddy) -> None:
    name = make(cuddy, "--ttl", "3s")
    assert "seconds" in rows(cuddy)[0]["Left"] or "second" in rows(cuddy)[0]["Left"]
    wait_until(lambda: is_gone(cuddy, name))


@pytest.mark.parametrize("words", [
    ("--entrypoint", "sh"), ("-it",), ("--restart", "always"), ("--ttl", "0"), ("--ttl", "soon"),
    ("--owner", "999999999"), ("--pid", "host"), ("--health-cmd", "true"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(cuddy: Cuddy, words: tuple[str, ...]) -> None:
    before = os.listdir(f"{cuddy.root}/containers")
    assert cuddy("sandbox", "create", "--network", "none", *words, "alpine").code == 125
    assert os.listdir(f"{cuddy.root}/containers") == before


def test_an_ordinary_container_is_none(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--network", "none", "--name", "plain", "alpine", "sleep", "1000")
    for words in (("snapshot", "plain"), ("rm", "plain"), ("diff", "plain"), ("fork", "plain")):
        result = cuddy("sandbox", *words)
        assert result.code == 1 and "plain is not a sandbox" in result.err
    cuddy.ok("rm", "-f", "plain")


def test_a_number_that_is_none_is_refused(cuddy: Cuddy, box: str) -> None:
    for word in ("1", "-1", "one", "99999999999999"):
        assert cuddy("sandbox", "restore", "box", word).code != 0


def kill_after(cuddy: Cuddy, delay_s: float, *words: str) -> None:
    """Begin a command of `cuddy sandbox`, and kill it with all it has forked after a while."""
    process = subprocess.Popen(
        [*cuddy.program, "sandbox", *words], env=cuddy.environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(delay_s)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(60 * TIME_FACTOR)


def test_a_command_killed_at_any_moment_leaves_one_state_or_the_other(
    cuddy: Cuddy, box: str
) -> None:
    """Each round writes a number; whatever is killed, it is there, and so are all snapshots."""
    contents = {0: ""}
    for turn in range(12):
        cuddy.ok("sandbox", "exec", "box", "sh", "-c", f"echo {turn} >> /words")
        before = cuddy.ok("sandbox", "read", "box", "/words")
        kill_after(cuddy, 0.03 + 0.02 * turn, "snapshot", "box")
        assert cuddy.ok("sandbox", "read", "box", "/words") == before
        number = int(cuddy.ok("sandbox", "snapshot", "box"))
        for each in range(max(contents) + 1, number + 1):
            contents[each] = before
        if turn % 4 == 3:
            chosen = turn % number + 1
            kill_after(cuddy, 0.03 + 0.01 * turn, "restore", "box", str(chosen))
            now = cuddy.ok("sandbox", "exec", "box", "cat", "/words")
            assert now in (before, contents[chosen])
            cuddy.ok("sandbox", "restore", "box", str(chosen))
            assert cuddy.ok("sandbox", "read", "box", "/words") == contents[chosen]
    for number in list(contents)[1:]:
        cuddy.ok("sandbox", "restore", "box", str(number))
        assert cuddy.ok("sandbox", "read", "box", "/words") == contents[number]


def test_a_fork_killed_at_any_moment_leaves_nothing(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("sandbox", "write", "box", "/words", input=b"common")
    for turn in range(6):
        kill_after(cuddy, 0.04 + 0.03 * turn, "fork", "-n", "2", "box")
        for row in rows(cuddy):
            if row["Name"] != "box":
                assert row["Status"] == "running" or turn >= 0
                if row["Status"] == "running":
                    assert cuddy.ok("sandbox", "read", row["ID"], "/words") == "common"
                cuddy.ok("sandbox", "rm", row["ID"])
    cuddy.ok("sandbox", "rm", "box")
    assert rows(cuddy) == []


def test_a_sandbox_whose_monitor_is_killed_is_collected_with_its_layers(
    cuddy: Cuddy, box: str
) -> None:
    cuddy.ok("sandbox", "write", "box", "/words", input=b"x")
    cuddy.ok("sandbox", "snapshot", "box")
    pid = int(Path(f"{cuddy.run_root}/{box}/monitor").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: cuddy.ok("sandbox", "ls", "-q") == "")
    wait_until(lambda: is_gone(cuddy, box) and layers(cuddy) == [])


def test_layers_of_nobody_are_swept(cuddy: Cuddy) -> None:
    os.mkdir(f"{cuddy.root}/layers/{MARK}{'0' * 48}")
    cuddy.ok("sandbox", "ls")
    assert layers(cuddy) == []


def test_pruning_images_leaves_the_layers_of_sandboxes(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("sandbox", "write", "box", "/words", input=b"kept")
    cuddy.ok("sandbox", "snapshot", "box")
    cuddy.ok("image", "prune", "-f")
    cuddy.ok("sandbox", "restore", "box", "1")
    assert cuddy.ok("sandbox", "read", "box", "/words") == "kept"
    assert cuddy("system", "check").code == 0


def test_an_image_of_one_has_the_files_of_all_its_snapshots(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("sandbox", "write", "box", "/one", input=b"1")
    cuddy.ok("sandbox", "snapshot", "box")
    cuddy.ok("sandbox", "exec", "box", "rm", "/etc/passwd")
    cuddy.ok("sandbox", "snapshot", "box")
    cuddy.ok("sandbox", "write", "box", "/two", input=b"2")
    cuddy.ok("commit", "box", "of-sandbox")
    run = ("run", "--rm", "--network", "none", "of-sandbox")
    assert cuddy.ok(*run, "cat", "/one", "/two") == "12"
    assert cuddy(*run, "ls", "/etc/passwd").code == 1
    assert cuddy.ok("image", "inspect", "-f", "{{.Config.Cmd}}", "of-sandbox") == cuddy.ok(
        "image", "inspect", "-f", "{{.Config.Cmd}}", "alpine"
    )
    cuddy.ok("image", "rm", "of-sandbox")


@pytest.mark.parametrize("busy", [True, False])
def test_ids_of_ones_own_are_shared_with_no_fork(cuddy: Cuddy, busy: bool) -> None:
    make(cuddy, "--name", "box", "--userns", "auto")
    cuddy.ok("sandbox", "exec", "box", "touch", "/file")
    if busy:
        cuddy.ok("sandbox", "exec", "-d", "box", "sleep", "1000")
    for words in (["snapshot", "box"], ["fork", "box"]):
        refused = cuddy("sandbox", *words)
        assert refused.code != 0
        assert "users of its own" in refused.err
    assert len(os.listdir(f"{cuddy.root}/ids")) == 1
