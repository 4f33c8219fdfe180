"""Checkout sessions that we made: pages of a processor's on which a purchase of a customer's may be paid.

A session is settled once nothing more can come of it: it has expired, or what was bought on it is in the mirror. Its
address is the buyer's secret and kept nowhere.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ForeignKey, Index, and_, exists, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing.customers import ProcessorAccount, link_account, locked_customer
from domain.billing.processors import CheckoutSession, CheckoutStatus, Processor
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import BillingSubscription
from domain.db import Base, Key, Session, UtcDateTime, closed
from domain.ids import CustomerId


class Checkout(Base):
    """One session, by its id at the processor. `subscription_processor_id`: what was bought, once it is told."""

    __tablename__ = "checkout_sessions"

    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"), primary_key=True)
    livemode: Mapped[bool] = mapped_column(primary_key=True)
    processor_id: Mapped[str] = mapped_column(Key, primary_key=True)
    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"))
    status: Mapped[CheckoutStatus] = mapped_column(closed(CheckoutStatus, name="status"))
    subscription_processor_id: Mapped[str | None] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "customer_id", "settled_at"),)


async def store(
    session: Session, made: CheckoutSession, *, processor: ProcessorName, customer_id: CustomerId, now: datetime
) -> None:
    """Remember a session that we have made; doing it again changes nothing."""
    if await session.get(Checkout, (processor, made.livemode, made.processor_id)) is not None:
        return
    expired = made.status is CheckoutStatus.EXPIRED
    checkout = Checkout(
        processor=processor,
        livemode=made.livemode,
        processor_id=made.processor_id,
        customer_id=customer_id,
        status=made.status,
        subscription_processor_id=made.subscription_processor_id,
        created_at=now,
        expires_at=made.expires_at,
        settled_at=now if expired else None,
    )
    session.add(checkout)
    await session.flush()


async def unsettled(
    session: Session, customer_id: str, *, processors: Mapping[ProcessorName, Processor], now: datetime
) -> list[Checkout]:
    """List the sessions on which this customer may have bought something that the mirror does not show, oldest first.

    One of a processor that nobody can ask here counts for as long as it can be paid.
    """
    shown = exists().where(
        BillingSubscription.processor == Checkout.processor,
        BillingSubscription.livemode == Checkout.livemode,
        BillingSubscription.processor_id == Checkout.subscription_processor_id,
    )
    askable = [
        and_(Checkout.processor == name, Checkout.livemode == processor.livemode)
        for name, processor in processors.items()
    ]
    payable = Checkout.expires_at.is_(None) | (Checkout.expires_at > now)
    query = (
        select(Checkout)
        .where(Checkout.customer_id == customer_id, Checkout.settled_at.is_(None), ~shown, or_(payable, *askable))
        .order_by(Checkout.created_at, Checkout.processor_id)
    )
    return list((await session.execute(query)).scalars())


async def complete(
    session: Session,
    checkout: Checkout,
    *,
    customer_processor_id: str | None,
    subscription_processor_id: str | None,
    now: datetime,
) -> ProcessorAccount | None:
    """Take in that a session of ours was paid, and link its customer to the account that paid; give the account.

    Raises:
        InvalidInput: the account is another customer's, or the customer has another account there.
    """
    await locked_customer(session, checkout.customer_id)
    await session.refresh(checkout, with_for_update=True)
    checkout.status = CheckoutStatus.COMPLETE
    checkout.subscription_processor_id = subscription_processor_id or checkout.subscription_processor_id
    if checkout.subscription_processor_id is None:
        # Nothing that renews was bought, so nothing more can come of it.
        checkout.settled_at = now
    if customer_processor_id is None:
        return None
    return await link_account(
        session,
        customer_id=checkout.customer_id,
        processor=checkout.processor,
        livemode=checkout.livemode,
        processor_id=customer_processor_id,
        at=now,
    )
