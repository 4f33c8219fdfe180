"""The queries of the page on the past are asked, and answer as it says."""

from pathlib import Path

from tests.domain.billing.processors import stripe_json
from tests.support.api import serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.shadow import put_in_force
from tests.test_docs import blocks


async def test_the_queries_of_the_page_tell_what_was_said_and_what_was_true(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    then, many = blocks("as-of.md", "graphql")
    item = stripe_json.item(price={"id": "price_team_monthly", "object": "price"})

    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api:
        async with api.services.database.transaction() as session:
            await put_in_force(session, api.services.catalog, at=clock.now())
        customer = (await api.organization())["customer"]["id"]
        await api.holds({"id": customer}, status="incomplete")
        clock.forward(minutes=1)
        paid = stripe_json.subscription(id=f"sub_{customer}", customer=f"cus_{customer}", items=stripe_json.items(item))
        late = {"id": "evt_late", "created": api.now(), "data": {"object": paid}}
        at = clock.forward(minutes=1)
        clock.forward(minutes=1)
        assert (await api.post_event(**late)).status_code == 200

        answer = (await api.ask(then, customer=customer, at=at.isoformat())).data
        batch = (await api.ask(many, customers=[customer])).data["entitlementsBatch"]

    assert (answer["said"]["plans"], answer["said"]["reports"]) == ([], False)
    assert (answer["true"]["plans"], answer["true"]["reports"]) == (["team"], True)
    assert batch == [{"customer": {"id": customer}, "plans": ["team"], "features": ["api", "reports", "sso"]}]
