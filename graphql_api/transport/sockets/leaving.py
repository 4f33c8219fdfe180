"""How a server tells the sockets that it serves that it is about to end."""

import asyncio

from starlette.types import Scope

KEY = "seatgate.leaving"
"""Where the extensions of a connection's scope hold its `Leaving`."""


class Leaving:
    """Is told once, and heard by who waits for it. A server closes at once what nobody waits for."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self.heeded = False

    def tell(self) -> None:
        """Say that the server ends."""
        self._told.set()

    @property
    def told(self) -> bool:
        """Say whether the server ends."""
        return self._told.is_set()

    async def wait(self, *, at_most: float) -> bool:
        """Wait so many seconds, or until the server ends, and say whether it does."""
        self.heeded = True
        try:
            async with asyncio.timeout(at_most):
                await self._told.wait()
        except TimeoutError:
            return False
        return True


def of(scope: Scope) -> Leaving:
    """Find what a connection's server tells; a server that tells nothing never ends."""
    found = scope.get("extensions", {}).get(KEY)
    return found if isinstance(found, Leaving) else Leaving()
