"""Checkout sessions that stand in a new purchase's way: each is closed, or what was bought on it is taken in.

So an abandoned page locks nobody out, and one that was paid a moment ago is not paid for a second time.
"""

import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from domain.billing import checkouts
from domain.billing.checkouts import Checkout
from domain.billing.customers import locked_customer
from domain.billing.processors import (
    CheckoutSession,
    CheckoutStatus,
    Processor,
    ProcessorRefused,
    ProcessorUnavailable,
    serving,
)
from domain.billing.statements import Statement
from domain.billing.states import ProcessorName, Snapshot
from domain.billing.subscriptions import absorb
from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import UpstreamUnavailable
from domain.scope import system

log = logging.getLogger(__name__)

UNKNOWN = "resource_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the processor says of a session, and the subscription bought on it, asked for at these instants."""

    session: CheckoutSession
    snapshot: Snapshot | None
    asked_at: datetime
    processor_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Settles sessions, holding no transaction while it asks."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]

    async def settle(self, found: Iterable[Checkout]) -> None:
        """Leave none of these open: what nobody has paid expires, what was paid shows in the mirror.

        Raises:
            UpstreamUnavailable: of one of them nobody knows.
            InvalidInput: one was paid by an account that belongs to another customer; somebody must look.
        """
        for checkout in found:
            processor = serving(self.processors, checkout.processor, livemode=checkout.livemode)
            if processor is None:
                raise UpstreamUnavailable
            try:
                seen = await self._see(processor, checkout)
            except ProcessorUnavailable as error:
                raise UpstreamUnavailable(retry_after_seconds=error.retry_after) from error
            except ProcessorRefused as error:
                raise UpstreamUnavailable from error
            await self.database.run(partial(self._write, checkout, seen))

    async def _see(self, processor: Processor, checkout: Checkout) -> _Found:
        session = _as_known(checkout)
        if checkout.status is CheckoutStatus.OPEN:
            session = await _expired(processor, session)
        if session.status is CheckoutStatus.OPEN:
            raise ProcessorUnavailable("a session stays open")
        bought, snapshot = session.subscription_processor_id, None
        asked_at, processor_time = self.clock.now(), await processor.now()
        if bought is not None:
            snapshot = await processor.fetch(bought)
            if snapshot is None:
                log.warning("%s does not know what was bought on a checkout session of its own", checkout.processor)
        return _Found(session=session, snapshot=snapshot, asked_at=asked_at, processor_time=processor_time)

    async def _write(self, checkout: Checkout, found: _Found, session: Session) -> None:
        now = self.clock.now()
        await locked_customer(session, checkout.customer_id)
        row = await session.get_one(Checkout, (checkout.processor, checkout.livemode, checkout.processor_id))
        if found.session.status is CheckoutStatus.EXPIRED:
            row.status, row.settled_at = CheckoutStatus.EXPIRED, now
            return
        snapshot = found.snapshot
        account = await checkouts.complete(
            session,
            row,
            customer_processor_id=snapshot.customer_processor_id if snapshot else found.session.customer_processor_id,
            subscription_processor_id=found.session.subscription_processor_id,
            now=now,
        )
        if snapshot is not None and account is not None:
            said = Statement.fetched(snapshot, asked_at=found.asked_at, processor_time=found.processor_time)
            await absorb(session, said, account=account, scope=system("checkout"), now=now)
        row.settled_at = now


def _as_known(checkout: Checkout) -> CheckoutSession:
    return CheckoutSession(
        processor_id=checkout.processor_id,
        livemode=checkout.livemode,
        status=checkout.status,
        url=None,
        expires_at=checkout.expires_at,
        subscription_processor_id=checkout.subscription_processor_id,
    )


async def _expired(processor: Processor, session: CheckoutSession) -> CheckoutSession:
    """Close a session; one that the processor does not know cannot be paid either."""
    try:
        # A new key each time: closing twice does no harm, and an old answer would hide that it was paid meanwhile.
        return await processor.expire_checkout(session.processor_id, key=f"sgx_{secrets.token_hex(16)}")
    except ProcessorRefused as refused:
        if refused.code != UNKNOWN:
            raise
        return replace(session, status=CheckoutStatus.EXPIRED)
