"""The gate over the real mirror: every doubt denies, and only the log is told why."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.db import open_database
from domain.entitlements import InForce, Reason, catalog
from domain.organizations import Organization
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.telling import tell
from tests.support.wired import detached

RAISING = """
unmapped_action = "raise"
[plans.pro]
features = ["reports"]
limits = { seats = 5 }
price_ids = ["price_pro_monthly"]
"""


class TestDoubts:
    async def test_nobody_has_nothing(self, services: Services) -> None:
        entitlements = services.entitlements

        assert not await entitlements.entitled(None, "reports")
        assert not await entitlements.has_active_plan(None, "pro")
        assert await entitlements.features_for(None) == []
        assert await entitlements.entitlement_quantity(None, "seats") == 0
        assert (await entitlements.decide(None, "reports")).reason is Reason.NO_ACTIVE_SUBSCRIPTION

    async def test_whatever_is_no_billable_is_denied_and_nothing_is_raised(self, services: Services) -> None:
        surprising: Any = "org_1"

        assert not await services.entitlements.entitled(surprising, "reports")

    @pytest.mark.parametrize("name", [None, 7, ["reports"], {"reports"}])
    async def test_a_feature_plan_or_limit_that_is_no_name_is_denied_and_nothing_is_raised(
        self, services: Services, acme: Organization, name: Any
    ) -> None:
        await tell(services)
        entitlements = services.entitlements

        assert not await entitlements.entitled(acme, name)
        assert not await entitlements.has_active_plan(acme, name)
        assert await entitlements.entitlement_quantity(acme, name) == 0
        assert await entitlements.decide_many([acme], [name, "api"]) == [
            {"api": await entitlements.decide(acme, "api")}
        ]
        assert await entitlements.entitled_many([acme], name) == [False]

    async def test_a_row_that_has_lost_its_session_is_denied_because_of_an_error(
        self, services: Services, acme: Organization
    ) -> None:
        torn = await detached(services, acme)
        entitlements = services.entitlements

        assert (await entitlements.decide(torn, "api")).reason is Reason.ERROR
        assert await entitlements.features_for(torn) == []

    async def test_an_answer_that_does_not_come_in_time_is_no(
        self, services: Services, acme: Organization, caplog: pytest.LogCaptureFixture
    ) -> None:
        await tell(services)
        hurried = replace(services.entitlements, seconds=0)

        decision = await hurried.decide(acme, "api")
        [many] = await hurried.decide_many([acme], ["api"])

        assert decision.reason is many["api"].reason is Reason.ERROR
        assert await hurried.features_for(acme) == []
        assert "TimeoutError" in caplog.text

    async def test_an_organization_that_is_not_there_has_not_even_the_default(
        self, services: Services, clock: FixedClock
    ) -> None:
        gone = Organization(id="org_gone", slug="gone", name="Gone", created_at=clock.now(), updated_at=clock.now())

        assert await services.entitlements.entitlement_quantity(gone, "seats") == 0
        async with services.database.snapshot() as session:
            assert await services.entitlements.seat_limit(session, "org_gone") == 0
            assert await services.entitlements.seat_usages(session, ["org_gone"]) == {}

    async def test_without_a_database_the_answer_is_no_because_of_an_error(
        self, services: Services, acme: Organization, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        away = open_database(f"postgresql+asyncpg://nobody@/nothing?host={tmp_path}")
        entitlements = replace(services.entitlements, database=away)

        with caplog.at_level(logging.WARNING):
            decision = await entitlements.decide(acme, "reports", surface="field")

        assert (decision.granted, decision.reason) == (False, Reason.ERROR)
        assert not await entitlements.has_active_plan(acme, "pro")
        assert await entitlements.features_for(acme) == []
        assert await entitlements.entitlement_quantity(acme, "seats") == 0
        assert "feature=reports result=False resolver=local_map reason=error surface=field" in caplog.text
        await away.aclose()

    async def test_a_price_that_no_plan_has_denies_everything_when_the_catalog_wants_it_loud(
        self, services: Services, acme: Organization, caplog: pytest.LogCaptureFixture
    ) -> None:
        await tell(services, price="price_unknown")
        loud = replace(services.entitlements, in_force=InForce(catalog.parse({"catalog.toml": RAISING})))

        with caplog.at_level(logging.WARNING):
            decision = await loud.decide(acme, "reports")

        assert decision.reason is Reason.ERROR
        assert "price_unknown" in caplog.text
        async with services.database.snapshot() as session:
            assert await loud.seat_limit(session, acme.id) == 0

    async def test_a_price_that_no_plan_has_is_no_plan_otherwise(self, services: Services, acme: Organization) -> None:
        await tell(services, price="price_unknown")

        decision = await services.entitlements.decide(acme, "reports")

        assert decision.reason is Reason.NO_ACTIVE_SUBSCRIPTION
        assert not await services.entitlements.has_active_plan(acme, "price_unknown")

    async def test_the_reason_is_told_to_the_log(
        self, services: Services, acme: Organization, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG, logger="seatgate.checks"):
            await services.entitlements.entitled(acme, "reports", surface="route")

        [record] = [record for record in caplog.records if record.name == "seatgate.checks"]
        assert record.getMessage() == (
            "entitlement check feature=reports result=False resolver=local_map reason=no_active_subscription "
            f"surface=route subject_type=Organization subject_id={acme.id}"
        )
