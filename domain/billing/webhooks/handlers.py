"""What is done about each kind of news: one table, one function each. No network in here."""

from collections.abc import Mapping

from domain import outbox
from domain.billing.facts import FactSource
from domain.billing.fetches import Fetches
from domain.billing.processors.news import CheckoutCompleted, SubscriptionTold, SubscriptionTouched
from domain.billing.subscriptions import Statement, absorb
from domain.billing.webhooks.checkouts import checkout_completed
from domain.billing.webhooks.models import Handler, Received
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
    """Owe a fetch of a subscription that the event does not show whole."""
    if news.customer_processor_id is not None:
        await received.account(news.customer_processor_id)
    payload = {"processor": received.row.processor, "processor_id": news.processor_id}
    await outbox.put(received.session, topic=Fetches.TOPIC, key=news.processor_id, payload=payload, at=received.now)


HANDLERS: Mapping[type, Handler] = {
    SubscriptionTold: subscription_told,
    SubscriptionTouched: subscription_touched,
    CheckoutCompleted: checkout_completed,
}
