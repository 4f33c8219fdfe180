"""How long a caller waits for an operation. What writes goes on behind the answer and ends whole."""

import asyncio
from collections.abc import AsyncIterator

from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext
from strawberry.types.graphql import OperationType

from graphql_api.errors import Code, PublicError

# Twice what one statement may take, so that the database's own limit is heard of first.
QUERY_SECONDS = 10.0
# A processor is given some seconds for each of several calls.
MUTATION_SECONDS = 30.0


class Deadline(SchemaExtension):
    """Ends the wait for an operation with TIMEOUT. Reads are cancelled; writes are shielded and their outcome unknown.

    A subscription has as long as a query to open; its events take the time that they take.
    """

    def __init__(
        self,
        *,
        execution_context: ExecutionContext | None = None,
        query_seconds: float = QUERY_SECONDS,
        mutation_seconds: float = MUTATION_SECONDS,
    ) -> None:
        super().__init__(execution_context=execution_context)
        self._seconds = {OperationType.MUTATION: mutation_seconds}
        self._otherwise = query_seconds

    async def on_execute(self) -> AsyncIterator[None]:
        """Wait so long and no longer.

        Raises:
            PublicError: the time is over.
        """
        kind = self.execution_context.operation_type
        seconds = self._seconds.get(kind, self._otherwise)
        try:
            async with asyncio.timeout(seconds) as limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise PublicError(_told(kind, seconds), Code.TIMEOUT) from None


def _told(kind: OperationType, seconds: float) -> str:
    text = f"The answer took more than {seconds:g} seconds."
    if kind is not OperationType.MUTATION:
        return text
    return f"{text} What it was to write may be written or not: ask again with the same idempotencyKey."
