"""CUDDY_TRACE=1 shows how a container is made: every system call, as strace would print it."""

from __future__ import annotations

import re

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="a feature of cuddy's own")


def test_the_calls_that_make_a_container_are_shown_in_their_order(cuddy: Cuddy) -> None:
    environment = cuddy.environment | {"CUDDY_TRACE": "1"}
    result = cuddy("run", "--rm", "--network", "none", "alpine", "echo", "hello", env=environment)
    assert (result.code, result.out) == (0, "hello")
    lines = result.err.splitlines()
    assert all(re.match(r"\[\d+\] \w+\(.*\) = -?\d+", line) for line in lines)
    calls = [line.partition("] ")[2].partition("(")[0] for line in lines]
    landmarks = ["clone3", "mount", "pivot_root", "capset", "seccomp", "execveat"]
    assert [name for name in dict.fromkeys(calls) if name in landmarks] != []
    positions = [calls.index(name) for name in ("clone3", "pivot_root", "capset")]
    assert positions == sorted(positions)


def test_nobody_may_look_into_who_enters(cuddy: Cuddy) -> None:
    """CVE-2016-9962: who is about to enter, or to make, a container first hides from ptrace(2)."""
    environment = cuddy.environment | {"CUDDY_TRACE": "1"}
    words = ["--name", "box", "--network", "none", "alpine", "sleep", "1000"]
    made = cuddy("run", "-d", *words, env=environment).err
    entered = cuddy("exec", "box", "true", env=environment).err
    for text, entry in ((made, "pivot_root("), (entered, "setns(")):
        assert 0 <= text.find("prctl(4, 0") < text.find(entry), text
