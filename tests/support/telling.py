"""What the processor says of one subscription, sent through the inbox."""

import json
from datetime import datetime
from typing import Any

from domain.billing import ProcessorName
from domain.wiring import Services
from tests.domain.billing.processors import stripe_json
from tests.support.wired import fake_of


async def tell(
    services: Services,
    *,
    kind: str = "updated",
    at: datetime | None = None,
    price: str = "price_team_monthly",
    quantity: int | None = 7,
    **state: Any,
) -> None:
    """Let the processor say something about `sub_1`, through the inbox."""
    fake = fake_of(services)
    second = int((at or services.clock.now()).timestamp())
    items = stripe_json.items(stripe_json.item(price={"id": price}, quantity=quantity))
    body = json.dumps(
        stripe_json.event(
            id=f"evt_{second}_{kind}",
            type=f"customer.subscription.{kind}",
            created=second,
            data={"object": stripe_json.subscription(items=items, **state)},
        )
    ).encode()
    await services.inbox.receive(ProcessorName.FAKE, body, fake.sign(body))
