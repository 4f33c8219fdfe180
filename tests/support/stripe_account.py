"""Acme at the Stripe peer: services that bill through it over HTTP and hear its webhooks."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
from sqlalchemy import func, select

from domain.billing import BillingSubscription, Commands, ProcessorName, Purchase, Reconciling, Subscribe
from domain.billing.intents import Intent
from domain.billing.processors import Processor
from domain.billing.processors.stripe import StripeProcessor
from domain.wiring import Services
from tests.peers.stripe import SECRET_KEY, Peer, catalog, entitlements, serving
from tests.support.clock import FixedClock
from tests.support.commanding import TEAM, Account, account_of, agreed
from tests.support.wired import wired

HOOK = "https://seatgate.example/webhooks/stripe"
AMOUNTS = {
    "price_team_monthly": 1000,
    "price_pro_monthly": 3000,
    "price_pro_yearly": 30000,
    "price_basic": 500,
    "price_seat_pack": 2000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAccount(Account):
    """Acme, its owner and its customer, with the peer behind them."""

    peer: Peer

    @property
    def stripe(self) -> Processor:
        return self.services.processors[ProcessorName.STRIPE]

    @property
    def paid(self) -> list[int]:
        """What was paid, invoice by invoice, in cents."""
        return [invoice["amount_paid"] for invoice in self.peer.all("invoice") if invoice["amount_paid"]]

    async def buys(self, *items: Purchase) -> BillingSubscription:
        bought = await self.do(Subscribe(customer_id=self.payer, items=items or (TEAM,)))
        assert bought.client_secret is not None
        self.peer.confirm(bought.client_secret)
        await self.settled()
        return await self.row(bought.subscription.id)

    async def settled(self) -> None:
        """Let every webhook arrive and the worker go round, until neither has anything to do."""
        await Account.settled(self)
        while await self.peer.deliver():
            await Account.settled(self)

    async def true(self) -> bool:
        """Say whether the mirror shows what the peer holds, and nothing is under way any more."""
        left_open = select(func.count()).select_from(Intent).where(Intent.settled_at.is_(None))
        async with self.database.snapshot() as session:
            under_way = (await session.execute(left_open)).scalar_one()
        return under_way == 0 and await agreed(self, self.stripe)

    @asynccontextmanager
    async def asking_once(self, *, seconds: float) -> AsyncIterator[tuple[Commands, Reconciling]]:
        """Give commands that ask Stripe once and no more, and not for longer than this."""
        once = StripeProcessor(
            api_key=SECRET_KEY,
            webhook_secrets=[],
            clock=self.clock,
            api_base=self.peer.account.url,
            timeout_seconds=seconds,
            retries=0,
        )
        processors = {ProcessorName.STRIPE: once}
        commands = replace(self.services.commands, processors=processors)
        try:
            yield commands, replace(self.services.reconciling, processors=processors)
        finally:
            await once.aclose()


def stock(peer: Peer, amounts: Mapping[str, int] = AMOUNTS) -> None:
    """Offer prices under the names that the catalog knows, in cents by the month."""
    product = catalog.create_product(peer.account, catalog.CreateProduct(name="Seatgate"))
    for id, amount in amounts.items():
        wanted = catalog.CreatePrice(
            currency="usd",
            unit_amount=amount,
            product=product["id"],
            recurring=catalog.Recurring(interval="month"),
        )
        peer.account.add(catalog.create_price(peer.account, wanted) | {"id": id})


def carry(peer: Peer, *keys: str) -> None:
    """Let what is sold carry these features too."""
    [product] = peer.all("product")
    for key in keys:
        made = entitlements.create_feature(peer.account, entitlements.CreateFeature(lookup_key=key, name=key))
        entitlements.attach(peer.account, entitlements.AttachFeature(entitlement_feature=made["id"]), product["id"])


def billing_through(url: str, secret: str, **more: str) -> dict[str, str]:
    """Give the settings of a Seatgate that bills through the peer alone."""
    return {
        "PROCESSORS": "stripe",
        "STRIPE_API_KEY": SECRET_KEY,
        "STRIPE_API_BASE": url,
        "STRIPE_WEBHOOK_SECRETS": secret,
    } | more


@asynccontextmanager
async def stripe_account(database_url: str, clock: FixedClock, **more: str) -> AsyncIterator[StripeAccount]:
    """Open Acme's account, with `more` settings; webhooks go straight into the inbox, without a socket."""
    house: list[Services] = []

    async def take(request: httpx.Request) -> httpx.Response:
        await house[0].inbox.receive(ProcessorName.STRIPE, request.content, request.headers["stripe-signature"])
        return httpx.Response(200)

    peer = Peer(clock, client=httpx.AsyncClient(transport=httpx.MockTransport(take)))
    stock(peer)
    secret = peer.listen(HOOK)
    async with serving(peer) as url:
        names = {f"SEATGATE_{name}": value for name, value in billing_through(url, secret, **more).items()}
        services = wired(database_url, clock, **names)
        house.append(services)
        made = await account_of(services, clock)
        yield StripeAccount(
            services=made.services, clock=clock, owner=made.owner, acme=made.acme, payer=made.payer, peer=peer
        )
        await services.aclose()
