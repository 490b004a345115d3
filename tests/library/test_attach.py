"""`Container.attach`: the streams of a container that runs, read and written by a program."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable

import pytest

from console import Cuddy, wait_until
from cuddy import Engine, Timeout, aio
from cuddy.errors import Conflict, NotRunning
from cuddy.library.values import Piece
from cuddy.library.wishes import Wishes

PATIENCE_S = 60
MUCH = bytes(range(256)) * (8 << 12)  # 8 MiB
Program = Callable[[str], subprocess.Popen[str]]
OPEN: Wishes = {"network": "none", "interactive": True, "init": True}


def test_much_goes_in_while_much_comes_out(engine: Engine) -> None:
    with engine.containers.run("alpine", "cat", **OPEN) as box, box.attach() as attached:
        attached.write(MUCH, timeout=PATIENCE_S)
        attached.close_input()
        assert b"".join(piece.data for piece in attached) == MUCH
        assert attached.exit_code == 0 and attached.read() is None


def test_to_leave_closes_nothing_and_to_close_the_input_does(engine: Engine) -> None:
    with engine.containers.run("alpine", "cat", **OPEN) as box:
        for text in (b"one", b"two"):
            with box.attach() as attached:
                attached.write(text)
                assert attached.read(timeout=PATIENCE_S) == Piece("stdout", text)
            assert attached.read() is None and attached.exit_code is None
        box.refresh()
        assert box.status == "running"
        with box.attach() as attached, box.attach() as other:
            attached.close_input()
            with pytest.raises(Conflict):
                attached.write("more")
            for each in (attached, other):
                assert each.read(timeout=PATIENCE_S) is None and each.exit_code == 0


def test_standard_error_is_apart_and_comes_after_the_input_has_ended(engine: Engine) -> None:
    words = ["sh", "-c", "cat >/dev/null; echo out; echo err >&2; exit 7"]
    with engine.containers.run("alpine", words, **OPEN) as box, box.attach() as attached:
        attached.write(MUCH)
        attached.close_input()
        assert set(attached) == {Piece("stdout", b"out\n"), Piece("stderr", b"err\n")}
        assert attached.exit_code == 7


def test_a_terminal_has_the_size_it_is_given(engine: Engine) -> None:
    words = ["sh", "-c", "read line; stty size; cat"]
    with engine.containers.run("alpine", words, tty=True, **OPEN) as box, box.attach() as attached:
        attached.resize(33, 111)
        attached.write("\n")
        seen = b""
        while b"33 111" not in seen:
            piece = attached.read(timeout=PATIENCE_S)
            assert piece and piece.stream == "stdout"
            seen += piece.data
        with pytest.raises(Conflict, match="no end") as caught:
            attached.close_input()
        assert "Ctrl-D" in caught.value.hint
        attached.write("\x04")
        assert list(attached)[1:] == [] and attached.exit_code == 0


def test_what_a_container_has_not_cannot_be_used(engine: Engine) -> None:
    with engine.containers.run("alpine", "sleep 1000", network="none", init=True) as box:
        with box.attach() as attached:
            for call in (lambda: attached.write("x"), attached.close_input):
                with pytest.raises(Conflict, match="no input") as caught:
                    call()
                assert "interactive=True" in caught.value.hint
            with pytest.raises(Conflict, match="no terminal"):
                attached.resize(1, 1)
            box.kill()
            assert attached.read(timeout=PATIENCE_S) is None and attached.exit_code == 137
        with pytest.raises(NotRunning):
            box.attach()


def test_who_waits_too_long_may_go_on(engine: Engine) -> None:
    words = ["sh", "-c", "read line; cat | wc -c"]
    with engine.containers.run("alpine", words, **OPEN) as box, box.attach() as attached:
        with pytest.raises(Timeout):
            attached.read(timeout=0.01)
        box.pause()
        with pytest.raises(Timeout):
            attached.write(b"\n" + MUCH, timeout=0.2)
        box.unpause()
        attached.close_input()
        assert attached.read(timeout=PATIENCE_S) == Piece("stdout", b"%d\n" % len(MUCH))
    with engine.containers.run("alpine", "sleep 1000", **OPEN) as box, box.attach() as attached:
        with pytest.raises(Timeout):
            attached.write(MUCH, timeout=0.2)
        attached.close()
        box.refresh()
        assert box.status == "running"


def test_ctrl_c_interrupts_the_program_and_not_the_container(program: Program) -> None:
    running = program("""
with cuddy.Engine().containers.run("alpine", "cat", network="none", interactive=True) as box:
    with box.attach() as attached:
        try:
            print("waits", flush=True)
            attached.read()
        except KeyboardInterrupt:
            attached.write("still there")
            print(attached.read().data.decode(), flush=True)
    box.kill()
""")
    with running:
        assert running.stdout and running.stdout.readline() == "waits\n"
        running.send_signal(signal.SIGINT)
        assert running.stdout.readline() == "still there\n"
        assert running.wait(PATIENCE_S) == 0


def test_tasks_write_and_read_at_the_same_time(cuddy: Cuddy) -> None:
    async def main() -> None:
        async with (
            aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as engine,
            await engine.containers.run("alpine", "cat", **OPEN) as box,
            await box.attach() as attached,
        ):
            with pytest.raises(Timeout):
                await attached.read(timeout=0.01)
            await asyncio.gather(*(attached.write(MUCH[: 1 << 20]) for _ in range(2)))
            await attached.write(MUCH, timeout=PATIENCE_S)

            closing = asyncio.create_task(attached.close_input())
            found = b"".join([piece.data async for piece in attached])
            await closing
            assert found == MUCH[: 1 << 20] * 2 + MUCH and attached.exit_code == 0

    asyncio.run(main())
    wait_until(lambda: cuddy.ok("ps", "-aq") == "")


def test_a_task_that_is_cancelled_within_a_write_has_said_it_whole(cuddy: Cuddy) -> None:
    async def main() -> None:
        async with aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as engine:
            words = ["sh", "-c", "read line; cat | wc -c"]
            async with (
                await engine.containers.run("alpine", words, **OPEN) as box,
                await box.attach() as attached,
            ):
                await box.pause()
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(attached.write(b"\n" + MUCH), 0.2)
                await box.unpause()
                await attached.close_input()
                piece = await attached.read(timeout=PATIENCE_S)
                assert piece and piece.data == b"%d\n" % len(MUCH)

    asyncio.run(main())
