"""Two processes sell to one customer at once, here and on the processor's pages. Only one purchase is ever paid."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from domain.billing import Owner, OwnerKind, ProcessorName, find_customer, live_subscriptions
from domain.billing.checkouts import Checkout
from domain.billing.processors import CheckoutSession, ProcessorRefused
from domain.wiring import Services
from tests.support import callers, servers
from tests.support.arenas import arrive
from tests.support.callers import Caller, token
from tests.support.wired import fake_of

PROCESSES = 2
TABS = 8
SUBSCRIBE = """
mutation($customer: ID!) {
  answer: subscribe(input: {customerId: $customer, items: [{priceId: "price_team", quantity: 3}]}) {
    subscription { id } errors { __typename }
  }
}
"""
CHECKOUT = """
mutation($customer: ID!) {
  answer: createCheckoutSession(input: {
    customerId: $customer, items: [{priceId: "price_team", quantity: 3}]
    successUrl: "https://acme.example/done", cancelUrl: "https://acme.example/back"
  }) { url errors { __typename } }
}
"""
REFUSALS = {"AlreadySubscribedError"}


async def _answers(tabs: Sequence[Caller], documents: Sequence[str], customer: str) -> list[Any]:
    """Let every tab click at once."""
    asked = (tab.ask(documents[turn % len(documents)], customer=customer) for turn, tab in enumerate(tabs))
    return [answer["answer"] for answer in await asyncio.gather(*asked)]


async def _pay(services: Services) -> list[CheckoutSession]:
    """Pay on every page that was ever opened, all at once; those that have expired take no money."""
    fake = fake_of(services)
    async with services.database.snapshot() as session:
        opened = (await session.execute(select(Checkout.processor_id))).scalars().all()
    paid = await asyncio.gather(*(fake.complete_checkout(id) for id in opened), return_exceptions=True)
    unexpected = [one for one in paid if isinstance(one, BaseException) and not isinstance(one, ProcessorRefused)]
    assert unexpected == []
    return [one for one in paid if isinstance(one, CheckoutSession)]


async def _bought(services: Services) -> list[str]:
    fake = services.processors[ProcessorName.FAKE]
    return [snapshot.processor_id async for snapshot in fake.list_subscriptions()]


async def _one(services: Services, environ: dict[str, str], folder: Path, documents: Sequence[str]) -> None:
    buyer = await arrive(services, "buyer")
    async with services.database.snapshot() as session:
        customer = await find_customer(session, owner=Owner(kind=OwnerKind.USER, id=buyer.id))
    assert customer is not None
    with servers.running(PROCESSES, environ=environ, folder=folder) as running:
        async with callers.crowd() as client:
            tabs = [
                Caller(client=client, url=running[turn % PROCESSES].url, token=token(buyer.subject))
                for turn in range(TABS)
            ]
            first = await _answers(tabs, documents, customer.id)
            again, paid = await asyncio.gather(_answers(tabs, documents, customer.id), _pay(services))
            await _pay(services)
            [last] = await _answers(tabs[:1], [SUBSCRIBE], customer.id)

    errors = {error["__typename"] for answer in [*first, *again, last] for error in answer["errors"]}
    assert errors <= REFUSALS
    assert len(paid) <= 1
    [bought] = await _bought(services)
    async with services.database.snapshot() as session:
        [row] = await live_subscriptions(session, customer.id)
    assert row.processor_id == bought
    assert [error["__typename"] for error in last["errors"]] == ["AlreadySubscribedError"]


async def test_two_tabs_that_subscribe_buy_once(services: Services, environ: dict[str, str], tmp_path: Path) -> None:
    await _one(services, environ, tmp_path, [SUBSCRIBE])


async def test_a_tab_that_subscribes_and_one_on_the_processors_page_buy_once(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    await _one(services, environ, tmp_path, [SUBSCRIBE, CHECKOUT])


async def test_two_tabs_on_the_processors_pages_that_are_both_paid_buy_once(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    await _one(services, environ, tmp_path, [CHECKOUT])
