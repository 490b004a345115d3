"""What begins when it is awaited, by `await` or by `async with`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, Self


class Beginning:
    """To make one of these is not to begin it yet: nothing can be waited for in there."""

    def _made(self) -> None:
        """It begins later."""

    async def _begin(self) -> None:
        """Each class has its own; for one that has begun it does nothing."""

    async def _begun(self) -> Self:
        await self._begin()
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._begun().__await__()

    async def __aenter__(self) -> Self:
        return await self._begun()
