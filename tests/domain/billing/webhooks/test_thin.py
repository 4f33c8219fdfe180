"""Thin events: what they only name is fetched, and what is nobody's yet waits until it is somebody's."""

import json
from typing import Any

import pytest

from domain.billing.processors import Purchase
from domain.billing.processors.fake import Fault, FaultKind
from domain.billing.webhooks import WebhookEvent, WebhookStatus
from domain.db import Database
from domain.wiring import Services
from tests.support.billing import Mirror, customer, event, events, linked, mirror_of, row_counts, subscription
from tests.support.clock import FixedClock
from tests.support.commanding import account_of, checkout
from tests.support.tables import scalar
from tests.support.wired import fake_of

TEAM = [Purchase(price_id="price_team_monthly", quantity=3)]


def named(id: str, kind: str, type: str, *, name: str = "evt_thin", at: str = "2026-11-21T12:00:00.123Z") -> bytes:
    related = {"id": id, "type": kind, "url": f"/v1/{kind}/{id}"}
    document: dict[str, Any] = {"id": name, "object": "v2.core.event", "type": f"v1.{type}", "created": at}
    return json.dumps(document | {"livemode": False, "context": None, "related_object": related}).encode()


def touched(id: str, *, name: str = "evt_thin") -> bytes:
    return named(id, "subscription", "customer.subscription.updated", name=name)


@pytest.fixture
def mirror(database: Database, clock: FixedClock) -> Mirror:
    return mirror_of(database, clock)


async def bought(mirror: Mirror) -> str:
    """Buy at the processor itself for an account of no customer's, and tell nobody."""
    return (await mirror.fake.subscribe("cus_1", TEAM, key="buy")).snapshot.processor_id


async def waits(mirror: Mirror) -> WebhookEvent:
    """Let two thin events tell of a subscription whose account is linked to nobody; gives the one that waits."""
    id = await bought(mirror)
    for name in ("evt_1", "evt_2"):
        await mirror.post_body(touched(id, name=name))
    await mirror.deliver()
    return next(each for each in await events(mirror.database) if each.status is WebhookStatus.RECEIVED)


async def test_one_of_an_account_that_is_nobodys_waits_for_it_like_a_whole_one(mirror: Mirror) -> None:
    waiting = await waits(mirror)

    assert (waiting.waiting_for, waiting.applied_at, waiting.attempts) == ("cus_1", None, 0)
    assert await mirror.inbox.retry_due() == 0
    assert "billing_subscriptions" not in await row_counts(mirror.database)


async def test_once_the_account_is_linked_its_subscription_comes_in_at_once(mirror: Mirror) -> None:
    await waits(mirror)
    payer = await customer(mirror.database, mirror.clock)
    await linked(mirror.database, mirror.clock, payer.id)

    await mirror.inbox.retry_due()
    await mirror.deliver()

    assert (await subscription(mirror.database)).customer_id == payer.id
    assert {each.status for each in await events(mirror.database)} == {WebhookStatus.APPLIED}


async def test_an_invoice_that_is_named_is_fetched_and_heard(mirror: Mirror) -> None:
    id = await bought(mirror)
    payer = await customer(mirror.database, mirror.clock)
    invoice = await scalar(mirror.database, "SELECT id FROM fake_invoices")
    await mirror.post_body(named(invoice, "invoice", "invoice.paid"))
    await mirror.deliver()
    waiting = await event(mirror.database)
    await linked(mirror.database, mirror.clock, payer.id)

    await mirror.inbox.retry_due()
    await mirror.deliver()

    assert (waiting.status, waiting.waiting_for) == (WebhookStatus.RECEIVED, "cus_1")
    heard = "SELECT outcome || ' ' || subscription_processor_id FROM billing_invoices"
    assert await scalar(mirror.database, heard) == f"paid {id}"
    applied = await event(mirror.database)
    assert (applied.status, applied.type, applied.customer_id) == (
        WebhookStatus.APPLIED,
        "v1.invoice.paid",
        payer.id,
    )


async def test_a_checkout_session_that_is_named_is_fetched_and_what_was_bought_comes_in(
    services: Services, clock: FixedClock
) -> None:
    account = await account_of(services, clock)
    await account.do(checkout(account.payer))
    session = await account.open_session()
    await account.fake.complete_checkout(session)
    body = named(session, "checkout.session", "checkout.session.completed")
    await account.services.inbox.receive(fake_of(account.services).name, body, account.fake.sign(body))

    await account.settled()

    assert await scalar(account.database, "SELECT status FROM checkout_sessions") == "complete"
    [told] = [each for each in await events(account.database) if each.event_id == "evt_thin"]
    assert (told.status, told.customer_id) == (WebhookStatus.APPLIED, account.payer)


async def test_while_nobody_answers_the_event_is_failed_and_tried_again(mirror: Mirror) -> None:
    await bought(mirror)
    await linked(mirror.database, mirror.clock, (await customer(mirror.database, mirror.clock)).id)
    invoice = await scalar(mirror.database, "SELECT id FROM fake_invoices")
    mirror.fake.script([Fault(kind=FaultKind.ERROR_500, operation="fetch")])
    await mirror.post_body(named(invoice, "invoice", "invoice.paid"))
    await mirror.deliver()
    failed = await event(mirror.database)
    mirror.clock.forward(seconds=1)

    await mirror.inbox.retry_due()
    await mirror.deliver()

    assert (failed.status, failed.last_error) == (WebhookStatus.FAILED, "ProcessorUnavailable")
    assert (await event(mirror.database)).status is WebhookStatus.APPLIED
    assert await row_counts(mirror.database, ["billing_invoices"]) == {"billing_invoices": 1}


async def test_one_that_names_what_is_not_there_dies_in_the_end_and_leaves_nothing(mirror: Mirror) -> None:
    await mirror.post_body(named("in_none", "invoice", "invoice.paid"))

    for _ in range(30):
        await mirror.deliver()
        mirror.clock.forward(hours=1)
        await mirror.inbox.retry_due()

    dead = await event(mirror.database)
    assert (dead.status, dead.last_error, dead.attempts) == (WebhookStatus.DEAD, "ProcessorRefused", 25)
    assert await row_counts(mirror.database) == {"webhook_events": 1}
