"""A shell in a step that failed: its files, mounts, environment and user."""

from __future__ import annotations

import os
import select
from pathlib import Path
from typing import Any

import pytest

from child import in_child
from console import ENGINE, Cuddy
from cuddy.builder import failure, snapshot
from cuddy.builder import run as runs
from cuddy.builder.mounts_flag import parse
from cuddy.builder.options import BuildOptions
from cuddy.builder.run_view import Origin
from cuddy.builder.secrets import Secrets
from cuddy.builder.shell import Shell
from cuddy.builder.ssh import Agents
from cuddy.builder.tree import Tree
from cuddy.engine.home import Home
from cuddy.errors import CuddyError, NotFound
from cuddy.image import store

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="other engines build otherwise")

MOUNTS = ("target=/in", "from=other,source=/etc,target=/etc2", "type=secret,id=token,required",
          "type=tmpfs,target=/t")  # fmt: skip
OPTIONS = BuildOptions(".", secrets=("id=token,env=TOKEN",), environment=(("TOKEN", "s3cret"),))


@pytest.fixture
def place(cuddy: Cuddy) -> Home:
    return Home(str(cuddy.root), str(cuddy.run_root))


@pytest.fixture
def failed(place: Home, tmp_path: Path) -> Any:
    """A build whose step has failed, by its id."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "a").write_text("of the context\n")
    build_id = os.urandom(8).hex()

    def find(name: str) -> Origin:
        if name:
            return Origin(store.resolve(place.storage, "alpine").chain_ids, key=name)
        return Origin(tree=Tree(os.open(context, os.O_RDONLY | os.O_DIRECTORY), "build context"))

    def work() -> None:
        snapshot.enter_private()
        chain_ids = store.resolve(place.storage, "alpine").chain_ids
        with snapshot.Snapshot(place.storage, chain_ids) as made:
            wanted = runs.Wanted(
                ("/bin/sh", "-c", "echo half > /half; exit 5"), env=("A=1", "PATH=/bin:/usr/bin"),
                user="9:9", workdir="/tmp", mounts=tuple(map(parse, MOUNTS)),
            )  # fmt: skip
            wanted = wanted._replace(user="0")
            lent = runs.Lent(find, Secrets(OPTIONS.secrets, {"TOKEN": "s3cret"}), Agents((), {}))
            code = runs.run(place, wanted, made.root, OPTIONS, lent, lambda *_: None)
            assert code == 5
            failure.keep(
                place, build_id, made, wanted, OPTIONS, find,
                shown="RUN false", status=code, shell=("/bin/sh", "-c"),
            )  # fmt: skip

    in_child(work)
    yield build_id
    failure.trim(place, 0)


def piped(place: Home, build_id: str, script: str, environment: dict[str, str]) -> tuple[int, str]:
    """What a shell without a terminal makes of a script."""

    def work() -> tuple[int, str]:
        reader, writer = os.pipe()
        os.write(writer, script.encode())
        os.close(writer)
        os.dup2(reader, 0)
        out: list[bytes] = []
        said: list[str] = []
        with Shell(place, build_id, environment=environment, tty=False, warn=said.append) as shell:
            code = shell.attend(lambda _, data: out.append(data))
        return code, b"".join(out).decode() + "".join(said)

    return in_child(work)


class TestAShell:
    def test_it_sees_what_the_step_saw_and_wrote(self, place: Home, failed: str) -> None:
        script = """cat /half /in/a /run/secrets/token; echo; ls /etc2/passwd; echo $A; pwd; id -u
            touch /t/x; exit 3"""
        code, out = piped(place, failed, script, {"TOKEN": "s3cret"})
        assert code == 3
        assert out.split("\n") == [
            "half", "of the context", "s3cret", "/etc2/passwd", "1", "/tmp", "0", "",
        ]  # fmt: skip

    def test_what_is_done_in_it_is_there_the_next_time(self, place: Home, failed: str) -> None:
        assert piped(place, failure.LAST, "echo more >> /half", {"TOKEN": "x"})[0] == 0
        assert piped(place, failed[:6], "cat /half", {"TOKEN": "x"})[1] == "half\nmore\n"

    def test_no_secret_is_kept(self, place: Home, failed: str) -> None:
        where = Path(failure.directory(place, failed))
        assert "s3cret" not in (where / "failed.json").read_text()
        assert [each.name for each in (where / "upper/run").glob("*")] == []
        out = piped(place, failed, "ls /run/secrets", {})[1]
        assert "secret token: not found" in out

    def test_it_is_a_terminal(self, place: Home, failed: str) -> None:
        def work() -> tuple[int | None, str]:
            out = b""
            with Shell(place, failed, environment={"TOKEN": "x"}, tty=True) as shell:
                shell.resize(20, 70)
                shell.send(b"tty; stty size; exit 4\n")
                poll = select.poll()
                poll.register(shell.fileno(), select.POLLIN)
                try:
                    while poll.poll(20000):
                        out += b"".join(data for _, data in shell.receive())
                except EOFError:
                    pass
                return shell.exit_code, out.decode()

        code, out = in_child(work)
        assert code == 4
        assert "/dev/pts/0\r\n20 70\r\n" in out

    def test_only_the_last_few_are_kept(self, place: Home, failed: str) -> None:
        room = Path(failure.room(place))
        for number in range(failure.KEPT):
            (room / f"younger{number}").mkdir()
            (room / f"younger{number}/failed.json").write_text("{}")
        failure.trim(place, failure.KEPT)
        assert failed not in failure.ids(place)
        for text in ("{}", '{"wanted": []}', "[", '{"build_id": 1}'):
            (room / "younger0/failed.json").write_text(text)
            with pytest.raises(CuddyError):
                failure.read(place, "younger0")
        failure.trim(place, 0)
        with pytest.raises(NotFound):
            failure.read(place)
