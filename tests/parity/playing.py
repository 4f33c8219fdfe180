"""Plays a story on all processors at once, through the ordinary inbox, and listens to what each customer has."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import select

from domain import outbox
from domain.billing import Customer, Fetches, Inbox, Owner, OwnerKind, create_customer, link_account
from domain.billing.processors import Processor
from domain.billing.processors.braintree import BraintreeProcessor
from domain.billing.processors.fake import FakeProcessor
from domain.billing.processors.signatures import sign
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import BillingSubscription
from domain.billing.webhooks import keep_waiting
from domain.db import Database
from domain.entitlements import Entitlements, InForce, catalog
from tests.domain.billing.processors.braintree_xml import KEYS
from tests.parity.scenarios import CATALOG, Scenario, Step, answer
from tests.parity.tellers import Braintree, Fake, Stripe, Teller
from tests.peers.braintree import serving
from tests.support.clock import FixedClock

SECRET = "whsec_of_the_stories"
UNABLE, OVER = "unsupported", "(over)"

Streams = dict[ProcessorName, list[str]]
"""What each processor's customer had after every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The house, and who tells stories in it, each with the customer who has that processor's account."""

    database: Database
    clock: FixedClock
    fetches: Fetches
    deliver: Mapping[str, outbox.Deliver]
    entitlements: Entitlements
    told: Mapping[ProcessorName, tuple[Teller, Customer]]

    async def play(self, scenario: Scenario) -> Streams:
        """Play every step by everybody; whose processor cannot do one goes home."""
        streams: Streams = {name: [] for name in self.told}
        playing = {name: teller for name, (teller, _) in self.told.items()}
        for step in scenario.steps:
            for name in step.unable & playing.keys():
                streams[name].append(UNABLE)
                del playing[name]
            await self._pass(step, list(playing.values()))
            for name, teller in playing.items():
                await self._tell(teller, step)
                streams[name].append(await self._has(self.told[name][1]))
        return {name: stream + [OVER] * (len(scenario.steps) - len(stream)) for name, stream in streams.items()}

    async def _pass(self, step: Step, playing: list[Teller]) -> None:
        for teller in playing:
            await teller.prepare(step)
        for _ in range(step.days):
            self.clock.forward(days=1)
            for teller in playing:
                await teller.day()
            await self._deliver()
        # Two steps in one second would be ambiguous.
        self.clock.forward(minutes=1)

    async def _tell(self, teller: Teller, step: Step) -> None:
        answered = await teller.tell(step)
        if answered is not None:
            await self.fetches.deliver({"processor": teller.name, "processor_id": answered})
        await self._deliver()

    async def _deliver(self) -> None:
        while await outbox.deliver_due(self.database, self.clock, self.deliver):
            pass

    async def _has(self, customer: Customer) -> str:
        async with self.database.snapshot() as session:
            query = select(BillingSubscription.status).where(BillingSubscription.customer_id == customer.id)
            status = (await session.execute(query)).scalar_one()
        api, sso = [(await self.entitlements.decide(customer, feature)).reason for feature in ("api", "sso")]
        seats = await self.entitlements.entitlement_quantity(customer, "seats")
        return answer(status=status, api=api, sso=sso, seats=seats)


@asynccontextmanager
async def staged(database: Database, clock: FixedClock) -> AsyncIterator[Stage]:
    """Set a stage on a fresh database."""
    fake = FakeProcessor(database=database, clock=clock, webhook_secrets=[SECRET])
    stripe = StripeProcessor(api_key="sk_test_1", webhook_secrets=[SECRET], clock=clock)
    async with serving() as peer:
        braintree = BraintreeProcessor(**KEYS, live=False, clock=clock, api_base=peer.url)
        processors: dict[ProcessorName, Processor] = {each.name: each for each in (stripe, braintree, fake)}
        inbox = Inbox(database=database, clock=clock, processors=processors)
        fetches = Fetches(database=database, clock=clock, processors=processors, unlinked=keep_waiting)
        tellers: list[Teller] = [
            Stripe(stripe, inbox, clock, sign=lambda body: sign(body, SECRET, clock.now())),
            Braintree(braintree, peer, inbox, clock),
            Fake(fake, "cus_of_fake", "price_"),
        ]
        in_force = InForce(catalog.parse({"scenarios": CATALOG}))
        yield Stage(
            database=database,
            clock=clock,
            fetches=fetches,
            deliver={Fetches.TOPIC: fetches.deliver, FakeProcessor.TOPIC: fake.deliverer(inbox)},
            entitlements=Entitlements(database=database, clock=clock, in_force=in_force),
            told={teller.name: (teller, await _customer(database, clock, teller.name)) for teller in tellers},
        )
        for processor in processors.values():
            await processor.aclose()


async def _customer(database: Database, clock: FixedClock, name: ProcessorName) -> Customer:
    async with database.transaction() as session:
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=f"org_{name}")
        made = await create_customer(session, owner=owner, at=clock.now())
        await link_account(
            session,
            customer_id=made.id,
            processor=name,
            livemode=False,
            processor_id=f"cus_of_{name}",
            at=clock.now(),
        )
    return made
