"""`exec`: one more process in a running container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from console import Cuddy, wait_until

KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "uts")


@pytest.fixture
def box(cuddy: Cuddy) -> Iterator[Cuddy]:
    """cuddy with a running container named `box`."""
    words = ["--name", "box", "-e", "FROM_RUN=1", "-w", "/srv", "-h", "boxed"]
    cuddy.ok("run", "-d", *words, "alpine", "sleep", "1000")
    yield cuddy


def test_exec_gives_output_and_exit_code(box: Cuddy) -> None:
    result = box("exec", "box", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert result == (7, b"out\n", b"err\n")


def test_a_missing_command_gives_127(box: Cuddy) -> None:
    result = box("exec", "box", "no-such-command")
    assert result.code in (126, 127)  # docker 20.10 says 126, later ones 127
    assert "no-such-command" in result.err + result.out


def test_a_command_that_cannot_be_executed_gives_126(box: Cuddy) -> None:
    assert box("exec", "box", "/etc").code == 126


def test_a_signalled_command_gives_128_and_its_number(box: Cuddy) -> None:
    assert box("exec", "box", "sh", "-c", "kill -9 $$").code == 137


def test_standard_input_passes_with_i_only(box: Cuddy) -> None:
    assert box("exec", "-i", "box", "cat", input=b"in\0").stdout == b"in\0"
    assert box("exec", "box", "cat", input=b"in").stdout == b""


def test_much_data_passes_unchanged(box: Cuddy) -> None:
    data = os.urandom(1 << 20) * 20
    assert box("exec", "-i", "box", "cat", input=data).stdout == data


def test_environment_and_directory_are_the_containers_and_can_be_given(box: Cuddy) -> None:
    script = "echo $FROM_RUN $MORE $HOSTNAME; pwd"
    out = box.ok("exec", "-e", "MORE=2", "box", "sh", "-c", script)
    assert out == "1 2 boxed\n/srv"
    assert box.ok("exec", "-w", "/tmp", "box", "pwd") == "/tmp"


def test_a_missing_directory_is_an_error(box: Cuddy) -> None:
    result = box("exec", "-w", "/no/such", "box", "pwd")
    assert result.code in (126, 127)
    assert "/no/such" in result.err + result.out


def test_user_and_group_can_be_given(box: Cuddy) -> None:
    out = box.ok("exec", "-u", "guest:tty", "box", "sh", "-c", "id -u; id -g")
    assert out.split() == ["405", "5"]


def test_detached_it_prints_nothing_and_goes_on(box: Cuddy) -> None:
    assert box.ok("exec", "-d", "box", "sh", "-c", "sleep 0.2; echo done >/tmp/done") == ""
    wait_until(lambda: box("exec", "box", "cat", "/tmp/done").out == "done")


def test_it_is_in_every_namespace_and_the_cgroup_of_the_container(box: Cuddy) -> None:
    with box.start("exec", "box", "sh", "-c", "echo; sleep 100") as process:
        assert process.stdout
        process.stdout.readline()
        first = box.pid("box")
        inside = box.ok("exec", "box", "ps", "-o", "pid,args")
        assert "sleep 100" in inside
        mine = pid_of("sleep 100")
        for kind in KINDS:
            assert os.readlink(f"/proc/{mine}/ns/{kind}") == os.readlink(f"/proc/{first}/ns/{kind}")
        assert cgroups_of(mine) == cgroups_of(first)


def pid_of(command: str) -> int:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if path.read_bytes().replace(b"\0", b" ").decode().strip() == command:
            return int(path.parent.name)
    raise AssertionError(f"no process {command}")


def cgroups_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


def test_it_has_the_same_limits_and_powers_as_the_first_process(box: Cuddy) -> None:
    wanted = ("Cap", "NoNewPrivs", "Seccomp:")
    script = "cat /proc/self/status"
    first = Path(f"/proc/{box.pid('box')}/status").read_text().splitlines()
    status = box.ok("exec", "box", "sh", "-c", script).splitlines()
    assert [line for line in status if line.startswith(wanted)] == [
        line for line in first if line.startswith(wanted)
    ]


def test_privileged_exec_has_every_capability_of_the_host(box: Cuddy) -> None:
    out = box.ok("exec", "--privileged", "box", "cat", "/proc/self/status")
    own = Path("/proc/self/status").read_text()
    effective = [line for text in (out, own) for line in text.splitlines() if "CapEff" in line]
    assert effective[0] == effective[1]


def test_a_container_that_does_not_run_is_an_error(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "over", "alpine", "true")
    result = cuddy("exec", "over", "true")
    assert result.code == 1
    assert "not running" in result.complaint


def test_exec_dies_with_the_container(box: Cuddy) -> None:
    with box.start("exec", "box", "sleep", "1234") as process:
        wait_until(lambda: "sleep 1234" in box.ok("exec", "box", "ps", "-o", "args"))
        box.ok("kill", "box")
        assert process.wait(timeout=10) == 137


def test_what_exec_leaves_running_is_the_containers_to_reap(box: Cuddy) -> None:
    assert (
        box.ok("exec", "box", "sh", "-c", "sleep 2000 >/dev/null 2>&1 & echo started") == "started"
    )
    assert "sleep 2000" in box.ok("exec", "box", "ps", "-o", "args")


def test_fifty_in_a_row_and_ten_at_once(box: Cuddy) -> None:
    for number in range(20):
        assert box.ok("exec", "box", "echo", number) == str(number)
    with ExitStack() as stack:
        running = [stack.enter_context(box.start("exec", "box", "echo", n)) for n in range(10)]
        assert [process.communicate(timeout=20)[0] for process in running] == [
            f"{number}\n".encode() for number in range(10)
        ]
