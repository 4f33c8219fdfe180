"""Signals: told when something happens, once for each time that it does, and never for what was undone."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from domain import outbox
from domain.billing import Customer, DriftAccess, DriftKind, ProcessorName, link_account
from domain.billing.processors.signatures import sign
from domain.billing.reconciling import reports
from domain.billing.reconciling.models import ReportScope
from domain.billing.reconciling.values import Finding
from domain.db import Session
from domain.entitlements import OverLimit, catalog
from domain.organizations import Organization
from domain.outbox import MAX_ATTEMPTS
from domain.scope import system
from domain.telemetry import Attribute, Metric, Signal, Told
from domain.wiring import Services, build
from tests.domain.billing.processors import stripe_json
from tests.support.billing import linked
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.tables import execute
from tests.support.telling import tell
from tests.support.watching import Watched
from tests.support.wired import customer_of, fake_of, organization, settings_of, user

SECRET = "whsec_of_these_tests"
TOLD: Told = {Attribute.CUSTOMER_ID: "cst_1"}
DRIFTED = Finding(kind=DriftKind.MISSED_EVENT, processor_id="sub_1", customer_id=None, access=DriftAccess.UNCHANGED)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
async def services(database_url: str, clock: FixedClock, watched: Watched) -> AsyncIterator[Services]:
    services = build(settings_of(database_url), clock=clock, telemetry=watched.telemetry)
    yield services
    await services.aclose()


@pytest.fixture
async def acme(services: Services, clock: FixedClock) -> Organization:
    """An organization with the account `cus_1` and a subscription of seven seats."""
    made = await organization(services, await user(services, "ann"))
    await linked(services.database, clock, await customer_of(services, made))
    await tell(services)
    return made


class TestTransactions:
    async def test_a_signal_is_told_after_the_commit_and_not_before(self, services: Services, watched: Watched) -> None:
        async with services.database.transaction() as session:
            session.signal(Signal.TRUNCATED_SUMMARY, TOLD)
            assert watched.signals == []

        assert watched.signals == [("truncated_summary", {"customer_id": "cst_1"})]

    async def test_what_is_undone_tells_nothing(self, services: Services, watched: Watched) -> None:
        async def body(session: Session) -> None:
            session.signal(Signal.TRUNCATED_SUMMARY, TOLD)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await services.database.run(body)

        assert watched.signals == []


class TestDeadLetters:
    async def test_an_event_that_is_given_up_is_told_once_and_not_again_when_a_replay_fails(
        self, services: Services, acme: Organization, clock: FixedClock, watched: Watched
    ) -> None:
        fake, broken = fake_of(services), stripe_json.body(id="evt_broken", data={"object": {"id": "sub_1"}})
        watched.clear()
        await services.inbox.receive(ProcessorName.FAKE, broken, fake.sign(broken))
        for _ in range(23):
            clock.forward(hours=1)
            await services.inbox.retry_due()
        assert watched.signals == []

        clock.forward(hours=1)
        await services.inbox.retry_due()
        [(name, told)] = watched.signals
        async with services.database.transaction() as session:
            await services.replaying.replay(session, scope=system("test"), webhook_event_id=told["message_id"])

        assert (name, told["box"], told["source"]) == ("dead_letter", "inbox", "fake")
        assert watched.samples(Metric.DEAD_LETTERS) == {("inbox", "fake"): 1}

    async def test_a_message_that_is_given_up_is_told_once(
        self, services: Services, clock: FixedClock, watched: Watched
    ) -> None:
        async def lose(_: object) -> None:
            raise ConnectionError

        async with services.database.transaction() as session:
            await outbox.put(session, topic="mail", key="1", payload={}, at=clock.now())
        for _ in range(MAX_ATTEMPTS + 2):
            clock.forward(hours=1)
            await outbox.deliver_due(services.database, clock, {"mail": lose})

        assert watched.signals == [("dead_letter", {"box": "outbox", "source": "mail", "message_id": 1})]


class TestDrifts:
    async def test_a_drift_is_told_once_for_each_report(
        self, services: Services, clock: FixedClock, watched: Watched
    ) -> None:
        async def noted(session: Session, *, times: int) -> None:
            opened = await reports.open_report(session, ReportScope.EVERYTHING, report_only=True, now=clock.now())
            for _ in range(times):
                await reports.note(session, opened.id, ProcessorName.FAKE, [(DRIFTED, None)])

        await services.database.run(partial(noted, times=2))
        await services.database.run(partial(noted, times=1))

        assert (
            watched.signals
            == [
                ("drift", {"kind": "missed_event", "access": "unchanged", "processor": "fake"}),
            ]
            * 2
        )
        assert watched.samples(Metric.DRIFTS) == {("unchanged", "missed_event", "fake"): 2}


class TestSummaries:
    async def test_a_summary_that_is_cut_short_is_told_once_for_each_event(
        self, sqlite: Sqlite, tmp_path: Path, clock: FixedClock, watched: Watched
    ) -> None:
        settings = settings_of(
            sqlite.fresh(tmp_path),
            SEATGATE_PROCESSORS="stripe",
            SEATGATE_STRIPE_API_KEY="sk_test_1",
            SEATGATE_STRIPE_WEBHOOK_SECRETS=SECRET,
            SEATGATE_STRIPE_NATIVE_SYNC="advisory",
        )
        services = build(settings, clock=clock, telemetry=watched.telemetry)
        customer_id = await customer_of(services, await organization(services, await user(services, "ann")))
        async with services.database.transaction() as session:
            await link_account(
                session,
                customer_id=customer_id,
                processor=ProcessorName.STRIPE,
                livemode=False,
                processor_id="cus_1",
                at=clock.now(),
            )

        for id, more in (("evt_1", True), ("evt_1", True), ("evt_2", False)):
            body = json.dumps(summary(id, more=more)).encode()
            await services.inbox.receive(ProcessorName.STRIPE, body, sign(body, SECRET, clock.now()))
        await services.aclose()

        assert watched.signals == [("truncated_summary", {"customer_id": customer_id})]


class TestUnmappedPrices:
    async def test_a_price_that_no_plan_has_is_told_once_an_hour(
        self, services: Services, acme: Organization, clock: FixedClock, watched: Watched
    ) -> None:
        clock.forward(seconds=1)
        await tell(services, price="price_nobody_knows")
        for _ in range(3):
            await services.entitlements.entitled(acme, "reports")
        clock.forward(hours=1)
        await services.entitlements.features_for(acme)

        assert watched.signals == [("unmapped_price", {"price_id": "price_nobody_knows"})] * 2
        assert watched.value(Metric.UNMAPPED_PRICES) == 2


class TestSeats:
    async def test_a_pool_over_its_limit_is_told_once_until_it_has_fitted_again(
        self, services: Services, acme: Organization, clock: FixedClock, watched: Watched
    ) -> None:
        looking = OverLimit(database=services.database, clock=clock, entitlements=services.entitlements)
        await execute(services.database, "UPDATE seat_pools SET used = 3")
        told = []
        for quantity in (3, 2, 2, 3, 1):
            clock.forward(minutes=2)
            await tell(services, quantity=quantity)
            told.append(await looking.look())

        assert told == [0, 1, 0, 0, 1]
        assert watched.signals == [
            ("seats_over_limit", {"organization_id": acme.id, "taken": 3, "limit": 2}),
            ("seats_over_limit", {"organization_id": acme.id, "taken": 3, "limit": 1}),
        ]

    async def test_who_looks_again_within_a_minute_does_not(
        self, services: Services, acme: Organization, clock: FixedClock, watched: Watched
    ) -> None:
        looking = OverLimit(database=services.database, clock=clock, entitlements=services.entitlements)
        await looking.look()
        await execute(services.database, "UPDATE seat_pools SET used = 30")

        assert (await looking.look(), watched.signals) == (0, [])

    async def test_what_cannot_be_found_out_is_no_limit_that_was_passed(
        self, services: Services, acme: Organization, clock: FixedClock, watched: Watched
    ) -> None:
        looking = OverLimit(database=services.database, clock=clock, entitlements=services.entitlements)
        await execute(services.database, "UPDATE seat_pools SET used = 30")
        told = [await looking.look()]
        for _ in range(2):
            clock.forward(minutes=2)
            await execute(services.database, "UPDATE billing_subscriptions SET state = '{}'")
            told.append(await looking.look())

        fresh = OverLimit(database=services.database, clock=clock, entitlements=services.entitlements)
        assert (told, await fresh.look(), len(watched.signals)) == ([1, 0, 0], 0, 1)

    async def test_a_founder_alone_is_over_no_limit(
        self, services: Services, clock: FixedClock, watched: Watched
    ) -> None:
        made = await organization(services, await user(services, "ann"))
        services.entitlements.in_force.replace(
            catalog.parse({"new": '[plans.pro]\nprice_ids = ["price_1"]\nlimits = { seats = 5 }'})
        )
        looking = OverLimit(database=services.database, clock=clock, entitlements=services.entitlements)

        assert await services.entitlements.entitlement_quantity(made, "seats") == 0
        assert (await looking.look(), watched.signals) == (0, [])

    async def test_an_organization_that_goes_is_left_alone(
        self, services: Services, acme: Organization, clock: FixedClock, watched: Watched
    ) -> None:
        looking = OverLimit(database=services.database, clock=clock, entitlements=services.entitlements)
        await execute(services.database, "UPDATE seat_pools SET used = 30")
        async with services.database.transaction() as session:
            (await session.get_one(Customer, await customer_of(services, acme))).closing_at = clock.now()

        assert (await looking.look(), watched.signals) == (0, [])


def summary(id: str, *, more: bool) -> dict[str, object]:
    """Write an event of Stripe's that shows one entitlement, and says whether there are more."""
    entitlement = {"id": "ent_1", "object": "entitlements.active_entitlement", "feature": "feat_1", "lookup_key": "api"}
    return {
        "id": id,
        "object": "event",
        "type": "entitlements.active_entitlement_summary.updated",
        "created": 1_800_000_000,
        "livemode": False,
        "data": {
            "object": {
                "object": "entitlements.active_entitlement_summary",
                "customer": "cus_1",
                "livemode": False,
                "entitlements": {"object": "list", "data": [entitlement], "has_more": more},
            }
        },
    }
