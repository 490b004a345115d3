"""`container prune`, `system prune`: what nothing uses goes, what somebody works with stays."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from console import ENGINE, Cuddy
from cuddy import files
from cuddy.kernel import mount

CONTAINERS = "WARNING! This will remove all stopped containers.\n"
SURE = "Are you sure you want to continue? [y/N] "


def test_containers_that_do_not_run_go(fresh: Cuddy) -> None:
    fresh.ok("run", "-d", "--name", "busy", "alpine", "sleep", "1000")
    gone = [fresh.ok("create", "alpine", "true")]
    fresh.ok("run", "--name", "over", "alpine", "head", "-c", "1500", "/dev/zero")
    fresh.ok("run", "--name", "fat", "alpine", "sh", "-c", "head -c 1500 /dev/zero > /data")
    gone += [fresh.field(name, "{{.Id}}") for name in ("over", "fat")]
    result = fresh("container", "prune", input=b"y\n")
    lines = result.out.splitlines()
    assert f"{lines[0]}\n" == CONTAINERS
    assert lines[1] == f"{SURE}Deleted Containers:"
    assert set(lines[2:5]) == set(gone)
    assert lines[5:] == ["", "Total reclaimed space: 1.5kB"]
    assert fresh.ok("ps", "-a", "--format", "{{.Names}}") == "busy"
    assert fresh.ok("container", "prune", "-f") == "Total reclaimed space: 0B"
    assert fresh("events", "--since", "1h", "--until", "0s").out.count("container prune") == 2


@pytest.mark.parametrize("answer", [b"", b"n\n", b"yes\n"])
def test_without_a_yes_nothing_goes(cuddy: Cuddy, answer: bytes) -> None:
    cuddy.ok("create", "--name", "idle", "alpine", "true")
    result = cuddy("container", "prune", input=answer)
    assert (result.code, result.stdout.decode()) == (0, CONTAINERS + SURE)
    cuddy.ok("inspect", "idle")


def test_filters(cuddy: Cuddy) -> None:
    for name in ("red", "blue"):
        cuddy.ok("create", "--name", name, "-l", f"colour={name}", "alpine", "true")
    cuddy.ok("container", "prune", "-f", "--filter", "until=1h")
    cuddy.ok("container", "prune", "-f", "--filter", "label!=colour")
    assert len(cuddy.ok("ps", "-aq").split()) == 2
    cuddy.ok("container", "prune", "-f", "--filter", "label=colour=red", "--filter", "until=0s")
    assert cuddy.ok("ps", "-a", "--format", "{{.Names}}") == "blue"
    assert "invalid filter 'colour'" in cuddy("container", "prune", "--filter", "colour=red").err
    twice = cuddy("container", "prune", "-f", "--filter", "until=1h", "--filter", "until=2h")
    assert "more than one until filter" in twice.complaint


def test_what_a_living_command_has_made_is_left_to_it(cuddy: Cuddy) -> None:
    container_id = cuddy.ok("create", "alpine", "true")
    path = cuddy.root / f"containers/{container_id}/container.json"
    record = json.loads(path.read_text())
    maker = f"{os.getpid()}-{files.start_time(os.getpid())}-0123456789ab.tmp"
    path.write_text(json.dumps(record | {"Creator": maker}))
    assert "Deleted" not in cuddy.ok("container", "prune", "-f")
    path.write_text(json.dumps(record))
    assert container_id in cuddy.ok("container", "prune", "-f")


def test_prune_does_not_get_in_the_way_of_run(cuddy: Cuddy) -> None:
    loop = 'while "$@" container prune -f > /dev/null; do :; done'
    words = ["sh", "-c", loop, "sh", *cuddy.program]
    with subprocess.Popen(words, env=cuddy.environment, stderr=subprocess.PIPE) as pruner:
        try:
            for number in range(6):
                assert cuddy.ok("run", "alpine", "echo", str(number)) == str(number)
                cuddy("start", cuddy.ok("run", "-d", "alpine", "true"))
            assert pruner.poll() is None
        finally:
            pruner.kill()


def test_prunes_at_the_same_time_share_the_work(cuddy: Cuddy) -> None:
    made = {cuddy.ok("create", "alpine", "true") for _ in range(8)}
    words = [*cuddy.program, "container", "prune", "-f"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(words, env=cuddy.environment, **pipes) for _ in range(4)]
    told = [process.communicate() for process in running]
    assert {process.returncode for process in running} == {0}
    assert not any(err for _, err in told)
    ids = [line for out, _ in told for line in out.decode().splitlines() if len(line) == 64]
    assert sorted(ids) == sorted(made)


@pytest.mark.skipif(ENGINE != "cuddy", reason="looks into our directories")
def test_a_prune_that_is_killed_leaves_whole_containers_or_none(cuddy: Cuddy) -> None:
    for _ in range(6):
        cuddy.ok("create", "alpine", "true")
    for delay_ms in (40, 60, 80):
        with cuddy.start("container", "prune", "-f") as process:
            try:
                process.wait(delay_ms / 1000)
            except subprocess.TimeoutExpired:
                process.kill()
        for container_id in cuddy.ok("ps", "-aq", "--no-trunc").split():
            cuddy.ok("inspect", container_id)
    cuddy.ok("container", "prune", "-f")
    assert cuddy.ok("ps", "-aq") == ""
    assert list(Path(cuddy.root, "names").iterdir()) == []
    assert list(Path(cuddy.root, "tmp").iterdir()) == []


def test_system_prune_says_what_it_will_do(cuddy: Cuddy) -> None:
    words = ("--filter", "label!=b", "--filter", "until=1h", "--filter", "label=a")
    assert cuddy("system", "prune", *words).stdout.decode() == (
        "WARNING! This will remove:\n"
        "  - all stopped containers\n"
        "  - all networks not used by at least one container\n"
        "  - all dangling images\n"
        "  - unused build cache\n"
        "\n"
        "  Items to be pruned will be filtered with:\n"
        "  - label!=b\n"
        "  - label=a\n"
        "  - until=1h\n"
        f"\n{SURE}"
    )
    everything = cuddy("system", "prune", "-a", "--volumes").stdout.decode()
    assert everything == (
        "WARNING! This will remove:\n"
        "  - all stopped containers\n"
        "  - all networks not used by at least one container\n"
        "  - all anonymous volumes not used by at least one container\n"
        "  - all images without at least one container associated to them\n"
        "  - all build cache\n"
        f"\n{SURE}"
    )


def test_system_prune_takes_containers_and_then_their_images(fresh: Cuddy) -> None:
    gone = fresh.ok("create", "alpine", "true")
    image = fresh.ok("inspect", "-f", "{{.Id}}", "alpine")
    kept = fresh.ok("system", "prune", "-f").splitlines()
    assert kept[:2] == ["Deleted Containers:", gone]
    assert "Deleted Images:" not in kept
    lines = fresh.ok("system", "prune", "-af").splitlines()
    assert lines[:2] == ["Deleted Images:", "untagged: alpine:latest"]
    assert f"deleted: {image}" in lines
    assert lines[-1].startswith("Total reclaimed space: ")
    assert fresh.ok("images", "-q") == ""


def test_volumes_go_if_nobody_named_them_and_nobody_uses_them(fresh: Cuddy) -> None:
    script = "head -c 5000 /dev/zero > /anon/x"
    mounts = ("-v", "named:/named", "-v", "/anon")
    fresh.ok("run", "--name", "old", *mounts, "alpine", "sh", "-c", script)
    fresh.ok("container", "prune", "-f")
    fresh.ok("run", "-d", "--name", "new", "-v", "/anon", "alpine", "sleep", "1000")
    (used,) = [mount["Name"] for mount in fresh.inspect("new")["Mounts"]]
    assert "Deleted" not in fresh.ok("container", "prune", "-f")
    before = fresh.ok("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}")
    assert "Local Volumes 3 1" in before.splitlines()
    assert "Deleted Volumes:" not in fresh.ok("system", "prune", "-f")
    lines = fresh.ok("system", "prune", "-f", "--volumes").splitlines()
    assert lines[0] == "Deleted Volumes:"
    assert lines[1] not in ("named", used)
    assert lines[2] == ""
    assert lines[3].startswith("Total reclaimed space: ")
    assert len(lines) == 4
    assert fresh.ok("inspect", "-f", "{{.Name}}", "named", used).split() == ["named", used]
    assert fresh("inspect", "--type", "volume", lines[1]).code == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--volumes", "--filter", "until=1h"], '"until" filter is not supported with "--volumes"'),
        (["--filter", "dangling=true"], "invalid filter 'dangling'"),
        (["everything"], "accepts no arguments"),
    ],
)
def test_what_system_prune_does_not_take(cuddy: Cuddy, words: list[str], message: str) -> None:
    result = cuddy("system", "prune", "-f", *words)
    assert result.code == 1
    assert message in result.complaint


def test_a_container_that_cannot_be_removed_does_not_keep_the_others(cuddy: Cuddy) -> None:
    stuck, free = (cuddy.ok("create", "alpine", "true") for _ in range(2))
    place = cuddy.root / f"containers/{stuck}/upper/busy"
    place.mkdir()
    mount.bind("/usr", str(place))
    try:
        result = cuddy("container", "prune", "-f")
        assert result.code == 0
        assert result.out.splitlines()[:2] == ["Deleted Containers:", free]
        assert f"cannot remove container {stuck[:12]}" in result.complaint
        assert cuddy.field(stuck, "{{.State.Status}}") == "dead"
    finally:
        mount.umount(str(place))
    assert stuck in cuddy.ok("container", "prune", "-f")
