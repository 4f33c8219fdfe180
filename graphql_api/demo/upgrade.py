"""The demo's customer buys more seats: the Fake changes its subscription, and a signed event tells of it."""

from domain.billing import (
    BillingSubscription,
    Owner,
    OwnerKind,
    ProcessorName,
    Purchase,
    find_customer,
    lifecycle,
    list_subscriptions,
)
from domain.billing.processors.fake import FakeProcessor
from domain.db import Page
from domain.errors import ConfigError
from domain.wiring import Services
from graphql_api.demo.organizations import TEAM_PRICE, find_team

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
        customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=team.id))
        assert customer is not None, "every organization is made with its customer"
        found = await list_subscriptions(session, customer.id, page=Page(size=100))
    return next((row for row in found.rows if not lifecycle.ended(row.current)), None)
