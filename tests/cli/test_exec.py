"""`exec`: one more process in a running container."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import leaks
from console import ENGINE, TIME_FACTOR, Cuddy, kill, wait_until

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


def test_a_missing_user_is_an_error(box: Cuddy) -> None:
    result = box("exec", "-u", "nobody2", "box", "true")
    assert result.code == 126
    assert "unable to find user nobody2" in result.err + result.out


def test_user_and_group_can_be_given(box: Cuddy) -> None:
    out = box.ok("exec", "-u", "guest:tty", "box", "sh", "-c", "id -u; id -g")
    assert out.split() == ["405", "5"]


def test_detached_it_prints_nothing_and_goes_on(box: Cuddy) -> None:
    assert box.ok("exec", "-d", "box", "sh", "-c", "sleep 0.2; echo done >/tmp/done") == ""
    wait_until(lambda: box("exec", "box", "cat", "/tmp/done").out == "done")


@pytest.mark.parametrize("words", [["box", "nope"], ["-w", "/nope", "box", "true"]])
def test_detached_it_says_what_is_wrong_in_one_line_and_one_code(
    box: Cuddy, words: list[str]
) -> None:
    result = box("exec", "-d", *words)
    assert result.code == 1
    assert result.complaint


def test_it_is_in_every_namespace_and_a_group_of_its_own_in_the_containers(box: Cuddy) -> None:
    with box.start("exec", "box", "sh", "-c", "echo; sleep 100") as process:
        assert process.stdout
        process.stdout.readline()
        first = box.pid("box")
        inside = box.ok("exec", "box", "ps", "-o", "pid,args")
        assert "sleep 100" in inside
        mine = pid_of("sleep 100")
        for kind in KINDS:
            assert os.readlink(f"/proc/{mine}/ns/{kind}") == os.readlink(f"/proc/{first}/ns/{kind}")
        assert limiting(cgroups_of(mine)) == limiting(cgroups_of(first))
        (own,) = exec_groups(box)
        assert mine in pids_in(own)


def pid_of(command: str) -> int:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if words == command:
            return int(path.parent.name)
    raise AssertionError(f"no process {command}")


def cgroups_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cgroup").read_text().splitlines()


def limiting(groups: list[str]) -> list[str]:
    """Without the hierarchy that tracks processes: in the others nothing is limited anew."""
    return [line for line in groups if not line.startswith("0::") and ":freezer:" not in line]


def exec_groups(box: Cuddy, name: str = "box") -> list[Path]:
    """The groups of execs, below a container's."""
    container = box.field(name, "{{.Id}}")
    return [
        path
        for top in leaks.cgroup_mounts()
        for path in Path(top, "cuddy", container).glob("exec-*")
    ]


def pids_in(group: Path) -> list[int]:
    return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]


def gone(command: str) -> bool:
    """Whether no process has that command line."""
    try:
        return not pid_of(command)
    except AssertionError:
        return True


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
        assert process.wait(timeout=30) == 137


def test_what_exec_leaves_running_is_the_containers_to_reap(box: Cuddy) -> None:
    assert (
        box.ok("exec", "box", "sh", "-c", "sleep 2000 >/dev/null 2>&1 & echo started") == "started"
    )
    assert "sleep 2000" in box.ok("exec", "box", "ps", "-o", "args")


def test_fifty_at_once_work_and_leave_nothing(box: Cuddy) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(box.start("exec", "box", "echo", n)) for n in range(50)]
        assert [process.communicate(timeout=60)[0] for process in running] == [
            f"{number}\n".encode() for number in range(50)
        ]
    assert exec_groups(box) == []
    assert box.field("box", "{{json .ExecIDs}}") == "null"


class TestStates:
    def test_a_paused_container_is_an_error_in_dockers_words(self, box: Cuddy) -> None:
        set_state(box, "box", Paused=True, Status="paused")
        result = box("exec", "box", "true")
        set_state(box, "box", Paused=False, Status="running")
        assert result.code == 1
        wanted = "Container box is paused, unpause the container before exec"
        assert wanted in result.complaint

    def test_a_restarting_container_is_an_error_in_dockers_words(self, box: Cuddy) -> None:
        set_state(box, "box", Restarting=True)
        result = box("exec", "box", "true")
        set_state(box, "box", Restarting=False)
        assert result.code == 1
        assert "is restarting, wait until the container is running" in result.complaint

    def test_a_created_container_does_not_run(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "new", "alpine", "true")
        result = cuddy("exec", "new", "true")
        assert (result.code, "is not running" in result.complaint) == (1, True)


def set_state(box: Cuddy, name: str, **changes: object) -> None:
    """What another command would write into the container's status."""
    if ENGINE != "cuddy":
        pytest.skip("alters the record")
    path = box.root / "containers" / box.field(name, "{{.Id}}") / "status.json"
    status = json.loads(path.read_text())
    status["State"] |= changes
    path.write_text(json.dumps(status))


class TestTheCommandGoes:
    """The process does not mind, and nothing of it is left when it ends."""

    LOOP = "trap '' HUP; while :; do echo still here; sleep 0.05; echo x >>/tmp/beats; done"

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_a_signal_ends_the_command_only(self, box: Cuddy, number: int) -> None:
        with box.start("exec", "box", "sh", "-c", self.LOOP) as process:
            assert process.stdout
            process.stdout.readline()
            process.send_signal(number)
            process.wait(timeout=30)
        self.goes_on(box)

    def test_detach_keys_leave_it_running_at_its_terminal(self, box: Cuddy) -> None:
        loop = "while :; do echo tick >/dev/tty || exit; echo x >>/tmp/beats; sleep 0.05; done"
        with box.terminal(
            "exec", "-it", "--detach-keys", "ctrl-a,d", "box", "sh", "-c", loop
        ) as terminal:
            terminal.expect("tick")
            terminal.type("\x01d")
            terminal.expect("read escape sequence")
            assert terminal.ends() == 1  # docker's
        self.goes_on(box)

    def goes_on(self, box: Cuddy) -> None:
        assert box.field("box", "{{len .ExecIDs}}") == "1"
        box.ok("exec", "box", "rm", "-f", "/tmp/beats")
        beats = "sh", "-c", "wc -l </tmp/beats 2>/dev/null || echo 0"
        wait_until(lambda: int(box.ok("exec", "box", *beats)) > 3)
        (group,) = exec_groups(box)
        for pid in pids_in(group):
            kill(pid)
        wait_until(lambda: not exec_groups(box), what="its group is left")
        assert box.field("box", "{{json .ExecIDs}}") == "null"

    def test_the_keeper_is_killed_too_and_the_next_exec_clears_up(self, box: Cuddy) -> None:
        with box.start("exec", "box", "sleep", "4321") as process:
            mine = wait_until(lambda: not gone("sleep 4321") and pid_of("sleep 4321"))
            kill(parent_of(mine))
            assert process.wait(timeout=30) == 1
            assert b"killed" in process.communicate()[1]
        kill(mine)
        wait_until(lambda: gone("sleep 4321"))
        box.ok("exec", "box", "true")
        assert exec_groups(box) == []


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid"))


class TestTimeout:
    def test_the_whole_tree_is_killed_and_one_line_says_so(self, box: Cuddy) -> None:
        script = "(setsid sh -c 'sleep 3333 & sleep 3333' &) ; sleep 3333"
        started = time.monotonic()
        result = box("exec", "--timeout", "0.5", "box", "sh", "-c", script)
        assert time.monotonic() - started < 10 * TIME_FACTOR
        assert result.code == 124
        assert "not done after 0.5 s" in result.complaint
        assert gone("sleep 3333")
        assert exec_groups(box) == []
        assert "sleep 1000" in box.ok("exec", "box", "ps", "-o", "args")

    def test_what_is_done_in_time_is_as_without(self, box: Cuddy) -> None:
        result = box("exec", "--timeout", "30", "box", "sh", "-c", "echo out; exit 3")
        assert result == (3, b"out\n", b"")

    def test_detached_it_holds_as_well(self, box: Cuddy) -> None:
        box.ok("exec", "-d", "--timeout", "0.3", "box", "sleep", "3344")
        wait_until(lambda: gone("sleep 3344") and not exec_groups(box))

    @pytest.mark.parametrize("word", ["x", "-1", "1e9", "", "inf"])
    def test_only_seconds_will_do(self, box: Cuddy, word: str) -> None:
        assert box("exec", f"--timeout={word}", "box", "true").code == 125


class TestDetached:
    def test_its_end_leaves_nothing(self, box: Cuddy) -> None:
        box.ok("exec", "-d", "box", "sleep", "0.1")
        wait_until(lambda: not exec_groups(box))
        assert box.field("box", "{{json .ExecIDs}}") == "null"

    def test_it_can_have_a_terminal(self, box: Cuddy) -> None:
        box.ok("exec", "-dt", "box", "sh", "-c", "tty >/tmp/tty")
        wait_until(lambda: box("exec", "box", "cat", "/tmp/tty").out.startswith("/dev/pts/"))

    def test_it_holds_no_pipe_of_the_caller(self, box: Cuddy) -> None:
        """Otherwise `cuddy exec -d ... | cat` would not end."""
        with box.start("exec", "-d", "box", "sleep", "4455") as process:
            assert process.communicate(timeout=30) == (b"", b"")
        (group,) = exec_groups(box)
        kill(pids_in(group)[0])
        wait_until(lambda: not exec_groups(box))


def test_the_running_execs_are_in_inspect(box: Cuddy) -> None:
    assert box.field("box", "{{json .ExecIDs}}") == "null"
    with box.start("exec", "-i", "box", "cat") as process:
        (found,) = wait_until(lambda: json.loads(box.field("box", "{{json .ExecIDs}}")))
        assert len(found) == 64
        process.communicate(b"", timeout=30)
    assert box.field("box", "{{json .ExecIDs}}") == "null"


def test_a_failing_exec_leaves_nothing(box: Cuddy) -> None:
    for words in (["no-such"], ["-w", "/no/such", "box", "true"], ["-u", "nobody2", "box", "true"]):
        assert box("exec", *(words if len(words) > 1 else ["box", *words])).code
    assert exec_groups(box) == []
    run_dir = box.run_root / box.field("box", "{{.Id}}")
    assert list(run_dir.glob("execs/*")) == []


def test_the_type_of_terminal_can_be_given(box: Cuddy) -> None:
    with box.terminal("exec", "-t", "-e", "TERM=vt52", "box", "sh", "-c", "echo =$TERM=") as screen:
        screen.expect("=vt52=")
    with box.terminal("exec", "-t", "box", "sh", "-c", "echo =$TERM=") as screen:
        screen.expect("=xterm=")


def test_variables_come_from_files(box: Cuddy, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\nONE=1\nTWO=2\n")
    words = ["--env-file", tmp_path / "env", "-e", "TWO=zwei"]
    assert box.ok("exec", *words, "box", "sh", "-c", "echo $ONE $TWO") == "1 zwei"


def test_the_containers_limit_of_processes_counts_its_execs(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "few", "--pids-limit", "8", "alpine", "sleep", "1000")
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; wait"
    result = cuddy("exec", "--timeout", "5", "few", "sh", "-c", script)
    assert "fork" in result.err


@pytest.mark.skipif(ENGINE != "cuddy", reason="it looks for our directory")
def test_who_may_trace_others_inside_sees_nothing_of_the_host(cuddy: Cuddy) -> None:
    """A process on its way in had the host's root, and /proc shows what everybody's root is."""
    script = (
        "echo watching; while :; do for p in /proc/[0-9]*; do"
        f" [ ! -e $p/root{cuddy.root} ] || echo seen; done; done"
    )
    words = ["--name", "spy", "--network", "none", "--cap-add", "SYS_PTRACE"]
    cuddy.ok("run", "-d", *words, "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy.ok("logs", "spy"))
    for _ in range(10):
        cuddy.ok("exec", "spy", "true")
    assert cuddy.ok("logs", "spy") == "watching"
