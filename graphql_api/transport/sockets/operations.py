"""One operation over a socket: from what is asked to what is told of it, message by message."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TypeAlias

from graphql import GraphQLFormattedError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from graphql_api.context import Context
from graphql_api.errors import Code, MaskingSchema
from graphql_api.transport.reading import GraphQLRequest

Message: TypeAlias = Mapping[str, object]
COMPLETE: Message = {"type": "complete"}


async def told(schema: MaskingSchema, asked: GraphQLRequest, context: Context) -> AsyncGenerator[Message, None]:
    """Run an operation of any kind and give what is told of it: each result, then one last word."""
    results = await schema.stream(
        asked.query,
        variable_values=asked.variables,
        context_value=context,
        operation_name=asked.operation_name,
        operation_extensions=asked.extensions,
    )
    async with aclosing(results):
        async for result in results:
            if isinstance(result, PreExecutionError):
                yield {"type": "error", "payload": [error.formatted for error in result.errors or ()]}
                return
            yield {"type": "next", "payload": _payload(result)}
    yield COMPLETE


def refused(code: Code, message: str, *, request_id: str, retry_after_seconds: int | None = None) -> Message:
    """Refuse an operation that was not even begun, in the shape of every other refusal."""
    extensions: dict[str, object] = {"code": code, "requestId": request_id}
    if retry_after_seconds is not None:
        extensions["retryAfterSeconds"] = retry_after_seconds
    error: GraphQLFormattedError = {"message": message, "extensions": extensions}
    return {"type": "error", "payload": [error]}


def _payload(result: ExecutionResult) -> Message:
    payload: dict[str, object] = {"data": result.data}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return payload
