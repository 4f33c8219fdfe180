"""The demo's customer buys more seats: the Fake changes its subscription, and a signed event tells of it."""

from domain.billing import BillingSubscription, ProcessorName, Purchase, live_subscriptions
from domain.billing.processors.fake import FakeProcessor
from domain.errors import ConfigError
from domain.wiring import Services
from graphql_api.demo.organizations import TEAM_PRICE, customer_of, find_team

MORE_SEATS = 2


async def upgrade(services: Services) -> tuple[int, bytes, str]:
    """Buy two more seats for the demo's team; give their number now, and the event for it with its signature.

    Raises:
        ConfigError: the demo is not loaded.
    """
    fake = services.processors.get(ProcessorName.FAKE)
    subscription = await _subscription(services)
    if not isinstance(fake, FakeProcessor) or subscription is None:
        raise ConfigError(["the demo is not loaded; `make run` loads it"])
    bought = sum(item.quantity or 0 for item in subscription.current.items if item.price_id == TEAM_PRICE)
    items = [Purchase(price_id=TEAM_PRICE, quantity=bought + MORE_SEATS)]
    body = await fake.replace_items(subscription.processor_id, items)
    return bought + MORE_SEATS, body, fake.sign(body)


async def _subscription(services: Services) -> BillingSubscription | None:
    team = await find_team(services)
    if team is None:
        return None
    async with services.database.snapshot() as session:
        living = await live_subscriptions(session, (await customer_of(session, team)).id)
    return next(iter(living), None)
