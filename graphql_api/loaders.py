"""Batched reads, made anew for each operation; each batch opens a short read and closes it before it returns."""

# Each operation makes functions here by the dozen; without this, their annotations would be worked out each time.
from __future__ import annotations

from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader
from strawberry.extensions import SchemaExtension
from strawberry.types.graphql import OperationType

from domain import audit, billing
from domain.audit import AuditEvent, LabelPart
from domain.billing import (
    BillingSubscription,
    Customer,
    ProcessorAccount,
    ProcessorName,
    SubscriptionFact,
    WebhookEvent,
)
from domain.db import Session
from domain.entitlements import (
    Billable,
    EntitlementSet,
    EntitlementSummary,
    Override,
    SeatUsage,
    overrides_by_id,
    summaries_of,
)
from domain.errors import Contained, Forbidden
from domain.identity import ApiKey, User
from domain.organizations import Invitation, Membership, Organization
from domain.scope import ApiScope, Role, Scope
from domain.wiring import Services
from graphql_api.context import Context
from graphql_api.lists import Lists

K = TypeVar("K", str, tuple[ProcessorName, bool, str])
T = TypeVar("T")
EventName = tuple[ProcessorName, bool, str]
"""An event by its processor, its mode, and its id there."""
BATCH = 100

Read = Callable[[Session, Sequence[str]], Awaitable[dict[str, T]]]


class Loaders:
    """Every batched read of one operation, within what its caller may see."""

    def __init__(self, services: Services, scope: Scope, *, may_lag: bool = False) -> None:
        self._services = services
        self._made: list[DataLoader[Any, Any]] = []
        reading, customers = services.reading(scope), services.customers(scope)
        self._customers = customers
        entitlements = services.entitlements
        self.users: DataLoader[str, User | None] = self._loader(reading.users_by_id)
        self.oneself: DataLoader[str, User | None] = self._loader(reading.oneself)
        self.organizations: DataLoader[str, Organization | None] = self._loader(reading.organizations_by_id)
        self.memberships: DataLoader[str, Membership | None] = self._loader(reading.memberships_by_id)
        self.invitations: DataLoader[str, Invitation | None] = self._loader(services.invitation_reading(scope).by_id)
        self.api_keys: DataLoader[str, ApiKey | None] = self._loader(services.keys.reading(scope).by_id)
        self.roles: DataLoader[str, Role | None] = self._loader(reading.roles)
        self.ranks: DataLoader[str, Role | None] = self._loader(reading.ranks)
        self.seats: DataLoader[str, SeatUsage | None] = self._loader(entitlements.seat_usages)
        self.counted: DataLoader[str, Mapping[str, int] | None] = self._loader(services.counting.used)
        self.customers: DataLoader[str, Customer | None] = self._loader(customers.by_id)
        self.customers_by_owner: DataLoader[str, Customer | None] = self._loader(customers.by_owner)
        self.accounts: DataLoader[str, list[ProcessorAccount] | None] = self._loader(billing.accounts_of)

        async def subscriptions(session: Session, ids: Sequence[str]) -> dict[str, BillingSubscription]:
            return await billing.subscriptions_by_id(session, customers, ids)

        self.subscriptions: DataLoader[str, BillingSubscription | None] = self._loader(subscriptions)
        self.entitlements: DataLoader[str, EntitlementSet | None] = self._remember(
            partial(entitlements.visible, customers)
        )
        self._then: dict[tuple[datetime | None, datetime | None], DataLoader[str, Any]] = {}
        self._look_closer(scope)
        self.lists = Lists(services.database.read, services.replica.read if may_lag else None)
        self.billables: dict[tuple[object, object], tuple[Future[Contained[Billable | None]], object]] = {}

    def _look_closer(self, scope: Scope) -> None:
        """Make the loaders of what lies behind the answers: what was told, given, observed and recorded."""
        self.summaries: DataLoader[str, EntitlementSummary | None] = self._loader(summaries_of)
        self.webhook_events: DataLoader[str, WebhookEvent | None] = self._loader(
            _for_host(scope, ApiScope.WEBHOOKS_MANAGE, billing.events_by_id)
        )
        self.override_nodes: DataLoader[str, Override | None] = self._loader(
            overrides_by_id if scope.administrator else _none
        )
        # Those that an answer of the caller's has named already.
        self.overrides: DataLoader[str, Override | None] = self._loader(overrides_by_id)
        self.events_of_facts: DataLoader[EventName, WebhookEvent | None] = self._loader(billing.events_of_facts)
        self.newest_facts: DataLoader[str, SubscriptionFact | None] = self._loader(billing.newest_facts)
        self.facts: DataLoader[str, list[SubscriptionFact] | None] = self._loader(billing.facts_of)
        self.audit_events: DataLoader[str, AuditEvent | None] = self._loader(self._services.timelines(scope).by_id)
        self.audit_labels: DataLoader[str, dict[LabelPart, str] | None] = self._loader(audit.labels)
        self.sealed: DataLoader[str, bool | None] = self._loader(audit.sealed)

    def _loader(self, read: Callable[[Session, Sequence[K]], Awaitable[dict[K, T]]]) -> DataLoader[K, T | None]:
        async def in_snapshot(keys: Sequence[K]) -> dict[K, T]:
            async with self._services.database.snapshot() as session:
                return await read(session, keys)

        return self._remember(in_snapshot)

    def _remember(self, read: Callable[[Sequence[K]], Awaitable[dict[K, T]]]) -> DataLoader[K, T | None]:
        async def load(keys: list[K]) -> list[T | None]:
            found = await read(keys)
            return [found.get(key) for key in keys]

        made = DataLoader(load, max_batch_size=BATCH)
        self._made.append(made)
        return made

    async def entitlements_at(
        self, customer_id: str, as_of: datetime | None, known_at: datetime | None
    ) -> EntitlementSet | None:
        """Give all answers for a customer at another moment than now; None for what is missing or not the caller's.

        Raises:
            Forbidden: the caller does not hear of this customer's past.
            InvalidInput: nothing is known of that moment.
        """
        moment = (as_of, known_at)
        if moment not in self._then:
            read = partial(self._services.entitlements.visible_at, self._customers, as_of=as_of, known_at=known_at)
            # A refusal in the place of an answer is raised where the answer is awaited.
            self._then[moment] = self._remember(read)
        found: EntitlementSet | None = await self._then[moment].load(customer_id)
        return found

    def forget(self) -> None:
        """Read everything anew from here on: a mutation has changed what was read for the one before it."""
        for made in self._made:
            made.clear_all()


def _for_host(scope: Scope, needed: ApiScope, read: Read[T]) -> Read[T]:
    """Give a read to whoever speaks for the host; a key that lacks the scope is told so, everybody else finds nothing.

    Raises:
        Forbidden: from the read, for a key that lacks the scope.
    """

    async def refuse(_: Session, __: Sequence[str]) -> dict[str, T]:
        raise Forbidden

    found = read if scope.everywhere else _none
    return found if scope.may(needed) else refuse


async def _none(_: Session, __: Sequence[str]) -> dict[str, Any]:
    """Find nothing, for those who may not look."""
    return {}


_loaders: ContextVar[Loaders] = ContextVar("loaders")


def current() -> Loaders:
    """Give the loaders of the operation that is running."""
    return _loaders.get()


def renew(context: Context, *, may_lag: bool = False) -> None:
    """Begin with loaders that have read nothing; who is anonymous has none.

    Where `may_lag`, a replica may answer for the lists that say so of themselves.
    """
    if context.scope is not None:
        _loaders.set(Loaders(context.services, context.scope, may_lag=may_lag))


class FreshLoaders(SchemaExtension):
    """Gives each operation loaders of its own, so that none of them ever answers from an older operation."""

    async def on_execute(self) -> AsyncIterator[None]:
        """Make them before the first resolver runs; who changes something, or is told of changes, sees them."""
        only_reads = self.execution_context.operation_type is OperationType.QUERY
        renew(self.execution_context.context, may_lag=only_reads)
        yield
