"""One transaction for each local mutation, in a task of its own that nobody's leaving can tear.

Only that task sees the session. What is refused becomes the payload's one error; what fails leaves nothing behind.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol, Self, TypeVar, cast

from strawberry import UNSET, Info
from strawberry.extensions import FieldExtension
from strawberry.types.base import (
    StrawberryList,
    StrawberryOptional,
    get_object_definition,
    has_object_definition,
)
from strawberry.types.field import StrawberryField

from domain.billing import Command, Commands
from domain.db import Session
from domain.errors import DomainError
from domain.idempotency import Answer, Call, digest_of
from domain.identity import StepUp
from graphql_api import loaders
from graphql_api.user_errors import user_error

Result = TypeVar("Result")

_session: ContextVar[Session] = ContextVar("session")


def session() -> Session:
    """Give the session of the transaction that the running mutation is in."""
    return _session.get()


class Refusals(FieldExtension):
    """Turns an expected refusal into a payload whose `errors` has that one member."""

    payload: type[Any]

    def apply(self, field: StrawberryField) -> None:
        """Remember which payload the field gives."""
        assert isinstance(field.type, StrawberryOptional)
        self.payload = cast("type[Any]", field.type.of_type)

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **arguments: Any
    ) -> Any:
        """Run the mutation; refusals that belong into no payload pass on to the top."""
        try:
            async with _counted(info, arguments):
                return await self.run(next_, source, info, **arguments)
        except DomainError as refused:
            error = user_error(refused)
            if error is None or not isinstance(error, _members(self.payload)):
                raise
            return self.payload(errors=[error])
        finally:
            loaders.current().forget()

    async def run(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **arguments: Any) -> Any:
        """Run the resolver, which opens transactions of its own, and let the worker see what it has left to do."""
        try:
            return await next_(source, info, **arguments)
        finally:
            info.context.services.worker.wake()


def _members(payload: type[Any]) -> tuple[type[Any], ...]:
    """Give the kinds of error that a payload can hold; every other refusal belongs to the top of the answer."""
    (errors,) = (field for field in get_object_definition(payload, strict=True).fields if field.name == "errors")
    listed = cast("StrawberryList", errors.type).of_type
    return tuple(getattr(listed, "types", (listed,)))


class Replayable(Protocol):
    """A payload that an idempotency key can bring back."""

    def answer(self) -> Answer:
        """Give what is needed to make the payload again: ids, never secrets."""

    @classmethod
    async def replayed(cls, info: Any, answer: Answer) -> Self:
        """Authorize the caller again and make the payload from what is there now, in the running transaction.

        Raises:
            NotFound: the caller may no longer see what it is about.
            Forbidden: the caller's role has become too low.
        """


class UnitOfWork(Refusals):
    """The same, with the whole resolver inside one transaction. An idempotency key gives one effect and one answer."""

    async def run(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **arguments: Any) -> Any:
        """Run the resolver inside the transaction, again from the start when the database lost the race."""
        call = call_of(info, arguments)

        async def once() -> Any:
            if call is None:
                return await next_(source, info, **arguments)
            known = await call.begin(session())
            if known is not None:
                return await self.payload.replayed(info, known)
            payload = await next_(source, info, **arguments)
            await call.finish(session(), payload.answer())
            return payload

        async def body(opened: Session) -> tuple[Any, bool]:
            _session.set(opened)
            return await once(), opened.leaves_effects

        payload, effects = await info.context.services.database.run(body)
        if effects:
            info.context.services.worker.wake()
        return payload


def _counted(info: Info, arguments: Mapping[str, Any]) -> AbstractAsyncContextManager[None]:
    """Surround a mutation that takes proofs: tries are counted and challenges made outside of its transaction."""
    input = arguments.get("input")
    if input is None or not hasattr(input, "step_up"):
        return nullcontext()
    step_up: StepUp = info.context.services.step_up
    return step_up.counted(scope=info.context.caller, proof=input.step_up)


def call_of(info: Info, arguments: Mapping[str, Any]) -> Call | None:
    """Give what an idempotency key names: this caller, this operation, this input. None without a key."""
    input = arguments.get("input")
    key: str | None = getattr(input, "idempotency_key", None)
    if input is None or key is None:
        return None
    given = {name: _plain(value) for name, value in vars(input).items() if name not in {"idempotency_key", "step_up"}}
    return Call(
        actor_id=info.context.caller.name,
        operation=info.field_name,
        key=key,
        digest=digest_of(given),
        now=info.context.services.clock.now(),
    )


async def give(info: Info[Any, Any], command: Command[Any, Result], input: object) -> Result:
    """Give a command to a processor for the caller, once for the input's key."""
    call = call_of(info, {"input": input})
    commands: Commands = info.context.services.commands
    return await commands.do(command, scope=info.context.caller, call=call)


def _plain(value: Any) -> Any:
    """Write a value of an input as JSON knows it."""
    if value is UNSET:
        return {"unset": True}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if has_object_definition(value):
        return {name: _plain(each) for name, each in vars(value).items()}
    return value
