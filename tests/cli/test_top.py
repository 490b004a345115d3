"""`top`: the processes of a container, with the host's pids and ps's options."""

from __future__ import annotations

from console import Cuddy, wait_until


def test_the_processes_of_a_container_and_no_others(cuddy: Cuddy) -> None:
    script = "sleep 1001 & sleep 1002 & wait"
    cuddy.ok("run", "-d", "--name", "busy", "alpine", "sh", "-c", script)
    cuddy.ok("run", "-d", "--name", "other", "alpine", "sleep", "1003")
    wait_until(lambda: len(cuddy.ok("top", "busy").splitlines()) == 4)
    titles, *rows = cuddy.ok("top", "busy").splitlines()
    assert titles.split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert titles.index("PPID") == 40  # columns are at least twenty wide, as docker's
    assert {row.split()[-1] for row in rows} == {script.split()[-1], "1001", "1002"}
    assert str(cuddy.pid("busy")) in [row.split()[1] for row in rows]


def test_what_exec_started_is_there_too(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "busy", "alpine", "sleep", "1001")
    with cuddy.start("exec", "busy", "sleep", "1004"):
        wait_until(lambda: "1004" in cuddy.ok("top", "busy", "-o", "pid,args"))


def test_options_are_those_of_ps(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "busy", "alpine", "sleep", "1001")
    pid = cuddy.pid("busy")
    out = cuddy.ok("top", "busy", "-eo", "pid,args")
    assert [line.split() for line in out.splitlines()] == [
        ["PID", "COMMAND"],
        [str(pid), "sleep", "1001"],
    ]
    assert cuddy.ok("container", "top", "busy", "-o", "pid=PID").split() == ["PID", str(pid)]
    assert len(cuddy.ok("top", "busy", "aux").splitlines()) == 2  # which has no choice of pids
    for words, said in (
        (["-o", "comm"], "Couldn't find PID field in ps output"),
        (["-o", "comm=PID"], 'specifying "comm=PID" is not allowed'),
        (["--nope"], "unknown gnu long option"),
    ):
        result = cuddy("top", "busy", *words)
        assert (result.code, result.out) == (1, "")
        assert said in result.complaint


def test_what_does_not_run_has_no_processes(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "idle", "alpine", "true")
    for name, said in (("idle", "is not running"), ("nobody", "No such container: nobody")):
        result = cuddy("top", name)
        assert result.code == 1
        assert said in result.complaint
    assert cuddy("top").code == 1


def test_a_process_cannot_speak_to_the_terminal_by_its_name(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "busy", "alpine", "sh", "-c", "sleep 1005; :", "\x1b[2Jx")
    with cuddy.terminal("top", "busy", columns=120) as terminal:
        assert terminal.ends() == 0
        assert any("PID" in line for line in terminal.screen())
        assert any("1005" in line for line in terminal.screen())


def test_of_many_processes_none_is_left_out(cuddy: Cuddy) -> None:
    script = "i=0; while [ $i -lt 300 ]; do sleep 1006 & i=$((i+1)); done; echo up; wait"
    cuddy.ok("run", "-d", "--name", "busy", "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy.ok("logs", "busy") == "up", timeout=20)
    assert len(cuddy.ok("top", "busy", "-o", "pid").splitlines()) == 302
