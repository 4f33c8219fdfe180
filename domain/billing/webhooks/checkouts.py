"""A checkout session was paid: whose it is we know because we made it; what was bought is asked for at once."""

from domain.billing import checkouts
from domain.billing.checkouts import Checkout
from domain.billing.fetches import ask_to_fetch
from domain.billing.processors.news import CheckoutCompleted
from domain.billing.webhooks.models import Received


async def checkout_completed(received: Received, news: CheckoutCompleted) -> None:
    """Link the account that paid and owe a fetch of what it bought; a session that we did not make links nothing.

    Raises:
        InvalidInput: the account and the session's customer belong to others; somebody must look.
    """
    place = (received.row.processor, received.row.livemode, news.processor_id)
    checkout = await received.session.get(Checkout, place)
    if checkout is None:
        return
    received.customer_id = checkout.customer_id
    account = await checkouts.complete(
        received.session,
        checkout,
        customer_processor_id=news.customer_processor_id,
        subscription_processor_id=news.subscription_processor_id,
        now=received.now,
    )
    bought = checkout.subscription_processor_id
    if account is None or bought is None:
        return
    await ask_to_fetch(received.session, processor=checkout.processor, processor_id=bought, at=received.now)
