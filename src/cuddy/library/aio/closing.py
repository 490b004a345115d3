"""`async with` for what has a `close`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Closing:
    """What `async with` closes at the end of its block, however that ends."""

    async def close(self) -> None:
        """Give back what is held; each class has its own."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
