"""What telemetry is told of each question from Python: exactly one span, with exactly these attributes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from domain.billing import Customer, live_subscriptions
from domain.entitlements import Entitlements
from domain.organizations import Organization
from domain.telemetry import Metric, Telemetry
from domain.wiring import Services, build
from tests.domain.telemetry.test_recording import Broken
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.tables import execute
from tests.support.telling import tell
from tests.support.watching import Watched
from tests.support.wired import customer_of, settings_of

Ask = Callable[[Entitlements, Any], Awaitable[object]]

ENTITLED = {"result": True, "reason": "entitled"}
NOT_ENTITLED = {"result": False, "reason": "not_entitled"}
UNMAPPED = {"result": False, "reason": "unmapped_plan"}
NOTHING = {"result": False, "reason": "no_active_subscription"}
FAILED = {"result": False, "reason": "error"}
QUESTIONS: list[tuple[Ask, dict[str, object], str]] = [
    (lambda on, who: on.entitled(who, "reports"), {"feature": "reports", **ENTITLED}, "reports"),
    (lambda on, who: on.decide(who, "gold", surface="route"), {"feature": "gold", **NOT_ENTITLED}, "other"),
    (lambda on, who: on.has_active_plan(who, "team"), {"feature": "team", **ENTITLED}, "team"),
    (
        lambda on, who: on.has_active_plan(who, "price_team_monthly"),
        {"feature": "price_team_monthly", **ENTITLED},
        "team",
    ),
    (lambda on, who: on.has_active_plan(who, "price_x"), {"feature": "price_x", **UNMAPPED}, "other"),
    (lambda on, who: on.features_for(who), ENTITLED, ""),
    (lambda on, who: on.entitlement_quantity(who, "seats"), {"feature": "seats", **ENTITLED}, "seats"),
    (lambda on, who: on.entitlement_quantity(who, "x"), {"feature": "x", **NOT_ENTITLED}, "other"),
]


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
async def services(
    sqlite: Sqlite, tmp_path_factory: pytest.TempPathFactory, clock: FixedClock, watched: Watched
) -> AsyncIterator[Services]:
    url = sqlite.fresh(tmp_path_factory.mktemp("telling"))
    services = build(settings_of(url), clock=clock, telemetry=watched.telemetry)
    yield services
    await services.aclose()


@pytest.mark.parametrize(("ask", "told", "label"), QUESTIONS)
async def test_each_question_is_one_span(
    services: Services, acme: Organization, watched: Watched, ask: Ask, told: dict[str, object], label: str
) -> None:
    await tell(services)

    await ask(services.entitlements, acme)

    [check] = watched.checks
    surface = {"surface": "route"} if told.get("feature") == "gold" else {}
    subject = {"subject_type": "Organization", "subject_id": acme.id}
    assert check == {"resolver": "local_map", **told, **surface, **subject}
    [(counted, _)] = watched.samples(Metric.CHECKS).items()
    assert counted[0] == label


@pytest.mark.parametrize("ask", [ask for ask, _, _ in QUESTIONS])
async def test_what_cannot_be_found_out_is_an_error_and_no_denial(
    services: Services, acme: Organization, watched: Watched, ask: Ask
) -> None:
    await tell(services)
    await execute(services.database, "UPDATE billing_subscriptions SET state = '{}'")

    await ask(services.entitlements, acme)

    assert [{key: check[key] for key in FAILED} for check in watched.checks] == [FAILED]


async def test_who_has_bought_nothing_has_no_subscription(
    services: Services, acme: Organization, watched: Watched
) -> None:
    await services.entitlements.entitled(acme, "reports")
    await services.entitlements.entitlement_quantity(acme, "projects")

    assert [{key: check[key] for key in NOTHING} for check in watched.checks] == [NOTHING, NOTHING]


async def test_every_kind_of_billable_is_told_by_its_type_and_its_own_id(
    services: Services, acme: Organization, watched: Watched
) -> None:
    await tell(services)
    async with services.database.snapshot() as session:
        customer = await session.get_one(Customer, await customer_of(services, acme))
        [subscription] = await live_subscriptions(session, customer.id)

    for billable in (acme, customer, subscription, None):
        await services.entitlements.entitled(billable, "reports")

    assert [(check.get("subject_type"), check.get("subject_id")) for check in watched.checks] == [
        ("Organization", acme.id),
        ("Customer", customer.id),
        ("BillingSubscription", subscription.id),
        (None, None),
    ]


async def test_whatever_is_no_billable_is_told_by_its_type(services: Services, watched: Watched) -> None:
    odd: Any = "ann@example.com"

    await services.entitlements.entitled(odd, "reports")

    [check] = watched.checks
    assert check == {"feature": "reports", "resolver": "local_map", **NOTHING, "subject_type": "str"}


async def test_many_questions_with_one_read_are_a_span_each_from_one_beginning(
    services: Services, acme: Organization, watched: Watched
) -> None:
    await tell(services)

    await services.entitlements.decide_many([acme, None], ["reports", "gold"], surface="field")
    await services.entitlements.entitled_many([acme, acme], "reports")

    told = [(check["feature"], check["reason"], check.get("surface")) for check in watched.checks]
    assert told == [
        ("reports", "entitled", "field"),
        ("gold", "not_entitled", "field"),
        ("reports", "no_active_subscription", "field"),
        ("gold", "no_active_subscription", "field"),
        ("reports", "entitled", None),
        ("reports", "entitled", None),
    ]
    assert len({span.start_time for span in watched.spans[:4]}) == 1


@pytest.mark.parametrize("odd", [7, [], {"reports"}, None])
async def test_what_is_no_name_is_an_answer_and_a_span_too(
    services: Services, acme: Organization, watched: Watched, odd: Any
) -> None:
    await tell(services)
    on = services.entitlements

    answers = [await on.entitled(acme, odd), await on.has_active_plan(acme, odd)]
    answers.append(bool(await on.entitlement_quantity(acme, odd)))

    assert answers == [False] * 3
    assert [check["result"] for check in watched.checks] == [False] * 3
    assert {labels[0] for labels in watched.samples(Metric.CHECKS)} == {"other"}


async def test_spans_that_cannot_be_made_change_no_answer(sqlite: Sqlite, clock: FixedClock, tmp_path: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Broken())
    services = build(settings_of(sqlite.fresh(tmp_path)), clock=clock, telemetry=Telemetry(tracer_provider=provider))

    assert await services.entitlements.features_for(None) == []
    assert not await services.entitlements.entitled(None, "reports")
    await services.aclose()
