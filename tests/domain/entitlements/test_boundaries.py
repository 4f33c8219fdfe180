"""Every edge in time, a microsecond before it, on it and after it: through the resolver, and through the gate."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from domain.billing import BillingSubscription, facts
from domain.db import Database
from domain.entitlements import Catalog, InForce, Override, Reason, UnmappedPrice, resolve
from domain.entitlements.decisions import decide_feature
from domain.ids import CustomerId, OverrideId
from domain.organizations import Organization
from domain.wiring import Services
from tests.support import states
from tests.support.clock import FixedClock
from tests.support.oracle import DAY, HOUR, Gift, Item, Row
from tests.support.states import EPOCH, State
from tests.support.telling import tell
from tests.support.wired import customer_of

PRICE = "price_pro"
PLANS = {"pro": {"features": ["reports"], "limits": {"seats": 1}, "price_ids": [PRICE]}}
YES, GRACE, NO = Reason.ENTITLED, Reason.PAST_DUE_GRACE, Reason.NO_ACTIVE_SUBSCRIPTION
EXPIRED, FAILED = Reason.PAST_DUE_EXPIRED, Reason.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A customer on an edge at EPOCH, and why it has or has not `reports` before it, on it and after it."""

    state: State
    reasons: tuple[Reason, Reason, Reason]

    @property
    def catalog(self) -> Catalog:
        return states.read(self.state.catalog)


def row(status: str = "active", *, period_end: int | None = None, **rest: Any) -> Row:
    return Row(status=status, items=(Item(price=PRICE, period_end=period_end),), **{"last_fact_at": -90 * DAY} | rest)


def edge(reasons: tuple[Reason, Reason, Reason], *rows: Row, gifts: tuple[Gift, ...] = (), **config: Any) -> Edge:
    return Edge(state=State(catalog={**config, "plans": PLANS}, rows=rows, gifts=gifts), reasons=reasons)


EDGES = {
    "the end of grace in days": edge(
        (GRACE, GRACE, EXPIRED), row("past_due", past_due_since=-7 * DAY), past_due_grace=7
    ),
    "the end of grace in the days of dunning": edge(
        (GRACE, GRACE, EXPIRED),
        row("past_due", past_due_since=-3 * DAY),
        past_due_grace="dunning",
        dunning_grace_days=3,
    ),
    "the end of grace in the days of dunning when none are written": edge(
        (GRACE, GRACE, EXPIRED), row("past_due", past_due_since=-14 * DAY), past_due_grace="dunning"
    ),
    "the days of dunning without grace": edge((NO, NO, NO), row("past_due", past_due_since=-14 * DAY)),
    "the days of grace of what is unpaid": edge((NO, NO, NO), row("unpaid", past_due_since=-7 * DAY), past_due_grace=7),
    "past due from now on": edge((GRACE, GRACE, GRACE), row("past_due", past_due_since=0), past_due_grace=7),
    "past due from a time to come on": edge(
        (GRACE, GRACE, GRACE), row("past_due", past_due_since=3 * DAY), past_due_grace=7
    ),
    "past due since nobody knows when": edge((EXPIRED, EXPIRED, EXPIRED), row("past_due"), past_due_grace=7),
    "silence after the period": edge((YES, YES, NO), row(period_end=-72 * HOUR), stale_after_hours=72),
    "silence after later news": edge(
        (YES, YES, NO), row(period_end=-99 * HOUR, last_fact_at=-72 * HOUR), stale_after_hours=72
    ),
    "silence in grace": edge(
        (GRACE, GRACE, NO),
        row("past_due", past_due_since=-DAY, period_end=-72 * HOUR),
        past_due_grace=7,
        stale_after_hours=72,
    ),
    "silence after grace": edge(
        (EXPIRED, EXPIRED, NO),
        row("past_due", past_due_since=-9 * DAY, period_end=-72 * HOUR),
        past_due_grace=7,
        stale_after_hours=72,
    ),
    "silence where none is too long": edge((YES, YES, YES), row(period_end=-72 * HOUR)),
    "silence about a price that no plan has": edge(
        (FAILED, FAILED, NO),
        Row(status="active", items=(Item(price="price_unknown", period_end=-72 * HOUR),), last_fact_at=-90 * DAY),
        unmapped_action="raise",
        stale_after_hours=72,
    ),
    "the end of an override": edge((YES, YES, NO), gifts=(Gift(feature="reports", expires_at=0),)),
    "the end of an override in grace": edge(
        (YES, YES, GRACE),
        row("past_due", past_due_since=-DAY),
        gifts=(Gift(feature="reports", expires_at=0),),
        past_due_grace=7,
    ),
    "the end of a period": edge((YES, YES, YES), row(period_end=0)),
    "the end of a period that is the last": edge((YES, YES, YES), row(period_end=0, cancel_at_period_end=True)),
    "the end of a trial": edge((YES, YES, YES), row("trialing", trial_end=0)),
    "a planned end": edge((YES, YES, YES), row(cancel_at=0)),
    "an end, whenever it is": edge((NO, NO, NO), row(ended_at=0)),
}
MOMENTS = (-1, 0, 1)


@pytest.mark.parametrize("nth", range(3), ids=["before", "on", "after"])
@pytest.mark.parametrize("name", EDGES)
def test_the_resolver_knows_both_sides_of_every_edge(name: str, nth: int) -> None:
    on, moment = EDGES[name], MOMENTS[nth]
    held, granted = [states.held(each) for each in on.state.rows], [states.granted(each) for each in on.state.gifts]

    try:
        resolved = resolve(on.catalog, held, granted, now=states.instant(moment))
    except UnmappedPrice as error:
        resolved = error.denial
    decision = decide_feature(resolved, "reports")

    assert decision.reason is on.reasons[nth]
    assert on.state.truth.at(moment).feature_reason("reports") == on.reasons[nth]
    if moment <= 0 and on.reasons[1] is not on.reasons[2]:
        assert decision.valid_until == EPOCH


async def write(database: Database, customer_id: CustomerId, on: Edge) -> None:
    """Put a customer on an edge: its one row, and its overrides."""
    async with database.transaction() as session:
        await session.execute(delete(Override))
        for gift in on.state.gifts:
            session.add(override(customer_id, gift))
        held = states.held(on.state.rows[0] if on.state.rows else row("canceled"))
        await session.execute(
            update(BillingSubscription).values(
                status=held.state.status,
                state=facts.encode(held.state),
                past_due_since=held.past_due_since,
                last_fact_at=held.last_fact_at,
            )
        )


def override(customer_id: CustomerId, gift: Gift) -> Override:
    return Override(
        id=OverrideId("ovr_1"),
        customer_id=customer_id,
        feature=gift.feature,
        reason="a promise",
        created_by="usr_1",
        created_at=EPOCH - timedelta(days=1),
        expires_at=states.granted(gift).expires_at,
    )


async def test_the_gate_knows_both_sides_of_every_edge(services: Services, acme: Organization) -> None:
    await tell(services)
    payer = await customer_of(services, acme)
    answers: dict[str, tuple[Reason, ...]] = {}

    for name, on in EDGES.items():
        await write(services.database, payer, on)
        gates = [
            replace(services.entitlements, in_force=InForce(on.catalog), clock=FixedClock(states.instant(moment)))
            for moment in MOMENTS
        ]
        answers[name] = tuple([(await gate.decide(acme, "reports")).reason for gate in gates])

    assert answers == {name: on.reasons for name, on in EDGES.items()}
