"""A container at a real terminal: what a person sees and types."""

from __future__ import annotations

import subprocess
import termios
from collections.abc import Iterator

import pytest

from console import Cuddy, Terminal, wait_until

PROMPT = r"/ # "
DETACH = "\x10\x11"  # Ctrl-P Ctrl-Q


@pytest.fixture
def shell(cuddy: Cuddy) -> Iterator[Terminal]:
    """`run -it` at its first prompt."""
    with cuddy.terminal("run", "-it", "--name", "shell", "alpine", "sh") as terminal:
        terminal.expect(PROMPT)
        yield terminal


def run_job(shell: Terminal) -> None:
    """Start a program that is known to be in the foreground when this returns."""
    shell.line("sh -c 'echo fore''ground; exec sleep 1000'")
    shell.expect("foreground")


def test_the_walk_through_the_readme(cuddy: Cuddy) -> None:
    with cuddy.terminal("run", "--rm", "-it", "alpine", "sh") as terminal:
        terminal.expect(PROMPT)
        assert "ID=" in terminal.ask("cat /etc/os-release")
        rows = terminal.ask("ps -o pid,args").splitlines()
        assert [row.split()[0] for row in rows[1:]][0] == "1"
        assert len(rows) == 3, "only the shell and ps itself"
        terminal.line("exit 3")
        assert terminal.ends() == 3
    assert cuddy.ok("ps", "-aq") == ""


def test_it_is_a_terminal_of_its_own(shell: Terminal) -> None:
    assert shell.ask("tty") == "/dev/pts/0"
    assert shell.ask("test -t 0 && test -t 1 && test -t 2 && echo yes") == "yes"
    assert shell.ask("ls -l /dev/console | cut -c1") == "c"
    assert shell.ask("echo $TERM") == "xterm"


def test_the_size_is_the_windows_and_follows_it(cuddy: Cuddy) -> None:
    with cuddy.terminal("run", "--rm", "-it", "alpine", "sh", rows=33, columns=99) as terminal:
        terminal.expect(PROMPT)
        wait_until(lambda: terminal.ask("stty size") == "33 99")
        terminal.resize(44, 111)
        wait_until(lambda: terminal.ask("stty size") == "44 111")


def test_ctrl_c_interrupts_the_foreground_and_not_the_shell(shell: Terminal) -> None:
    run_job(shell)
    shell.interrupt()
    shell.expect(PROMPT)
    assert shell.ask("echo alive") == "alive"


def test_ctrl_d_ends_the_shell(shell: Terminal) -> None:
    shell.type("\x04")
    assert shell.ends() == 0


def test_job_control_works(shell: Terminal) -> None:
    run_job(shell)
    shell.type("\x1a")  # Ctrl-Z
    shell.expect("Stopped")
    shell.expect(PROMPT)
    assert "Stopped" in shell.ask("jobs")
    shell.ask("kill %1")


def test_what_is_typed_reaches_the_program_byte_for_byte(shell: Terminal) -> None:
    shell.line("stty raw -echo; echo go; head -c 6 | od -An -tx1; stty sane")
    shell.expect("go")
    shell.expect("\n")
    shell.type("\x01\x03\x1a\x1bü")
    shell.expect("01 03 1a 1b c3 bc")


def test_a_full_screen_program_paints_the_screen(cuddy: Cuddy) -> None:
    script = r"printf '\033[2J\033[3;5Hthree five\033[10;1Hten one'; read x"
    with cuddy.terminal("run", "--rm", "-it", "alpine", "sh", "-c", script) as terminal:
        terminal.expect("ten one")
        screen = terminal.screen()
        assert screen[2] == "    three five"
        assert screen[9] == "ten one"
        terminal.line("")
        assert terminal.ends() == 0


class TestDetach:
    def test_ctrl_p_ctrl_q_leaves_it_running_and_attach_comes_back(self, cuddy: Cuddy) -> None:
        with cuddy.terminal("run", "-it", "--name", "shell", "alpine", "sh") as terminal:
            terminal.expect(PROMPT)
            terminal.ask("A=remembered")
            terminal.type(DETACH)
            assert terminal.ends() == 0
        assert cuddy.field("shell", "{{.State.Running}}") == "true"
        with cuddy.terminal("attach", "shell") as terminal:
            terminal.type("\r")
            terminal.expect(PROMPT)
            assert terminal.ask("echo $A") == "remembered"
            terminal.line("exit 4")
            assert terminal.ends() == 4

    def test_ctrl_p_alone_reaches_the_program_with_the_next_key(self, shell: Terminal) -> None:
        shell.line("stty raw -echo; echo go; head -c 2 | od -An -tx1; stty sane")
        shell.expect("go")
        shell.expect("\n")
        shell.type("\x10x")
        shell.expect("10 78")

    def test_other_keys_can_be_chosen(self, cuddy: Cuddy) -> None:
        words = ["--detach-keys", "ctrl-x,q", "--name", "shell", "alpine", "sh"]
        with cuddy.terminal("run", "-it", *words) as terminal:
            terminal.expect(PROMPT)
            terminal.type("\x18q")
            assert terminal.ends() == 0
        assert cuddy.field("shell", "{{.State.Running}}") == "true"


class TestTheUsersTerminal:
    def settings(self, fd: int) -> list[object]:
        return termios.tcgetattr(fd)[:4]

    @pytest.mark.parametrize("way", ["exit", "detach", "kill", "rm"])
    def test_it_is_restored_however_the_command_ends(self, cuddy: Cuddy, way: str) -> None:
        with cuddy.terminal("run", "-it", "--name", "shell", "alpine", "sh") as terminal:
            fd = terminal.child.child_fd
            terminal.expect(PROMPT)
            raw = self.settings(fd)
            if way == "exit":
                terminal.line("exit")
            elif way == "detach":
                terminal.type(DETACH)
            elif way == "kill":
                cuddy.ok("kill", "shell")
            else:
                cuddy.ok("rm", "-f", "shell")
            terminal.ends()
            assert self.settings(fd) != raw
            assert termios.tcgetattr(fd)[3] & termios.ICANON
            assert termios.tcgetattr(fd)[3] & termios.ECHO

    def test_it_is_restored_when_the_command_does_not_exist(self, cuddy: Cuddy) -> None:
        with cuddy.terminal("run", "--rm", "-it", "alpine", "no-such-command") as terminal:
            terminal.expect("no-such-command")
            assert terminal.ends() == 127
            assert termios.tcgetattr(terminal.child.child_fd)[3] & termios.ICANON


class TestExec:
    def test_a_second_shell_has_its_own_terminal(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
        with cuddy.terminal("exec", "-it", "box", "sh", rows=30, columns=70) as terminal:
            terminal.expect(PROMPT)
            assert terminal.ask("tty").startswith("/dev/pts/")
            wait_until(lambda: terminal.ask("stty size") == "30 70")
            terminal.resize(40, 90)
            wait_until(lambda: terminal.ask("stty size") == "40 90")
            terminal.line("exit 6")
            assert terminal.ends() == 6

    def test_ctrl_c_reaches_its_foreground(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
        with cuddy.terminal("exec", "-it", "box", "sh", "-c", "echo go; sleep 1000") as terminal:
            terminal.expect("go")
            terminal.interrupt()
            assert terminal.ends() == 130


def test_t_without_a_terminal_is_an_error_that_says_so(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "-it", "alpine", "true", input=b"")
    assert result.code == 1
    assert "TTY" in result.complaint or "terminal" in result.complaint


def test_detached_with_a_terminal_needs_none(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-dt", "--name", "ghost", "alpine", "sh", "-c", "tty; stty size")
    cuddy.ok("wait", "ghost")
    assert cuddy("logs", "ghost").stdout.splitlines()[0] == b"/dev/pts/0"


def test_with_a_terminal_lines_end_as_terminals_end_them(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-dt", "--name", "lines", "alpine", "sh", "-c", "echo a; echo b >&2")
    cuddy.ok("wait", "lines")
    assert cuddy("logs", "lines").stdout == b"a\r\nb\r\n"


def test_a_pipe_out_of_a_terminal_session_is_no_terminal(cuddy: Cuddy) -> None:
    program = " ".join(f"'{word}'" for word in cuddy.program)
    script = f"{program} run --rm alpine sh -c 'test -t 1 || echo no' | cat"
    out = subprocess.check_output(["sh", "-c", script], env=cuddy.environment, text=True)
    assert out == "no\n"
