"""The page of one customer."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.entitlements import Wish
from domain.entitlements.advisory import EntitlementSummary, SummarySource
from domain.entitlements.catalog.values import UnmappedAction
from domain.ids import CustomerId
from graphql_api.admin.access import FAILED
from tests.graphql_api.conftest import Serve
from tests.support import tables
from tests.support.api import Api
from tests.support.giving import grant
from tests.support.operating import Browser

HOSTILE = '"><script>alert(1)</script>&amp;'
STRIPE = {
    "PROCESSORS": "fake,stripe",
    "STRIPE_API_KEY": "sk_test_for_the_operators_pages",
    "STRIPE_WEBHOOK_SECRETS": "whsec_for_the_operators_pages_of_tests",
    "STRIPE_NATIVE_SYNC": "advisory",
}


@pytest.fixture
async def acme(api: Api) -> dict[str, Any]:
    """An organization with seven seats of team, one of them taken."""
    made = await api.organization(name="Acme")
    await api.holds(made["customer"])
    return made


@pytest.fixture
async def advised(serve: Serve) -> AsyncIterator[Api]:
    async with serve(STRIPE) as api:
        yield api


async def observed(api: Api, customer_id: str, *, complete: bool) -> None:
    async with api.services.database.transaction() as session:
        session.add(
            EntitlementSummary(
                customer_id=CustomerId(customer_id),
                livemode=False,
                features=[["feat_2", "sso"], ["feat_1", "api"]],
                complete=complete,
                source=SummarySource.WEBHOOK,
                occurred_at=api.clock.now(),
                event_id="evt_1",
                observed_at=api.clock.now(),
            )
        )


async def test_the_overview_tells_whose_it_is_and_what_it_pays_for(api: Api, acme: dict[str, Any]) -> None:
    page = await Browser(api=api).get(f"/admin/customers/{acme['customer']['id']}")

    assert page.status == 200
    assert page.section("Owner") == ("Organization Acme Slug acme Customer since 21 Nov 2026, 12:00 Seats 1 of 7 taken")
    assert f"fake test cus_{acme['customer']['id']} since 21 Nov 2026, 12:00" in page.section("Accounts at processors")
    assert "active team \N{MULTIPLICATION SIGN} 7 price_team_monthly" in page.section("Subscriptions")
    assert f"sub_{acme['customer']['id']}" in page.section("Subscriptions")


async def test_the_tab_shows_what_gates_answer_by(api: Api, acme: dict[str, Any]) -> None:
    page = await Browser(api=api).entitlements(acme["customer"]["id"])

    assert page.status == 200
    assert "4 active access grants as of 21 Nov 2026, 12:00" in page.text
    assert page.section("Active plans") == "team"
    assert page.section("Granted features").startswith("api The subscription is active.")
    assert "seats : 7 1 used, 6 remaining" in page.section("Quantities")
    assert "projects : unlimited" in page.section("Quantities")
    assert page.section("Grace") == "Nothing is in grace."
    assert page.section("Drift") == "No drift: every price that counts is in a plan."
    assert page.section("Overrides") == "Nothing is given beyond the plans."
    assert '"active_plans": [ "team" ]' in page.section("Resolved sets")
    assert page.section("Stripe's own view").startswith("disabled")


async def test_who_has_nothing_is_shown_empty_texts(api: Api) -> None:
    bob = await api.ask("{ viewer { actor { ... on User { customer { id } } } } }", "bob")

    page = await Browser(api=api).entitlements(bob.data["viewer"]["actor"]["customer"]["id"])

    assert "No active access" in page.text
    assert page.section("Active plans").startswith("No active plan.")
    assert page.section("Granted features") == "No feature is granted."
    assert page.section("Quantities").startswith("seats : 1")


async def test_grace_and_unmapped_prices_are_told(api: Api, acme: dict[str, Any]) -> None:
    late = await api.organization("bob", "Late")
    await api.holds(late["customer"], "price_pro_monthly", status="past_due")
    await api.holds(acme["customer"], "price_of_2019")
    browser = Browser(api=api)

    in_grace, drifted = [await browser.entitlements(each["customer"]["id"]) for each in (late, acme)]

    assert in_grace.section("Grace") == "pro plan in grace api feature by grace alone reports feature by grace alone"
    assert "1 unmapped price as of" in drifted.text
    assert drifted.section("Drift").startswith("1 unmapped price_of_2019 The customer pays for these")


async def test_living_overrides_are_listed_with_who_gave_them_and_why(api: Api, acme: dict[str, Any]) -> None:
    ends = api.clock.now() + timedelta(days=2)
    await grant(api.services, acme["customer"]["id"], Wish(limit="seats", value=9), expires_at=ends)
    await grant(api.services, acme["customer"]["id"], Wish(limit="projects", unlimited=True), reason=HOSTILE)
    api.clock.forward(days=2)
    both = await Browser(api=api).entitlements(acme["customer"]["id"])
    api.clock.forward(seconds=1)
    one = await Browser(api=api).entitlements(acme["customer"]["id"])

    assert "seats : at least 9" in both.section("Overrides")
    assert "promised on the phone test 21 Nov 2026, 12:00 23 Nov 2026, 12:00" in both.section("Overrides")
    assert "projects : at least unlimited" in one.section("Overrides")
    assert f"{HOSTILE} test" in one.section("Overrides")
    assert "<script" not in one.source
    assert "seats : at least 9" not in one.section("Overrides")


async def test_what_people_have_written_stays_text(api: Api) -> None:
    acme = await api.organization(name=HOSTILE)
    browser = Browser(api=api)

    pages = [
        await browser.get("/admin"),
        await browser.get(f"/admin/customers/{acme['customer']['id']}"),
        await browser.entitlements(acme["customer"]["id"]),
        await browser.get("/admin?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%26amp;"),
    ]

    for page in pages:
        assert page.status == 200
        assert HOSTILE in page.text
        assert "<script" not in page.source
        assert "style=" not in page.source


@pytest.mark.parametrize("cause", ["an unmapped price", "an unreadable row", "the database"])
async def test_whatever_fails_the_page_says_so_once_and_stands(api: Api, acme: dict[str, Any], cause: str) -> None:
    in_force, database = api.services.entitlements.in_force, api.services.database
    if cause == "an unmapped price":
        await api.holds(acme["customer"], "price_of_2019")
        in_force.replace(replace(in_force.catalog, unmapped_action=UnmappedAction.RAISE))
    elif cause == "an unreadable row":
        await tables.execute(database, "UPDATE billing_subscriptions SET state = '{}'")
    else:
        await tables.execute(database, "DROP TABLE overrides")

    page = await Browser(api=api).entitlements(acme["customer"]["id"])

    assert page.status == 200
    assert page.source.count(FAILED) == 1
    assert "Acme" in page.text
    assert "Granted features" not in page.text
    assert page.section("Stripe's own view").startswith("disabled")


async def test_an_overview_that_cannot_be_read_says_so(api: Api, acme: dict[str, Any]) -> None:
    await tables.execute(api.services.database, "UPDATE billing_subscriptions SET state = '{}'")

    page = await Browser(api=api).get(f"/admin/customers/{acme['customer']['id']}")

    assert (page.status, "This could not be read." in page.text, "Subscriptions" in page.text) == (200, True, False)


async def test_the_advisory_block_tells_what_stripe_said_last(advised: Api) -> None:
    made = [(await advised.organization(name=name))["customer"]["id"] for name in ("None", "All", "Some")]
    await observed(advised, made[1], complete=True)
    await observed(advised, made[2], complete=False)
    browser = Browser(api=advised)

    nothing, everything, some = [(await browser.entitlements(id)).section("Stripe's own view") for id in made]

    assert nothing.startswith("not observed Stripe has said nothing of this customer yet.")
    assert everything == (
        "recorded Lookup keys 2: api, sso Observed 21 Nov 2026, 12:00 Source webhook Completeness complete "
        "Advice alone: no gate reads it."
    )
    assert some.startswith("incomplete Lookup keys 2")


async def test_an_advisory_block_that_cannot_be_read_leaves_the_rest(advised: Api) -> None:
    acme = await advised.organization()
    await tables.execute(advised.services.database, "DROP TABLE entitlement_summaries")

    page = await Browser(api=advised).entitlements(acme["customer"]["id"])

    assert page.status == 200
    assert page.section("Stripe's own view").startswith("unavailable This could not be read.")
    assert page.section("Quantities").startswith("seats : 1")


async def test_a_customer_whose_owner_goes_is_shown_as_what_it_is(api: Api, acme: dict[str, Any]) -> None:
    deleted = await api.do("deleteOrganization", "ann", "", organizationId=acme["id"])
    assert deleted["errors"] == []

    page = await Browser(api=api).entitlements(acme["customer"]["id"])

    assert "Acme organization deleted closing" in page.text
    assert "The owner is deleted: nothing is granted." in page.text
    assert "No active access" in page.text


async def test_looking_changes_nothing(api: Api, acme: dict[str, Any]) -> None:
    browser = Browser(api=api)
    await api.user("ada")

    async with tables.unchanged(api.services.database):
        found = [await browser.get("/admin"), await browser.entitlements(acme["customer"]["id"])]
        found.append(await browser.get(f"/admin/customers/{acme['customer']['id']}"))

    assert [page.status for page in found] == [200, 200, 200]
