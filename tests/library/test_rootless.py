"""The library in programs of an ordinary user: with ranges of ids and newuidmap, and without."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cuddy as package
from console import wait_until
from ordinary_user import OrdinaryUser, with_alpine
from registry import Registry

SOURCE = Path(package.__file__).parent.parent


@pytest.fixture(scope="module", params=["ids", "alone"])
def user(request: pytest.FixtureRequest, registry: Registry) -> Iterator[OrdinaryUser]:
    """Somebody with 65536 ids besides the own one, and somebody with the own one only."""
    has_ids = request.param == "ids"
    if has_ids and not shutil.which("newuidmap"):
        pytest.skip("newuidmap is not installed: package uidmap")
    with with_alpine(OrdinaryUser(f"library-{request.param}", has_ids=has_ids), registry) as made:
        yield made


def ran(user: OrdinaryUser, text: str) -> str:
    """What a program of the user's prints."""
    lines = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\nimport cuddy, os\n{text}"
    return user.own(sys.executable, "-c", lines)


def test_a_command_is_run(user: OrdinaryUser) -> None:
    assert ran(user, """
result = cuddy.run("alpine", ["sh", "-c", "id -u; cat; exit 3"], input="read", network="none")
assert (result.stdout, result.exit_code) == ("0\\nread", 3), result
try:
    cuddy.run("alpine", "sleep 1000", network="none", timeout=0.5)
except cuddy.Timeout:
    print("late", os.getuid())
assert cuddy.Engine().containers.list(all=True) == []
""") == f"late {user.uid}"  # fmt: skip


def test_a_sandbox_has_files_snapshots_and_forks(user: OrdinaryUser) -> None:
    assert ran(user, """
with cuddy.Sandbox("alpine", network="none", files={"/work/list": "one\\n"}) as box:
    box.exec(["sh", "-c", "echo two >>/work/list"], check=True)
    number = box.snapshot()
    box.exec("rm -r /work", check=True)
    box.restore(number)
    (other,) = box.fork(1)
    with other:
        other.write("/work/list", "mine")
        print([each.read("/work/list").decode() for each in (box, other)])
assert cuddy.Engine().containers.list(all=True) == []
""") == r"['one\ntwo\n', 'mine']"  # fmt: skip


def test_a_container_is_attached_to_and_kept(user: OrdinaryUser) -> None:
    assert ran(user, """
engine = cuddy.Engine()
with engine.containers.run("alpine", "cat", network="none", interactive=True) as box:
    with box.attach() as streams:
        streams.write("said", timeout=60)
        streams.close_input()
        print(b"".join(piece.data for piece in streams).decode(), streams.exit_code)
""") == "said 0"  # fmt: skip


def test_what_a_program_leaves_behind_goes(user: OrdinaryUser) -> None:
    """Nobody but its monitor is left to see to that."""
    ran(user, """
box = cuddy.Sandbox("alpine", network="none", name="left")
assert box.status == "running"
print(box.name, flush=True)
os._exit(0)
""")  # fmt: skip
    wait_until(lambda: user.ok("ps", "-aq") == "")


def test_an_image_is_built(user: OrdinaryUser) -> None:
    context = user.home / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM alpine\nRUN --network=none echo made >/file\n")
    assert ran(user, f"""
heard = []
built = cuddy.build({str(context)!r}, tags="mine:1", on_event=heard.append)
assert heard
print(cuddy.run("mine:1", "cat /file", network="none").stdout)
cuddy.Engine().images.remove("mine:1")
""") == "made"  # fmt: skip
