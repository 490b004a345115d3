"""What a build must not tell, and what it must not leave: by the command line."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, wait_until

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it looks into cuddy's own files")

SECRET = "s3cret-4711-in-clear"


@pytest.fixture
def context(fresh: Cuddy, tmp_path: Path) -> Path:
    """A build context; the Home is the test's own."""
    made = tmp_path / "context"
    made.mkdir()
    fresh.ok("ps")  # makes its directories
    return made


def write(context: Path, *lines: str) -> None:
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")


def test_a_secret_is_in_no_layer_history_key_or_log(
    fresh: Cuddy, context: Path, tmp_path: Path
) -> None:
    write(
        context,
        "FROM alpine",
        "RUN --mount=type=secret,id=token --mount=type=secret,id=word,env=WORD"
        " test $(cat /run/secrets/token) = $WORD && echo told >/said",
        "RUN --mount=type=secret,id=token,required cat /nowhere",
    )
    (tmp_path / "token").write_text(SECRET)
    words = ("--secret", f"id=token,src={tmp_path}/token", "--secret", "id=word,env=WORD")
    environment = {**fresh.environment, "WORD": SECRET}
    result = fresh("build", "--progress", "plain", *words, context, env=environment)
    assert result.code == 1
    assert SECRET not in result.out + result.err
    write(context, *(context / "Dockerfile").read_text().splitlines()[:2])
    result = fresh("build", "-t", "told", "--progress", "plain", *words, context, env=environment)
    assert result.code == 0, result.err
    assert "CACHED" in result.err
    assert fresh.ok("run", "--rm", "--network", "none", "told", "cat", "/said") == "told"
    found = subprocess.run(
        ["grep", "-rlaF", SECRET, str(fresh.root), str(fresh.run_root)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout == ""
    exported = fresh("export", fresh.ok("create", "told")).stdout
    assert b"run/secrets" not in exported
    fresh.ok("builder", "prune", "-af")


def test_a_shell_at_a_terminal_is_where_the_step_failed(fresh: Cuddy, context: Path) -> None:
    write(
        context,
        "FROM alpine",
        "ENV PS1='in-step: '",
        "WORKDIR /somewhere",
        "USER 9",
        "RUN --mount=type=bind,target=/in echo half >/tmp/half; cat /in/part; exit 5",
    )
    (context / "part").write_text("of the context\n")
    result = fresh("build", "--progress", "plain", context)
    assert result.code == 1
    assert "exit code: 5" in result.err
    with fresh.terminal("build", "shell", rows=31, columns=91) as shell:
        shell.expect("in-step: ")
        shell.line("cat /tmp/half /in/part; pwd; id -u; stty size; exit 6")
        for text in ("half", "of the context", "/somewhere", "9", "31 91"):
            shell.expect(text)
        assert shell.ends() == 6
    fresh.ok("builder", "prune", "-af")
    assert fresh("build", "shell").code == 1


def test_an_interrupt_leaves_no_step_and_no_snapshot(fresh: Cuddy, context: Path) -> None:
    """Of two stages that are built side by side, when Ctrl-C comes."""
    lines = [f"FROM alpine AS {name}\nRUN echo {name}; sleep 100" for name in "ab"]
    write(context, *lines, "FROM alpine", "COPY --from=a /x /", "COPY --from=b /x /")
    with fresh.start("build", "--progress", "plain", context) as building:
        wait_until(lambda: len(steps(fresh)) == 2)
        building.send_signal(signal.SIGINT)
        building.communicate(timeout=20)
        assert building.returncode == 130
    assert not steps(fresh)
    assert os.listdir(fresh.root / "tmp") == []
    fresh.ok("builder", "prune", "-af")


def steps(cuddy: Cuddy) -> list[str]:
    return [name for name in os.listdir(cuddy.run_root) if len(name) == 64]
