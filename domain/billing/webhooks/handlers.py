"""What is done about each kind of news: one table, one function each. No network in here."""

from collections.abc import Mapping

from domain import outbox
from domain.billing.facts import FactSource
from domain.billing.fetches import ask_to_fetch
from domain.billing.invoices import Heard, hear
from domain.billing.processors.news import (
    CheckoutCompleted,
    CustomerChange,
    CustomerTold,
    InvoiceTold,
    ObjectNamed,
    SubscriptionTold,
    SubscriptionTouched,
)
from domain.billing.statements import Statement
from domain.billing.subscriptions import absorb, live_subscriptions
from domain.billing.webhooks.checkouts import checkout_completed
from domain.billing.webhooks.models import TOPIC, Handler, Received
from domain.scope import system


async def subscription_told(received: Received, news: SubscriptionTold) -> None:
    """Fold a subscription into the mirror."""
    account = await received.account(news.snapshot.customer_processor_id)
    statement = Statement(
        source=FactSource.EVENT,
        type=news.type,
        event_id=received.event.event_id,
        occurred_at=received.event.occurred_at,
        snapshot=news.snapshot,
    )
    await absorb(received.session, statement, account=account, scope=system("webhook"), now=received.now)


async def subscription_touched(received: Received, news: SubscriptionTouched) -> None:
    """Owe a fetch of a subscription that the event does not show whole; a burst of such events owes one."""
    unsaid = news.customer_processor_id is None
    if news.customer_processor_id is not None:
        await received.account(news.customer_processor_id)
    await ask_to_fetch(
        received.session,
        processor=received.row.processor,
        processor_id=news.processor_id,
        at=received.now,
        told_by=received.row.id if unsaid else None,
    )


async def object_named(received: Received, _: ObjectNamed) -> None:
    """Owe a fetch of what the event is about."""
    payload = {"webhook_event_id": received.row.id}
    await outbox.put_once(received.session, topic=TOPIC, key=received.row.id, payload=payload, at=received.now)


async def invoice_told(received: Received, news: InvoiceTold) -> None:
    """Keep the word on an invoice, and look at a subscription that it contradicts."""
    account = await received.account(news.customer_processor_id)
    heard = Heard(told=news, occurred_at=received.event.occurred_at, event_id=received.event.event_id)
    await hear(received.session, heard, account=account, now=received.now)


async def customer_told(received: Received, news: CustomerTold) -> None:
    """Look at what a customer still has when it is deleted at the processor; its other changes are no matter here.

    The account stays linked, and what the processor does not know any more has ended.
    """
    if news.change is not CustomerChange.DELETED:
        return
    account = await received.account(news.processor_id)
    for row in await live_subscriptions(received.session, account.customer_id):
        if (row.processor, row.livemode) == (account.processor, account.livemode):
            await ask_to_fetch(
                received.session, processor=row.processor, processor_id=row.processor_id, at=received.now, ends=True
            )


HANDLERS: Mapping[type, Handler] = {
    SubscriptionTold: subscription_told,
    SubscriptionTouched: subscription_touched,
    ObjectNamed: object_named,
    InvoiceTold: invoice_told,
    CustomerTold: customer_told,
    CheckoutCompleted: checkout_completed,
}
