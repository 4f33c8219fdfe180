"""What operators see of the whole application: metrics, spans and log lines, and nobody's name or address in them."""

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from domain import outbox
from domain.telemetry import Metric, logs
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_health import NOWHERE, started
from tests.graphql_api.test_opacity import ROUTES, Cause, Reads, Streams, Writes, surfaces, unresolved
from tests.graphql_api.test_opacity import another_plan as another
from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.mail import Kept
from tests.support.watching import Watched

HOST: Mapping[str, Any] = {"query": [Reads], "mutation": [Writes], "subscription": [Streams], "routes": ROUTES}


async def metrics(api: Api, accept: str = "text/plain") -> list[str]:
    answer = await api.client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    return answer.text.splitlines()


class TestMetrics:
    async def test_metrics_are_prometheus_text_for_whoever_may_reach_them(self, api: Api) -> None:
        answer = await api.client.get("/metrics")

        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert answer.headers["cache-control"] == "no-store"
        assert "# TYPE seatgate_entitlement_checks_total counter" in answer.text

    async def test_whoever_asks_for_open_metrics_gets_them(self, api: Api) -> None:
        answer = await api.client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})

        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")

    async def test_what_waits_is_read_when_it_is_asked_for(self, either: Api) -> None:
        async with either.services.database.transaction() as session:
            await outbox.put(session, topic="mail", key="1", payload={}, at=either.clock.now())
        await either.post_event(id="evt_lost", data={"object": {"id": "sub_1"}})
        either.clock.forward(seconds=90)

        told = await metrics(either)

        assert f"{Metric.OUTBOX_DUE} 1.0" in told
        assert f"{Metric.OUTBOX_LAG} 90.0" in told
        assert f"{Metric.OUTBOX_GIVEN_UP} 0.0" in told
        assert [f'{Metric.WEBHOOK_EVENTS}{{state="{state}"}}' for state in ("dead", "due", "failed", "received")] == (
            sorted(line.split(" ")[0] for line in told if line.startswith(f"{Metric.WEBHOOK_EVENTS}{{"))
        )
        assert f'{Metric.WEBHOOK_EVENTS}{{state="due"}} 1.0' in told

    async def test_the_workers_last_round_is_told(self, api: Api) -> None:
        assert Metric.WORKER_ROUND not in "\n".join(await metrics(api))

        await api.round()

        [line] = [line for line in await metrics(api) if line.startswith(Metric.WORKER_ROUND)]
        assert float(line.split(" ")[1]) == api.clock.now().timestamp()

    async def test_without_a_database_what_is_counted_here_is_told_and_the_rest_is_absent(
        self, tmp_path: Path, clock: FixedClock
    ) -> None:
        async with started(NOWHERE, tmp_path, clock) as api:
            told = "\n".join(await metrics(api))

        assert Metric.CHECKS in told
        assert Metric.OUTBOX_LAG not in told


class TestSpans:
    async def test_every_surface_tells_of_its_checks_with_the_same_attributes(self, serve: Serve) -> None:
        watched = Watched()
        async with serve(**HOST, telemetry=watched.telemetry) as api:
            organization = await api.organization()
            await api.holds(organization["customer"])
            await surfaces(api, "ann")

        expected = {"result": True, "resolver": "local_map", "reason": "entitled", "subject_type": "Organization"}
        assert {check.pop("surface") for check in watched.checks} == {"field", "subscription", "route", "websocket"}
        told = [{key: value for key, value in check.items() if key != "surface"} for check in watched.checks]
        assert {check.pop("feature") for check in told} <= {"reports", "team"}
        assert [check for check in told if check != {**expected, "subject_id": organization["id"]}] == []

    @pytest.mark.parametrize(("cause", "reason"), [(another, "not_entitled"), (unresolved, "error")])
    async def test_denied_and_could_not_be_found_out_are_told_apart(
        self, serve: Serve, cause: Cause, reason: str
    ) -> None:
        watched = Watched()
        async with serve(**HOST, telemetry=watched.telemetry) as api, AsyncExitStack() as later:
            await cause(api, (await api.organization())["customer"], later)
            await surfaces(api, "ann")

        assert {check["surface"] for check in watched.checks} == {"field", "subscription", "route", "websocket"}
        assert {(check["result"], check["reason"]) for check in watched.checks} == {(False, reason)}

    async def test_a_check_is_no_event_of_the_ledger(self, serve: Serve) -> None:
        async with serve(**HOST) as api:
            await api.holds((await api.organization())["customer"])
            before = await api.everything()
            await surfaces(api, "ann")

            assert await api.everything() == before


class TestLines:
    async def test_a_line_belongs_to_the_request_that_it_was_written_in(
        self, serve: Serve, caplog: pytest.LogCaptureFixture
    ) -> None:
        lines: list[str] = []
        caplog.handler.setFormatter(logs.JsonLines())
        async with serve(**HOST) as api:
            customer = (await api.organization())["customer"]
            async with AsyncExitStack() as later:
                await unresolved(api, customer, later)
            with caplog.at_level(logging.WARNING, "seatgate.checks"):
                headers = {"x-request-id": "req-of-mine", "authorization": f"Bearer {api.token('ann')}"}
                await api.client.get("/feature", headers=headers)
            lines += caplog.text.splitlines()

        told = [line for line in lines if "entitlement check" in line]
        assert told
        assert all('"request_id": "req-of-mine"' in line for line in told)


async def test_nobody_is_named_anywhere(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    watched, mail = Watched(), Kept()
    caplog.handler.setFormatter(logs.JsonLines())
    for room in ("domain", "graphql_api", "seatgate"):
        caplog.set_level(logging.DEBUG, room)
    caplog.set_level(logging.INFO)

    async with serving(
        sqlite.fresh(tmp_path), tmp_path, clock, telemetry=watched.telemetry, mailer=mail, **HOST
    ) as api:
        await story(api)
        told = "\n".join(await metrics(api))

    spans = repr([(span.name, dict(span.attributes or {}), span.events) for span in watched.spans])
    assert watched.checks
    for where in (told, spans, caplog.text):
        assert where
        for secret in ("example.com", "Annabel", "annabel", "Brunhilde", "brunhilde", "Secret Society", "secret-soc"):
            assert secret not in where


async def story(api: Api) -> None:
    """Let people come, be invited, be refused, buy, be checked and go."""
    organization = await api.organization("annabel", name="Secret Society", slug="secret-society")
    invited = {"organizationId": organization["id"], "email": "brunhilde@example.com"}
    await api.do("inviteMember", "annabel", "", **invited)
    await api.do("inviteMember", "brunhilde", "", **invited)
    await api.do("addMember", "annabel", "", **invited)
    await api.holds(organization["customer"])
    await api.do("addMember", "annabel", "", **invited)
    await surfaces(api, "annabel")
    await surfaces(api, "brunhilde")
    await api.post_event(id="evt_odd", data={"object": {"id": "sub_1", "customer_email": "annabel@example.com"}})
    await api.settled()
    await api.do("deleteUser", "ada", "", userId=await api.user("brunhilde"))
    await api.round()
