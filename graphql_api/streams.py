"""Subscriptions: each event is an operation of its own, read anew and behind the field's gates anew.

Strawberry asks permissions once, when a stream is opened. Here every gate of the field, in whichever of its forms, is
asked again between an event's coming and its delivery, so whoever has lost what was paid for gets no further event.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, nullcontext
from contextvars import ContextVar
from inspect import isawaitable
from typing import Any

from graphql import GraphQLError, GraphQLFieldResolver, GraphQLResolveInfo, located_error
from strawberry import Info
from strawberry.types.field import StrawberryField

from graphql_api import loaders
from graphql_api.permissions import Gate, steps
from graphql_api.requirements import Denial


def gated(subscribe: GraphQLFieldResolver, field: StrawberryField) -> GraphQLFieldResolver:
    """Wrap what opens a field's stream: refuse the anonymous, and guard each event.

    A denial ends the stream with the opaque error, or with the value of the gate's own function as its last event.
    """
    gates = [step for step in steps(field) if isinstance(step, Gate)]

    async def subscribed(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> AsyncIterator[Any]:
        info.context.caller  # noqa: B018 - refuses the anonymous
        stream = subscribe(source, info, **arguments)
        opened = await stream if isawaitable(stream) else stream
        return _events(opened, gates, source, Info(_raw_info=info, _field=field))

    return subscribed


class Following:
    """Whether the events of an operation are still wanted, by whoever runs it in a task of its own.

    A stream is cancelled only while it waits for its next event. What is being answered is answered to its end:
    graphql-core, when it is cancelled in the middle, leaves coroutines lying about that nobody has awaited.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.Task[Any] | None = None
        self._wanted = True

    def end(self) -> None:
        """Want no more events."""
        self._wanted = False
        if self._waiting is not None:
            self._waiting.cancel()

    async def next(self, events: AsyncIterator[Any]) -> Any:
        """Wait for an event; `END` after the last one, and when none is wanted."""
        if not self._wanted:
            return END
        self._waiting = asyncio.current_task()
        try:
            return await anext(events, END)
        finally:
            self._waiting = None


END = object()
_following: ContextVar[Following | None] = ContextVar("following", default=None)


def follow() -> Following:
    """Let this task say whether it wants events; the streams that it opens from now on heed it."""
    following = Following()
    _following.set(following)
    return following


async def wanted(stream: Any) -> AsyncGenerator[Any, None]:
    """Give the events of a stream for as long as somebody wants them, and close it then."""
    following, events = _following.get() or Following(), aiter(stream)
    async with aclosing(stream) if hasattr(stream, "aclose") else nullcontext():
        while (event := await following.next(events)) is not END:
            yield event


async def _events(stream: Any, gates: Sequence[Gate], source: Any, info: Info[Any, Any]) -> AsyncIterator[Any]:
    async with aclosing(wanted(stream)) as events:
        async for event in events:
            # What was read for the event before must not answer for this one, nor who was billed.
            loaders.renew(info.context)
            for gate in gates:
                denial = await gate.permission.denial(source, info)
                if denial is not None:
                    yield await _last(gate, denial, info)
                    return
            yield event


async def _last(gate: Gate, denial: Denial, info: Info[Any, Any]) -> Any:
    """Give the value that ends the stream, or raise the error that does, at its place in the document."""
    try:
        return await gate.value_for_denied(denial, info)
    except GraphQLError as error:
        at = info._raw_info  # noqa: SLF001 - Strawberry shows the path, and the nodes nowhere else
        raise located_error(error, at.field_nodes, at.path.as_list()) from error
