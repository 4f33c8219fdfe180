"""People who pay for themselves and go: what they have bought, what the Fake says of it, and time for the worker."""

from sqlalchemy import select

from domain.audit import AuditEvent
from domain.billing import Purchase
from domain.billing.processors import shapes
from domain.billing.processors.fake import FakeSubscription
from domain.billing.states import SubscriptionState
from domain.identity import User
from domain.identity.models import Deletion
from domain.scope import Scope
from domain.wiring import Services
from tests.support.billing import subscriptions
from tests.support.clock import FixedClock
from tests.support.wired import customer_of

TEAM = [Purchase(price_id="price_team_monthly", quantity=7)]
SEATS = [Purchase(price_id="price_seat_pack", quantity=1)]


async def buys(services: Services, scope: Scope, *purchases: list[Purchase]) -> None:
    """Let somebody buy for themselves."""
    customer_id = await customer_of(services, scope)
    assert isinstance(services.clock, FixedClock)
    for items in purchases:
        await services.commands.subscribe(scope=scope, customer_id=customer_id, items=items)
        # Two different states in one second would be ambiguous.
        services.clock.forward(seconds=2)


async def in_truth(services: Services) -> list[SubscriptionState]:
    """Tell how the Fake has every subscription: what is billed in truth, the oldest first."""
    async with services.database.snapshot() as session:
        rows = (await session.execute(select(FakeSubscription))).scalars().all()
    return [shapes.snapshot(row.document).state for row in sorted(rows, key=lambda row: row.document["created"])]


async def in_the_mirror(services: Services) -> list[SubscriptionState]:
    return [row.current for row in sorted(await subscriptions(services.database), key=lambda row: row.created_at)]


async def user_row(services: Services, scope: Scope) -> User | None:
    async with services.database.snapshot() as session:
        return await session.get(User, scope.actor.id)


async def deletion_row(services: Services, scope: Scope) -> Deletion:
    async with services.database.snapshot() as session:
        return await session.get_one(Deletion, scope.actor.id)


async def audited(services: Services, *actions: str) -> list[str]:
    """List the actions that the ledger tells, sorted; all that begin with `user.` when none are named."""
    async with services.database.snapshot() as session:
        rows = await session.execute(select(AuditEvent.action).order_by(AuditEvent.action))
        return [
            action for action in rows.scalars() if action in actions or (not actions and action.startswith("user."))
        ]


async def time_passes(services: Services, times: int = 4) -> None:
    """Let hours go by in which the worker comes round."""
    assert isinstance(services.clock, FixedClock)
    for _ in range(times):
        services.clock.forward(minutes=70)
        while await services.worker.round():
            pass
