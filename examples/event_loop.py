"""The same with asyncio: one thread, many containers."""

import asyncio

from cuddy import aio


async def main() -> None:
    async with aio.Engine() as engine:
        runs = [engine.run("alpine", ["echo", str(n)], network="none") for n in range(4)]
        for result in await asyncio.gather(*runs):
            print(result.stdout.strip())


asyncio.run(main())
