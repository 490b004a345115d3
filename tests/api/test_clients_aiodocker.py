"""aiodocker drives cuddy: many streams at once over one connection pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from engine_api import Api

aiodocker = pytest.importorskip("aiodocker")
pytestmark = pytest.mark.filterwarnings("ignore")


def drive(api: Api, act: Callable[[Any], Awaitable[None]]) -> None:
    """Run a coroutine with a client."""

    async def main() -> None:
        client = aiodocker.Docker(url=f"unix://{api.path}")
        try:
            await asyncio.wait_for(act(client), 60)
        finally:
            await client.close()

    asyncio.run(main())


def test_containers_at_the_same_time(api: Api) -> None:
    async def one(client: Any, number: int) -> str:
        config = {"Image": "alpine", "Cmd": ["echo", f"number {number}"]}
        container = await client.containers.create(config=config)
        await container.start()
        await container.wait()
        lines = await container.log(stdout=True, stderr=True)
        await container.delete(force=True)
        return "".join(lines)

    async def act(client: Any) -> None:
        found = await asyncio.gather(*(one(client, number) for number in range(4)))
        assert found == [f"number {number}\n" for number in range(4)]

    drive(api, act)


def test_an_exec_session_both_ways(api: Api) -> None:
    async def act(client: Any) -> None:
        config = {"Image": "alpine", "Cmd": ["sleep", "100"]}
        container = await client.containers.run(config=config)
        execution = await container.exec(["cat"], stdin=True, stdout=True, stderr=True)
        async with execution.start(detach=False) as stream:
            await stream.write_in(b"there and back\n")
            message = await stream.read_out()
            assert message.data == b"there and back\n"
        await container.delete(force=True)

    drive(api, act)


def test_attached_from_before_the_start(api: Api) -> None:
    async def act(client: Any) -> None:
        config = {"Image": "alpine", "Cmd": ["echo", "first"], "AttachStdout": True}
        container = await client.containers.create(config=config)
        async with container.attach(stdout=True, stderr=True) as stream:
            await container.start()
            message = await stream.read_out()
            assert message.data == b"first\n"
            assert await stream.read_out() is None
        await container.delete(force=True)

    drive(api, act)
