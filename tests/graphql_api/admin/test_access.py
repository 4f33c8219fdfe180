"""What the entitlements tab makes of a customer's answers; pure."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.billing import Customer, OwnerKind
from domain.billing.states import Item, Status, SubscriptionState
from domain.entitlements import EntitlementSet, Given, Granted, Held, Resolved, SeatUsage, catalog, resolve
from domain.ids import CustomerId, OverrideId, SubscriptionId
from graphql_api.admin.access import Access, Grace
from graphql_api.admin.advice import State
from tests.support.api import CATALOG

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PLANS = catalog.parse({"catalog.toml": CATALOG})


def held(*price_ids: str, status: Status = Status.ACTIVE, days: int = 0) -> Held:
    items = tuple(Item(processor_id=f"si_{id}", price_id=id, quantity=2, current_period_end=None) for id in price_ids)
    return Held(
        subscription_id=SubscriptionId("bsb_1"),
        processor="fake",
        state=SubscriptionState(status=status, items=items),
        past_due_since=NOW - days * DAY if status is Status.PAST_DUE else None,
        last_fact_at=NOW - DAY,
    )


def access(*rows: Held, granted: tuple[Granted, ...] = (), seats: SeatUsage | None = None) -> Access:
    customer = Customer(id=CustomerId("cst_1"), owner_kind=OwnerKind.ORGANIZATION, owner_id="org_1", created_at=NOW)
    answers = EntitlementSet(
        customer=customer,
        role=None,
        as_of=NOW,
        known_at=NOW,
        catalog=PLANS,
        given=Given(held=rows, granted=granted),
        resolved=resolve(PLANS, rows, granted, now=NOW),
    )
    return Access(answers=answers, seats=seats)


@pytest.mark.parametrize(
    ("rows", "headline"),
    [
        ([], "No active access"),
        (["price_seat_pack"], "1 active access grant"),
        (["price_basic"], "2 active access grants"),
        (["price_pro_monthly", "price_basic"], "4 active access grants"),
        (["price_basic", "price_old", "price_older"], "2 active access grants · 2 unmapped"),
        (["price_old"], "1 unmapped price"),
        (["price_old", "price_older"], "2 unmapped prices"),
    ],
)
def test_the_headline_counts_plans_and_features_and_what_stands_for_nothing(rows: list[str], headline: str) -> None:
    assert access(held(*rows)).headline == headline


def test_grace_is_told_in_one_list_plans_first_then_features_then_what_is_over() -> None:
    shown = access(
        held("price_basic"),
        held("price_pro_monthly", status=Status.PAST_DUE, days=3),
        held("price_team_monthly", status=Status.PAST_DUE, days=8),
    )

    assert shown.grace == [("pro", Grace.PLAN), ("reports", Grace.FEATURE), ("team", Grace.OVER)]
    assert [(feature.name, feature.by_grace) for feature in shown.features] == [("api", False), ("reports", True)]
    assert shown.plans == ["basic", "pro"]


def test_the_guide_names_everything_that_can_be_shown_of_grace_and_of_stripe() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "admin.md").read_text()

    assert ", ".join(Grace) in guide
    assert ", ".join(list(State)[:-1]) + f" or {State.UNAVAILABLE}" in guide


def test_a_row_whose_grace_is_over_is_no_drift() -> None:
    assert access(held("price_old", status=Status.PAST_DUE, days=8)).headline == "No active access"


def test_a_feature_leads_back_to_what_gives_it_and_says_when_an_override_ends() -> None:
    sso = Granted(override_id=OverrideId("ovr_1"), feature="sso", expires_at=NOW + DAY)
    shown = access(held("price_basic"), granted=(sso,))

    api, by_override = shown.features
    assert api.why == (
        "The subscription is active.",
        "price_basic is a price of basic.",
        "The plan basic is held.",
        "The plan basic has the feature api.",
    )
    assert (api.by_override, api.ends_at) == (False, None)
    assert (by_override.name, by_override.by_override, by_override.ends_at) == ("sso", True, NOW + DAY)


def test_only_the_limit_that_counts_members_tells_what_is_used() -> None:
    shown = access(held("price_team_monthly"), seats=SeatUsage(limit=2, used=1, reserved=0))

    projects, seats = shown.quantities
    assert (projects.key, projects.unlimited, projects.seats) == ("projects", True, None)
    assert (seats.key, seats.value, seats.unlimited) == ("seats", 2, False)
    assert seats.seats is shown.seats


def test_the_json_shows_the_resolved_sets_in_their_order() -> None:
    shown = access(held("price_seat_pack", "price_pro_yearly"), held("price_basic", status=Status.PAST_DUE, days=1))

    assert list(json.loads(shown.json).items()) == [
        ("plan", "basic"),
        ("active_plans", ["basic", "pro", "seat_pack"]),
        ("features", ["api", "reports"]),
        ("quantities", {"projects": 20, "seats": 13}),
        ("grace_plans", ["basic"]),
        ("grace_features", []),
        ("expired_grace_plans", []),
    ]


def test_what_a_host_s_resolver_answers_is_shown_without_reasons() -> None:
    told = access(held("price_seat_pack")).answers
    resolved = Resolved(plans=frozenset({"house"}), features=frozenset({"garden"}), quantities={"beds": 3})
    shown = Access(answers=replace(told, given=None, resolved=resolved), seats=None)

    assert shown.headline == "2 active access grants"
    assert shown.sets["plan"] == "house"
    assert [(feature.name, feature.why) for feature in shown.features] == [("garden", ())]
    assert [(quantity.key, quantity.value, quantity.why) for quantity in shown.quantities] == [("beds", 3, ())]
