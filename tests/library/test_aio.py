"""The same with an event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import make_aio
from console import Cuddy, wait_until
from cuddy import Timeout, aio
from cuddy.errors import NoSuchContainer


@pytest.mark.parametrize("name", make_aio.NAMES)
def test_it_is_what_the_library_is(name: str) -> None:
    made = (make_aio.LIBRARY / f"aio/{name}.py").read_text()
    assert made == make_aio.made(name), "make aio"


def test_containers_run_side_by_side_in_one_thread(cuddy: Cuddy) -> None:
    async def main() -> list[str]:
        async with aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as engine:
            calls = [engine.run("alpine", ["echo", str(n)], network="none") for n in range(4)]
            return [result.stdout for result in await asyncio.gather(*calls)]

    assert asyncio.run(main()) == ["0\n", "1\n", "2\n", "3\n"]


def test_handles_iterators_and_blocks_are_the_same(cuddy: Cuddy, tmp_path: Path) -> None:
    async def main() -> None:
        async with aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as engine:
            words = ["sh", "-c", "echo one; sleep 0.2; echo two; sleep 1000"]
            run = engine.containers.run("alpine", words, network="none", init=True)
            async with await run as container:
                async for line in container.logs(follow=True):
                    if line.text == "two":
                        break
                await container.write("/tmp/file", "text")
                assert (await container.exec("cat /tmp/file")).stdout == "text"
                with pytest.raises(Timeout):
                    await container.wait(timeout=0.1)
                await container.kill()
                assert [each.id for each in await engine.containers.list(all=True)] == [
                    container.id
                ]
            with pytest.raises(NoSuchContainer):
                await container.refresh()

    asyncio.run(main())


def test_what_is_cancelled_is_taken_back(cuddy: Cuddy) -> None:
    async def main() -> None:
        async with aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as engine:
            run = engine.run("alpine", "sleep 1000", network="none")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(run, 1)
            assert await engine.containers.list(all=True) == []

    asyncio.run(main())
    wait_until(lambda: cuddy.ok("ps", "-aq") == "")
