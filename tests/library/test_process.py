"""The process behind a program: it serves, and it ends with the program, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from behind import of_library
from console import TIME_FACTOR, Cuddy, wait_until

Program = Callable[[str], subprocess.Popen[str]]

LONG = """
print("ready", flush=True)
cuddy.run("alpine", ["sh", "-c", "echo $$; sleep 1000"], network="none")
"""


def finish(process: subprocess.Popen[str]) -> str:
    """What a program prints that must end well."""
    with process:
        out, err = process.communicate(timeout=60 * TIME_FACTOR)
    assert process.returncode == 0, err
    return out


def runs(cuddy: Cuddy) -> bool:
    return cuddy.ok("ps", "-q") != ""


def test_a_program_that_only_imports_starts_nothing(program: Program) -> None:
    before = of_library()
    with program("cuddy.Engine(), cuddy.run; print('done', flush=True); time.sleep(1000)") as one:
        assert one.stdout and one.stdout.readline() == "done\n"
        assert of_library() <= before
        one.kill()


def test_wait_meets_none_of_our_processes(program: Program) -> None:
    text = """
print(cuddy.run("alpine", "echo one", network="none").stdout)
try:
    print(os.wait())
except ChildProcessError:
    print("nobody")
"""
    assert finish(program(text)).split() == ["one", "nobody"]


def test_a_child_of_the_program_has_a_process_of_its_own(program: Program) -> None:
    text = """
print(cuddy.run("alpine", "echo one", network="none").stdout, flush=True)
pid = os.fork()
print(cuddy.run("alpine", "echo more", network="none").stdout, flush=True)
if pid:
    os.waitpid(pid, 0)
    print(cuddy.run("alpine", "echo last", network="none").stdout, flush=True)
"""
    assert finish(program(text)).split() == ["one", "more", "more", "last"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_a_program_was_doing_is_taken_back_when_it_ends(
    program: Program, cuddy: Cuddy, number: signal.Signals
) -> None:
    before = of_library()
    with program(LONG) as process:
        wait_until(lambda: runs(cuddy))
        process.send_signal(number)
        process.wait(60 * TIME_FACTOR)
    wait_until(lambda: cuddy.ok("ps", "-aq") == "", what="container left")
    wait_until(lambda: of_library() <= before, what="processes left")


def test_a_child_that_holds_the_sockets_does_not_keep_it_alive(
    program: Program, cuddy: Cuddy
) -> None:
    before = of_library()
    text = """
cuddy.run("alpine", "true", network="none")
import _socket
pid = os.fork()
if pid == 0:
    time.sleep(1000)
print(pid, flush=True)
time.sleep(1000)
"""
    with program(text) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        process.kill()
        process.wait(60 * TIME_FACTOR)
        wait_until(lambda: of_library() <= before, what="processes left")
        os.kill(child, signal.SIGKILL)


def test_a_child_that_holds_the_socket_of_a_call_does_not_keep_its_container_alive(
    program: Program, cuddy: Cuddy
) -> None:
    before = of_library()
    text = """
import threading
call = ["sh", "-c", "sleep 1000"]
threading.Thread(target=lambda: cuddy.run("alpine", call, network="none"), daemon=True).start()
sys.stdin.readline()
if (pid := os.fork()) == 0:
    time.sleep(1000)
print(pid, flush=True)
time.sleep(1000)
"""
    with program(text) as process:
        assert process.stdin and process.stdout
        wait_until(lambda: runs(cuddy))
        process.stdin.write("\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        process.kill()
        process.wait(60 * TIME_FACTOR)
        wait_until(lambda: cuddy.ok("ps", "-aq") == "", what="container left")
        wait_until(lambda: of_library() <= before, what="processes left")
        os.kill(child, signal.SIGKILL)


def test_what_is_paused_goes_with_its_program_as_well(program: Program, cuddy: Cuddy) -> None:
    with program(LONG) as process:
        wait_until(lambda: runs(cuddy))
        cuddy.ok("pause", cuddy.ok("ps", "-q").strip())
        process.kill()
        process.wait(60 * TIME_FACTOR)
    wait_until(lambda: cuddy.ok("ps", "-aq") == "", what="container left")


def test_of_a_container_whose_monitor_is_killed_nothing_is_left_and_the_program_hears_of_it(
    program: Program, cuddy: Cuddy
) -> None:
    text = """
try:
    cuddy.run("alpine", ["sh", "-c", "sleep 1000"], network="none")
except cuddy.CuddyError as error:
    print(error.hint)
"""
    with program(text) as process:
        wait_until(lambda: runs(cuddy))
        container_id = cuddy.ok("ps", "-q", "--no-trunc").strip()
        monitor = Path(cuddy.run_root, container_id, "monitor").read_text().split()[0]
        os.kill(int(monitor), signal.SIGKILL)
        out, err = process.communicate(timeout=60 * TIME_FACTOR)
        assert "dmesg" in out, err
    assert cuddy.ok("ps", "-aq") == ""


def test_a_container_of_a_program_can_be_reached_by_others(program: Program, cuddy: Cuddy) -> None:
    text = """
result = cuddy.run("alpine", ["sh", "-c", "echo begun; sleep 1000"], network="none", name="box")
print(result.stdout, result.exit_code)
"""
    with program(text) as process:
        wait_until(lambda: runs(cuddy))
        wait_until(lambda: cuddy.ok("logs", "box") == "begun")
        assert cuddy.ok("exec", "box", "echo", "inside") == "inside"
        cuddy.ok("kill", "box")
        assert process.communicate(timeout=60 * TIME_FACTOR)[0].split() == ["begun", "137"]
    assert cuddy.ok("ps", "-aq") == ""


def test_a_process_that_was_killed_is_replaced_at_the_next_call(program: Program) -> None:
    text = """
import signal
def own():
    me, found = open("/proc/self/stat").read(), []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = open(f"/proc/{pid}/cmdline").read()
        except OSError:
            continue
        if "cuddy library" in text and int(pid) not in before:
            found.append(int(pid))
    return found
before = []
before = own()
print(cuddy.run("alpine", "echo one", network="none").stdout)
for pid in own():
    os.kill(pid, signal.SIGKILL)
time.sleep(0.2)
print(cuddy.run("alpine", "echo two", network="none").stdout)
"""
    assert finish(program(text)).split() == ["one", "two"]


def test_it_has_nothing_of_the_program_but_the_way_to_it(program: Program, tmp_path: Path) -> None:
    before = of_library()
    text = f"""
os.chdir({str(tmp_path)!r})
fd = os.open("kept", os.O_CREAT | os.O_RDWR)
os.set_inheritable(fd, True)
cuddy.run("alpine", "true", network="none")
print("ready", flush=True)
time.sleep(1000)
"""
    with program(text) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        for pid in of_library() - before:
            assert os.readlink(f"/proc/{pid}/cwd") == "/"
            for fd in os.listdir(f"/proc/{pid}/fd"):
                assert str(tmp_path) not in os.readlink(f"/proc/{pid}/fd/{fd}")
        process.kill()
    wait_until(lambda: of_library() <= before, what="processes left")
