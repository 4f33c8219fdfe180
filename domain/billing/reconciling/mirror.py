"""What the mirror has of customers, read for many at once: a fixed number of statements, however many there are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select

from domain.billing.access import Accesses, AccessOf, Standing
from domain.billing.customers import Customer, ProcessorAccount
from domain.billing.facts import Fact
from domain.billing.processors import Processor
from domain.billing.reconciling.asking import ToldEvent
from domain.billing.reconciling.values import Mirrored, MissedEvent
from domain.billing.subscriptions import BillingSubscription, SubscriptionFact, fact_of
from domain.billing.webhooks.models import WebhookEvent, WebhookStatus
from domain.db import Session
from domain.ids import CustomerId

AT_ONCE = 100
UNAPPLIED = frozenset({WebhookStatus.FAILED, WebhookStatus.DEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the mirror has of one customer: the rows of the account's processor with their facts, and the others.

    `access_of` works out what rows of this customer give, beside what it has without any.
    """

    customer_id: CustomerId
    closing: bool
    rows: Mapping[str, BillingSubscription]
    mirrored: tuple[Mirrored, ...]
    elsewhere: tuple[Standing, ...]
    access_of: AccessOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """An event that is not in the inbox, or is there and could not be applied (`stored`)."""

    told: ToldEvent
    stored: bool

    @property
    def of_subscription(self) -> MissedEvent | None:
        """What it means for a subscription; None when it tells of none."""
        id = self.told.subscription
        if id is None:
            return None
        return MissedEvent(processor_id=id, occurred_at=self.told.event.occurred_at, stored=self.stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """Every event that was missed, in the processor's order, and where to find those of one subscription.

    Whoever compares many customers after an outage would otherwise go through all of them for each.
    """

    all: tuple[Missed, ...] = ()
    accounts: frozenset[str] = frozenset()
    by_subscription: Mapping[str, Sequence[Missed]] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Iterable[Missed]) -> "Misses":
        """Sort them by subscription."""
        every, of_subscription = tuple(found), dict[str, list[Missed]]()
        for each in every:
            if (id := each.told.subscription) is not None:
                of_subscription.setdefault(id, []).append(each)
        accounts = frozenset(account for each in every if (account := each.told.account) is not None)
        return cls(all=every, accounts=accounts, by_subscription=of_subscription)

    def about(self, subscription_ids: Iterable[str]) -> tuple[Missed, ...]:
        """List what was missed of these subscriptions."""
        return tuple(each for id in sorted(subscription_ids) for each in self.by_subscription.get(id, ()))


async def shelves(session: Session, accounts: Sequence[ProcessorAccount], accesses: Accesses) -> dict[str, Shelf]:
    """Read what the mirror has of the customers of these accounts of one processor, by customer."""
    customer_ids = [account.customer_id for account in accounts]
    closing = select(Customer.id).where(Customer.id.in_(customer_ids), Customer.closing_at.is_not(None))
    going = set((await session.execute(closing)).scalars())
    query = select(BillingSubscription).where(BillingSubscription.customer_id.in_(customer_ids))
    rows: dict[str, list[BillingSubscription]] = {}
    for row in (await session.execute(query.order_by(BillingSubscription.created_at))).scalars():
        rows.setdefault(row.customer_id, []).append(row)
    known = await _facts(session, [row.id for of_one in rows.values() for row in of_one])
    access = await accesses.of(session, customer_ids)
    return {
        id: _shelf(account, rows.get(id, []), known, closing=id in going, access_of=access[id])
        for id, account in zip(customer_ids, accounts, strict=True)
    }


async def linked(
    session: Session, processor: Processor, processor_ids: Iterable[str] | None = None, *, after: str = ""
) -> list[ProcessorAccount]:
    """List a processor's accounts of its mode by its ids: those named, or the next hundred of all."""
    query = select(ProcessorAccount).where(
        ProcessorAccount.processor == processor.name,
        ProcessorAccount.livemode == processor.livemode,
        ProcessorAccount.processor_id > after,
    )
    if processor_ids is not None:
        query = query.where(ProcessorAccount.processor_id.in_(list(processor_ids)))
    return list((await session.execute(query.order_by(ProcessorAccount.processor_id).limit(AT_ONCE))).scalars())


async def count_linked(session: Session, processor: Processor) -> int:
    """Count a processor's accounts of its mode."""
    query = select(func.count()).where(
        ProcessorAccount.processor == processor.name, ProcessorAccount.livemode == processor.livemode
    )
    return (await session.execute(query)).scalar_one()


async def owners(session: Session, processor: Processor, subscription_ids: Iterable[str]) -> set[str]:
    """Name the accounts of the customers whose subscriptions these are in the mirror."""
    query = (
        select(ProcessorAccount.processor_id)
        .join(BillingSubscription, BillingSubscription.customer_id == ProcessorAccount.customer_id)
        .where(
            BillingSubscription.processor == processor.name,
            BillingSubscription.livemode == processor.livemode,
            BillingSubscription.processor_id.in_(list(subscription_ids)),
            ProcessorAccount.processor == processor.name,
        )
    )
    return set((await session.execute(query)).scalars())


async def missed_among(session: Session, processor: Processor, told: Sequence[ToldEvent]) -> Misses:
    """Find which of a processor's events are not in the inbox, or have not been applied."""
    statuses: dict[str, WebhookStatus] = {}
    for start in range(0, len(told), AT_ONCE):
        ids = [each.event.event_id for each in told[start : start + AT_ONCE]]
        query = select(WebhookEvent.event_id, WebhookEvent.status).where(
            WebhookEvent.processor == processor.name,
            WebhookEvent.livemode == processor.livemode,
            WebhookEvent.event_id.in_(ids),
        )
        statuses |= {row.event_id: row.status for row in await session.execute(query)}
    found = [(each, statuses.get(each.event.event_id)) for each in told]
    return Misses.of(
        Missed(told=each, stored=status is not None) for each, status in found if status is None or status in UNAPPLIED
    )


async def _facts(session: Session, subscription_ids: Sequence[str]) -> dict[str, list[Fact]]:
    query = select(SubscriptionFact).where(SubscriptionFact.subscription_id.in_(subscription_ids))
    known: dict[str, list[Fact]] = {}
    for row in (await session.execute(query)).scalars():
        known.setdefault(row.subscription_id, []).append(fact_of(row))
    return known


def _shelf(
    account: ProcessorAccount,
    rows: Sequence[BillingSubscription],
    known: Mapping[str, Sequence[Fact]],
    *,
    closing: bool,
    access_of: AccessOf,
) -> Shelf:
    place = (account.processor, account.livemode)
    here = {row.processor_id: row for row in rows if (row.processor, row.livemode) == place}
    return Shelf(
        customer_id=account.customer_id,
        closing=closing,
        rows=here,
        mirrored=tuple(
            Mirrored(
                row=row.standing,
                processor_id=row.processor_id,
                fetch_owed=row.fetch_owed,
                created_at=row.created_at,
                facts=tuple(known.get(row.id, ())),
            )
            for row in here.values()
        ),
        elsewhere=tuple(row.standing for row in rows if here.get(row.processor_id) is not row),
        access_of=access_of,
    )
