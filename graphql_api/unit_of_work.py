"""One transaction for each local mutation, in a task of its own that nobody's leaving can tear.

Only that task sees the session. What is refused becomes the payload's one error; what fails leaves nothing behind.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, cast

from strawberry import Info
from strawberry.extensions import FieldExtension
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from domain.db import Session
from domain.errors import DomainError
from graphql_api import loaders
from graphql_api.user_errors import user_error

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
            return await self.run(next_, source, info, **arguments)
        except DomainError as refused:
            error = user_error(refused)
            if error is None:
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


class UnitOfWork(Refusals):
    """The same, with the whole resolver inside one transaction."""

    async def run(self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **arguments: Any) -> Any:
        """Run the resolver inside the transaction, again from the start when the database lost the race."""

        async def body(opened: Session) -> Any:
            _session.set(opened)
            return await next_(source, info, **arguments)

        return await info.context.services.database.run(body)
