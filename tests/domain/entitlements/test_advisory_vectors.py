"""The advisory vectors that Seatgate answers as they say, and why the others are answered otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.billing import Customer, ProcessorName, link_account
from domain.billing.processors.signatures import sign
from domain.entitlements import Reason
from domain.entitlements.advisory import EntitlementSummary, SummarySource, summary_for_customer
from domain.ids import CustomerId
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.tables import dump
from tests.support.wired import customer_of, organization, user, wired

PATH = Path(__file__).parents[2] / "vectors" / "advisory_sync.json"
CASES = {case["id"]: case for case in json.loads(PATH.read_text(encoding="utf-8"))["cases"]}
SECRET = "whsec_of_the_vectors"

OVERRULED = {
    "as-redelivery-seed-era": "the profile is the older one; events count in a total order",
    "as-other-processor-same-id": "an event of an unknown customer waits and is applied when the account is linked",
    "as-missing-customer": "what is signed and has no shape that we know stays failed and is tried again, until dead",
    "as-non-list": "as above",
    "as-data-not-list": "as above",
    "as-livemode-carried": "the mode is the event's, never the object's; the other mode's events have no effect",
    "as-livemode-first-absent": "as above: an event without a mode is one of the test mode",
}


async def house(database_url: str, clock: FixedClock, case: dict[str, Any]) -> tuple[Services, CustomerId]:
    """Wire everything for Stripe, with one customer who is linked as the vector says."""
    services = wired(
        database_url,
        clock,
        SEATGATE_PROCESSORS="stripe",
        SEATGATE_STRIPE_API_KEY="sk_test_1",
        SEATGATE_STRIPE_WEBHOOK_SECRETS=SECRET,
        SEATGATE_STRIPE_NATIVE_SYNC=case["config"]["stripe_native_sync"],
    )
    customer_id = await customer_of(services, await organization(services, await user(services, "ann")))
    async with services.database.transaction() as session:
        for known in case["customers"]:
            await link_account(
                session,
                customer_id=customer_id,
                processor=ProcessorName(known["processor"]),
                livemode=False,
                processor_id=known["processor_id"],
                at=clock.now(),
            )
    return services, customer_id


async def deliver(services: Services, event: dict[str, Any]) -> None:
    envelope = {key: event[key] for key in ("id", "type", "created")}
    body = json.dumps({**envelope, "livemode": False, "data": {"object": event["object"]}}).encode()
    await services.inbox.receive(ProcessorName.STRIPE, body, sign(body, SECRET, services.clock.now()))


async def summary(services: Services, customer_id: CustomerId) -> EntitlementSummary | None:
    async with services.database.snapshot() as session:
        return await summary_for_customer(session, customer_id)


@pytest.mark.parametrize("id", [id for id in CASES if id not in OVERRULED])
async def test_the_summaries_leave_the_row_that_the_vector_says(database_url: str, clock: FixedClock, id: str) -> None:
    case = CASES[id]
    services, customer_id = await house(database_url, clock, case)
    before = await dump(services.database)

    for event in case["events"]:
        await deliver(services, event)

    row, wanted = await summary(services, customer_id), case["expect"]["row"]
    changed = {table for table, rows in (await dump(services.database)).items() if rows != before.get(table)}
    if wanted is None:
        assert row is None
        assert changed == {"webhook_events"}
    else:
        assert row is not None
        assert (row.lookup_keys, row.complete, row.livemode, row.source) == (
            sorted(wanted["lookup_keys"]),
            not wanted["truncated"],
            wanted["livemode"],
            SummarySource.WEBHOOK,
        )
        assert (int(row.occurred_at.timestamp()), row.event_id) == (wanted["watermark_ts"], wanted["watermark_id"])
    await services.aclose()


@pytest.mark.parametrize("id", [id for id in CASES if id not in OVERRULED])
async def test_only_a_summary_that_says_something_new_is_remembered(
    database_url: str, clock: FixedClock, id: str
) -> None:
    case = CASES[id]
    services, _ = await house(database_url, clock, case)

    for event in case["events"]:
        await deliver(services, event)

    rows = (await dump(services.database))["audit_events"]
    assert sum("entitlements.summary.synced" in row for row in rows) == len(case["expect"]["ledger"])
    await services.aclose()


async def test_no_answer_depends_on_a_summary(database_url: str, clock: FixedClock) -> None:
    services, customer_id = await house(database_url, clock, CASES["as-in-order"])
    async with services.database.snapshot() as session:
        customer = await session.get_one(Customer, customer_id)
    before = await services.entitlements.decide(customer, "reports")

    for event in CASES["as-in-order"]["events"]:
        await deliver(services, event | {"object": _granting(event["object"], "reports")})

    row = await summary(services, customer_id)
    assert row is not None
    assert row.lookup_keys == ["reports"]
    assert await services.entitlements.decide(customer, "reports") == before
    assert before.reason is Reason.NO_ACTIVE_SUBSCRIPTION
    await services.aclose()


async def test_a_summary_of_an_unknown_customer_is_kept_when_the_account_is_linked(
    database_url: str, clock: FixedClock
) -> None:
    case = CASES["as-other-processor-same-id"] | {"customers": []}
    services, customer_id = await house(database_url, clock, case)
    await deliver(services, case["events"][0])
    assert await summary(services, customer_id) is None

    async with services.database.transaction() as session:
        await link_account(
            session,
            customer_id=customer_id,
            processor=ProcessorName.STRIPE,
            livemode=False,
            processor_id="cus_1",
            at=clock.now(),
        )
    await services.inbox.retry_due()

    assert await summary(services, customer_id) is not None
    await services.aclose()


@pytest.mark.parametrize("id", ["as-missing-customer", "as-non-list", "as-data-not-list"])
async def test_a_summary_in_no_known_shape_fails_and_writes_nothing(
    database_url: str, clock: FixedClock, id: str
) -> None:
    services, customer_id = await house(database_url, clock, CASES[id])

    await deliver(services, CASES[id]["events"][0])

    [event] = (await dump(services.database))["webhook_events"]
    assert "UnreadableEvent" in event
    assert await summary(services, customer_id) is None
    await services.aclose()


def _granting(summary: dict[str, Any], lookup_key: str) -> dict[str, Any]:
    data = [entitlement | {"lookup_key": lookup_key} for entitlement in summary["entitlements"]["data"]]
    return summary | {"entitlements": summary["entitlements"] | {"data": data}}
