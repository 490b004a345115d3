"""What RUN makes of heredocs, and which words announce them."""

from __future__ import annotations

import pytest

from cuddy.builder import dockerfile, heredoc
from cuddy.builder.instructions import Run

SHELL = ["/bin/sh", "-c"]


def run(*lines: str) -> Run:
    found = dockerfile.parse("\n".join(["FROM a", *lines]).encode()).instructions[1]
    assert isinstance(found, Run)
    return found


def test_a_command_is_for_the_shell_and_words_are_not() -> None:
    assert heredoc.command(run("RUN a  b"), SHELL) == ([*SHELL, "a  b"], None)
    assert heredoc.command(run('RUN ["a", "b"]'), SHELL) == (["a", "b"], None)


def test_a_heredoc_alone_is_the_script_itself() -> None:
    found = run("RUN <<-EOF", "\techo $x", "\tEOF")
    assert heredoc.command(found, ["/bin/bash", "-c"]) == (["/bin/bash", "-c", "echo $x\n"], None)


def test_a_script_with_an_interpreter_is_a_file() -> None:
    found = run("RUN <<script", "#!/usr/bin/python3", "print('é')", "script")
    wanted = "#!/usr/bin/python3\nprint('é')\n".encode()
    assert heredoc.command(found, SHELL) == ([*SHELL, "/dev/pipes/script"], wanted)


def test_heredocs_in_a_command_are_the_shell_s_own_matter() -> None:
    found = run("RUN cat <<A >a; cat <<-'B' >b", "of a", "A", "\tof b", "B")
    text = "cat <<A >a; cat <<-'B' >b\nof a\nA\nof b\nB"
    assert heredoc.command(found, SHELL) == ([*SHELL, text], None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<<EOF", ("EOF", True, False)),
        ("3<<-EOF", ("EOF", True, True)),
        ("<<'EOF'", ("EOF", False, False)),
        ('<<-"a b"', ("a b", False, True)),
        ("<<E'O'F", ("EOF", False, False)),
        ("<<\\EOF", ("EOF", True, False)),
        ("<<$X", ("$X", True, False)),
        ("<<  EOF", ("EOF", True, False)),
        ("<<", None),
        ("<<<EOF", None),
        ("<<A<B", None),
        ("a<<EOF", None),
        ("<<A B", None),
        ("<EOF", None),
        ("", None),
    ],
)
def test_words_that_announce_a_heredoc(text: str, wanted: tuple[str, bool, bool] | None) -> None:
    found = heredoc.word(text)
    assert (found and (found.name, found.expands, found.strips_tabs)) == wanted
