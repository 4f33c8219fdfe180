"""The mirror through the real inbox: whatever the order and however often, the rows come to the same."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.exc import DBAPIError

from domain.audit import AuditEvent
from domain.billing import BillingSubscription, Customer, CustomerReading
from domain.billing.states import Status
from domain.billing.subscriptions import SubscriptionFact, subscriptions_by_id, subscriptions_of
from domain.db import Database, Page, page_of
from domain.entitlements import Entitlements, InForce, catalog
from domain.scope import Actor, ActorKind, Scope, system
from tests.domain.billing.processors import stripe_json
from tests.support.billing import Mirror, customer, linked, row_counts, subscription, subscriptions

START = stripe_json.CREATED
CATALOG = """
past_due_grace = 7
[plans.team]
features = ["sso"]
limits = { seats = { per = "quantity" } }
price_ids = ["price_team_monthly"]
"""
# created incomplete, paid, then more seats and a failed payment within one second, and the end
STORY: list[dict[str, Any]] = [
    {"type": "created", "second": 0, "status": "incomplete"},
    {"type": "updated", "second": 10, "status": "active"},
    {"type": "updated", "second": 20, "status": "active", "quantity": 9},
    {"type": "updated", "second": 20, "status": "past_due"},
    {"type": "deleted", "second": 30, "status": "canceled", "ended_at": START + 30},
]


def changed(
    number: int, *, type: str = "updated", second: int, quantity: int = 7, price: str = "price_team_monthly", **of: Any
) -> dict[str, Any]:
    """Describe the event `number` of a subscription; `of` are the subscription's own fields."""
    item = stripe_json.item(quantity=quantity, price={"id": price})
    return {
        "id": f"evt_{of.get('id', 'sub_1')}_{number}",
        "type": f"customer.subscription.{type}",
        "created": START + second,
        "data": {"object": stripe_json.subscription(items=stripe_json.items(item), **of)},
    }


def at(second: int) -> datetime:
    return datetime.fromtimestamp(START + second, UTC)


def plain(row: BillingSubscription) -> dict[str, Any]:
    """Show a row without what tells one permutation's subscription from another's."""
    different = {"id", "customer_id", "processor_id", "created_at", "version"}
    return {name: getattr(row, name) for name in set(BillingSubscription.__table__.columns.keys()) - different}


async def answers_of(mirror: Mirror, rows: Sequence[BillingSubscription]) -> set[str]:
    in_force = InForce(catalog.parse({"catalog.toml": CATALOG}))
    entitlements = Entitlements(database=mirror.database, clock=mirror.clock, in_force=in_force)
    reading = CustomerReading(scope=system("test"), own_organizations=lambda _: select(Customer.id))
    found = await entitlements.visible(reading, [row.customer_id for row in rows])
    return {answers.revision for answers in found.values()}


@pytest.mark.parametrize("length", [4, 5])
async def test_a_story_in_any_order_and_with_duplicates_comes_to_the_same_rows_and_entitlements(
    mirror: Mirror, database: Database, length: int
) -> None:
    orders = random.Random(7).sample(list(permutations(range(length))), 24)
    for number, order in enumerate(orders):
        owner = await customer(database, mirror.clock, f"org_{number}_x")
        await linked(database, mirror.clock, owner.id, f"cus_{number}_x")
        for place in (*order, order[number % length]):
            await mirror.post(**changed(place, id=f"sub_{number}", customer=f"cus_{number}_x", **STORY[place]))

    rows = await subscriptions(database)

    assert len(rows) == 24
    assert all(plain(row) == plain(rows[0]) for row in rows)
    assert len(await answers_of(mirror, rows)) == 1
    assert rows[0].status == (Status.CANCELED if length == 5 else Status.PAST_DUE)
    assert rows[0].fetch_owed is (length == 4)
    assert (await row_counts(database))["subscription_facts"] == 24 * length


class TestFolding:
    async def test_a_late_fact_is_folded_in_where_it_belongs(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(**changed(1, second=20, status="past_due"))
        before = await subscription(database)

        await mirror.post(**changed(2, second=10, status="past_due", quantity=3))

        after = await subscription(database)
        assert (before.past_due_since, after.past_due_since) == (at(20), at(10))
        assert after.current.items[0].quantity == 7
        assert after.last_fact_at == at(20)

    async def test_items_are_replaced_and_never_merged(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(**changed(1, second=0, price="price_team_monthly"))

        await mirror.post(**changed(2, second=1, price="price_pro_monthly"))

        assert [item.price_id for item in (await subscription(database)).current.items] == ["price_pro_monthly"]

    async def test_an_end_stays_whatever_events_say_later(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(**changed(1, type="deleted", second=0, status="canceled", ended_at=START))

        await mirror.post(**changed(2, second=60, status="active"))

        assert (await subscription(database)).status == Status.CANCELED

    async def test_of_two_states_in_one_second_the_lesser_counts_and_a_fetch_is_owed(
        self, mirror: Mirror, database: Database
    ) -> None:
        await mirror.post(**changed(1, second=0, status="active", quantity=5))

        await mirror.post(**changed(2, second=0, status="active", quantity=3))

        row = await subscription(database)
        assert (row.current.items[0].quantity, row.fetch_owed) == (3, True)
        assert row.fetch_due_at == mirror.clock.now()

    async def test_a_status_that_nobody_knows_grants_nothing(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(**changed(1, second=0, status="enchanted"))

        assert (await subscription(database)).status == Status.INCOMPLETE


def _quantity(summary: dict[str, Any] | None) -> int | None:
    return None if summary is None else summary["state"]["items"][0]["quantity"]


class TestRemembering:
    async def test_news_that_changes_something_leaves_an_audit_row_and_other_news_none(
        self, mirror: Mirror, database: Database
    ) -> None:
        await mirror.post(**changed(1, second=0))
        await mirror.post(**changed(2, second=10))
        await mirror.post(**changed(3, second=5, quantity=1))
        await mirror.post(**changed(4, second=20, quantity=8))

        async with database.snapshot() as session:
            query = select(AuditEvent).where(AuditEvent.action == "subscription.changed").order_by(AuditEvent.id)
            rows = list((await session.execute(query)).scalars())
        quantities = [
            [side and side["state"]["items"][0]["quantity"] for side in (row.before, row.after)] for row in rows
        ]
        assert sorted(quantities, key=str) == [[7, 8], [None, 7]]
        assert {(row.actor_kind, row.actor_id, row.organization_id) for row in rows} == {("system", "webhook", "org_1")}
        assert (await row_counts(database))["subscription_facts"] == 4

    @pytest.mark.parametrize("table", ["subscription_facts", "audit_events"])
    @pytest.mark.parametrize("deed", ["UPDATE {} SET subject_or_id = 'x'", "DELETE FROM {}"])
    async def test_facts_and_audit_rows_are_only_ever_appended(
        self, mirror: Mirror, database: Database, table: str, deed: str
    ) -> None:
        await mirror.post()
        column = {"subscription_facts": "event_id", "audit_events": "subject_id"}[table]
        statement = deed.format(table).replace("subject_or_id", column)

        with pytest.raises(DBAPIError, match="append-only"):
            async with database.transaction() as session:
                await session.execute(text(statement))

        assert (await row_counts(database))[table] == 1


class TestReading:
    async def test_subscriptions_of_others_are_left_out(self, mirror: Mirror, database: Database) -> None:
        await mirror.post()
        id = (await subscription(database)).id

        def nobody(_: object) -> Select[Any]:
            return select(SubscriptionFact.event_id).where(text("1 = 0"))

        stranger = Scope(actor=Actor(kind=ActorKind.USER, id="usr_1"))
        async with database.snapshot() as session:
            theirs = await subscriptions_by_id(session, CustomerReading(scope=stranger, own_organizations=nobody), [id])
            all_there_is = await subscriptions_by_id(
                session, CustomerReading(scope=system("test"), own_organizations=nobody), [id]
            )

        assert theirs == {}
        assert list(all_there_is) == [id]

    async def test_they_are_listed_newest_first_page_by_page(self, mirror: Mirror, database: Database) -> None:
        for number in range(3):
            mirror.clock.forward(seconds=1)
            await mirror.post(**changed(number, second=0, id=f"sub_{number}"))
        customer_id = (await subscriptions(database))[0].customer_id

        async with database.snapshot() as session:
            found = await page_of(session, subscriptions_of(customer_id), Page(size=2))

        assert [row.processor_id for row in found.rows] == ["sub_2", "sub_1"]
