"""What a webhook says of a customer's entitlements: kept in the event's own transaction. No network in here."""

from domain.billing import EntitlementsTold
from domain.billing.webhooks import Received
from domain.entitlements.advisory.places import SummarySource
from domain.entitlements.advisory.pulling import ask_to_pull_past
from domain.entitlements.advisory.summaries import Kept, Summary, keep
from domain.ids import CustomerId
from domain.scope import system


async def observe(received: Received, news: EntitlementsTold) -> None:
    """Keep a summary. Stripe shows at most ten entitlements in an event; where those are not all, all are asked for.

    Raises:
        Waiting: nobody has been linked to this account yet.
    """
    account = await received.account(news.customer_processor_id)
    event, now = received.event, received.now
    summary = Summary(
        news=news,
        source=SummarySource.WEBHOOK,
        livemode=event.livemode,
        at=event.occurred_at,
        event_id=event.event_id,
    )
    kept = await keep(received.session, CustomerId(account.customer_id), summary, scope=system("webhook"), now=now)
    if kept is not Kept.STALE and not news.complete:
        await ask_to_pull_past(received.session, account, told_at=event.occurred_at, now=now)
