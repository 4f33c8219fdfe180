"""A house that observes what Stripe grants, and a Stripe that grants what a test says."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.billing import ProcessorName, link_account
from domain.billing.processors.news import EntitlementsTold
from domain.billing.processors.signatures import sign
from domain.billing.processors.stripe import StripeProcessor
from domain.entitlements.advisory import EntitlementSummary, Pulling, Pulls, summary_for_customer
from domain.ids import CustomerId
from domain.wiring import Services
from tests.support.billing import customer
from tests.support.clock import FixedClock
from tests.support.wired import wired

SECRET = "whsec_of_the_advice"
TYPE = "entitlements.active_entitlement_summary.updated"
SETTINGS = {
    "SEATGATE_PROCESSORS": "stripe",
    "SEATGATE_STRIPE_API_KEY": "sk_test_1",
    "SEATGATE_STRIPE_WEBHOOK_SECRETS": SECRET,
    "SEATGATE_STRIPE_NATIVE_SYNC": "advisory",
}


class Granting(StripeProcessor):
    """Stripe as far as it grants: by account, what a test says, or fails as it says; `asked` holds the accounts."""

    def __init__(self, clock: FixedClock) -> None:
        super().__init__(api_key="sk_test_1", webhook_secrets=[SECRET], clock=clock)
        self.grants: dict[str, list[str]] = {}
        self.fails: dict[str, list[Exception]] = {}
        self.asked: list[str] = []
        self.events: list[bytes] = []
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def entitlements(self, customer_processor_id: str) -> EntitlementsTold | None:
        self.asked.append(customer_processor_id)
        keys = self.grants.get(customer_processor_id)
        if self.meanwhile is not None:
            await self.meanwhile()
        if waiting := self.fails.get(customer_processor_id):
            raise waiting.pop(0)
        return None if keys is None else told(*keys, account=customer_processor_id)

    async def list_events(self, *, since: datetime) -> AsyncIterator[bytes]:
        for body in self.events:
            if self.stored(body).occurred_at >= since:
                yield body


def told(*keys: str, account: str = "cus_1", complete: bool = True) -> EntitlementsTold:
    features = tuple((f"feat_{key}", key) for key in keys)
    return EntitlementsTold(customer_processor_id=account, features=features, complete=complete)


def body(event_id: str, at: datetime, *keys: str, account: str = "cus_1", complete: bool = True) -> bytes:
    """Write a summary as Stripe sends it."""
    data = [{"id": f"ent_{key}", "feature": f"feat_{key}", "lookup_key": key} for key in keys]
    summary = {
        "object": "entitlements.active_entitlement_summary",
        "customer": account,
        "entitlements": {"object": "list", "data": data, "has_more": not complete},
    }
    envelope: dict[str, Any] = {"id": event_id, "type": TYPE, "created": int(at.timestamp()), "livemode": False}
    return json.dumps(envelope | {"data": {"object": summary}}).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything wired to observe, but for Stripe, which is the test's own."""

    services: Services
    clock: FixedClock
    stripe: Granting

    def pulls(self) -> Pulls:
        """Give what reads, as another process would have it."""
        processors = {ProcessorName.STRIPE: self.stripe}
        return Pulls(database=self.services.database, clock=self.clock, processors=processors)

    def pulling(self) -> Pulling:
        return Pulling(self.pulls())

    async def customer(self, *keys: str, account: str = "cus_1") -> CustomerId:
        """Make a customer to whom Stripe grants these."""
        made = (await customer(self.services.database, self.clock, owner_id=f"org_of_{account}")).id
        self.stripe.grants[account] = list(keys)
        async with self.services.database.transaction() as session:
            await link_account(
                session,
                customer_id=made,
                processor=ProcessorName.STRIPE,
                livemode=False,
                processor_id=account,
                at=self.clock.now(),
            )
        return made

    async def hears(self, event_id: str, *keys: str, at: datetime | None = None, complete: bool = True) -> None:
        """Let a webhook arrive."""
        await self.post(body(event_id, at or self.clock.now(), *keys, complete=complete))

    async def post(self, sent: bytes) -> None:
        await self.services.inbox.receive(ProcessorName.STRIPE, sent, sign(sent, SECRET, self.clock.now()))

    async def row(self, customer_id: str) -> EntitlementSummary | None:
        async with self.services.database.snapshot() as session:
            return await summary_for_customer(session, customer_id)

    async def known(self, customer_id: str) -> tuple[list[str], bool, str] | None:
        """Say what is known of a customer: which keys, whether all, and how it was learned."""
        row = await self.row(customer_id)
        return None if row is None else (row.lookup_keys, row.complete, row.source.value)


def house(database_url: str, clock: FixedClock) -> House:
    return House(services=wired(database_url, clock, **SETTINGS), clock=clock, stripe=Granting(clock))
