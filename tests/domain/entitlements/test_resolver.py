"""What rows and a catalog come to, by example and by laws that hold for any rows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing import lifecycle
from domain.billing.states import Item, PauseCollection, Status, SubscriptionState
from domain.entitlements.catalog import GREATEST, UNLIMITED, Catalog, parse
from domain.entitlements.decisions import Reason, decide_feature, decide_plan, failed, quantity, revision
from domain.entitlements.resolver import FAILED, Held, UnmappedPrice, resolve
from domain.ids import SubscriptionId

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CATALOG = """
past_due_grace = 7
[default]
features = ["reading"]
limits = { seats = 2, projects = 1 }
[plans.pro]
features = ["reports"]
limits = { seats = 5 }
price_ids = ["price_pro"]
[plans.team]
features = ["reports", "sso"]
limits = { seats = { per = "quantity", max = 25 } }
price_ids = ["price_team"]
[plans.pack]
add_on = true
limits = { seats = { per = "quantity", times = 5, merge = "sum" }, tokens = { amount = 2000000000, merge = "sum" } }
price_ids = ["price_pack"]
[plans.all]
limits = { seats = "unlimited" }
price_ids = ["price_all"]
"""
PLAIN, STALING = parse({"catalog.toml": CATALOG}), parse({"catalog.toml": "stale_after_hours = 72\n" + CATALOG})
RAISING = parse({"catalog.toml": 'unmapped_action = "raise"\n' + CATALOG})


def item(price_id: str, number: int | None = 1, *, end: datetime | None = None) -> Item:
    return Item(processor_id=f"si_{price_id}", price_id=price_id, quantity=number, current_period_end=end)


def row(*items: Item, status: Status = Status.ACTIVE, since: datetime | None = None, **rest: Any) -> Held:
    return Held(
        subscription_id=SubscriptionId("bsb_1"),
        processor="fake",
        state=SubscriptionState(status=status, items=items, **rest),
        past_due_since=since,
        last_fact_at=NOW - DAY,
    )


@pytest.mark.parametrize(
    ("items", "seats"),
    [
        ([], 2),
        ([item("price_unknown", 9)], 2),
        ([item("price_pro", None)], 5),
        ([item("price_pro", 9)], 5),
        ([item("price_team", 9)], 9),
        ([item("price_team", 99)], 25),
        ([item("price_team", None)], 0),
        ([item("price_team", 3), item("price_team", 4)], 4),
        ([item("price_pro"), item("price_team", 3)], 5),
        ([item("price_pack", 2)], 10),
        ([item("price_pro"), item("price_pack", 2), item("price_pack", 1)], 20),
        ([item("price_pro"), item("price_pack", GREATEST)], GREATEST),
        ([item("price_all"), item("price_pack", 2)], UNLIMITED),
    ],
)
def test_the_largest_seat_limit_counts_and_packs_come_on_top(items: list[Item], seats: int) -> None:
    assert quantity(resolve(PLAIN, [row(*items)], now=NOW), "seats") == seats


def test_the_default_is_what_a_customer_without_a_plan_has() -> None:
    resolved = resolve(PLAIN, [], now=NOW)

    assert (sorted(resolved.plans), sorted(resolved.features)) == ([], ["reading"])
    assert resolved.quantities == {"projects": 1, "seats": 2}
    assert decide_feature(resolved, "reading").reason is Reason.ENTITLED
    assert decide_feature(resolved, "reports").reason is Reason.NO_ACTIVE_SUBSCRIPTION


def test_a_plan_in_place_of_the_default_takes_what_only_the_default_gives() -> None:
    resolved = resolve(PLAIN, [row(item("price_pro"))], now=NOW)

    assert decide_feature(resolved, "reading").reason is Reason.NOT_ENTITLED
    assert quantity(resolved, "projects") == 0


def test_after_grace_the_default_is_back_and_the_rest_says_expired() -> None:
    resolved = resolve(PLAIN, [row(item("price_pro"), status=Status.PAST_DUE, since=NOW - 8 * DAY)], now=NOW)

    assert decide_feature(resolved, "reading").reason is Reason.ENTITLED
    assert decide_feature(resolved, "reports").reason is Reason.PAST_DUE_EXPIRED


def test_what_only_grace_gives_holds_until_the_end_of_grace() -> None:
    late = row(item("price_team"), status=Status.PAST_DUE, since=NOW - 3 * DAY)
    resolved = resolve(PLAIN, [late, row(item("price_pro"))], now=NOW)

    assert resolved.valid_until == NOW + 4 * DAY
    assert decide_feature(resolved, "sso").valid_until == NOW + 4 * DAY
    assert decide_feature(resolved, "sso").reason is Reason.PAST_DUE_GRACE
    assert decide_feature(resolved, "reports").valid_until is None
    assert decide_feature(resolved, "reports").reason is Reason.ENTITLED


def test_a_row_without_news_so_long_after_its_period_is_absent() -> None:
    held = row(item("price_pro", end=NOW - 3 * DAY))
    silent = replace(held, last_fact_at=NOW - 30 * DAY)

    at_the_end = resolve(STALING, [silent], now=NOW)

    assert (sorted(at_the_end.plans), at_the_end.valid_until) == (["pro"], NOW)
    assert resolve(STALING, [silent], now=NOW + timedelta(microseconds=1)) == resolve(STALING, [], now=NOW)


def test_news_after_the_period_keeps_a_row_for_as_long_again() -> None:
    held = replace(row(item("price_pro", end=NOW - 30 * DAY)), last_fact_at=NOW - DAY)

    assert resolve(STALING, [held], now=NOW).valid_until == NOW + 2 * DAY


def test_without_a_period_or_without_the_setting_nothing_goes_stale() -> None:
    old = NOW - 900 * DAY

    assert resolve(STALING, [replace(row(item("price_pro")), last_fact_at=old)], now=NOW).plans == {"pro"}
    assert resolve(PLAIN, [replace(row(item("price_pro", end=old)), last_fact_at=old)], now=NOW).plans == {"pro"}


def test_an_unmapped_price_is_told_or_raised_as_the_catalog_says() -> None:
    held = [row(item("price_pro"), item("price_b"), item("price_a"))]

    assert resolve(PLAIN, held, now=NOW).unmapped_price_ids == ("price_a", "price_b")
    with pytest.raises(UnmappedPrice) as raised:
        resolve(RAISING, held, now=NOW)
    assert raised.value.price_ids == ("price_a", "price_b")


def test_an_unmapped_price_on_a_row_that_grants_nothing_raises_nothing() -> None:
    paused = row(item("price_b"), status=Status.PAUSED)
    expired = row(item("price_b"), status=Status.PAST_DUE, since=NOW - 8 * DAY)

    assert resolve(RAISING, [paused, expired], now=NOW).unmapped_price_ids == ()


def test_a_failed_resolution_denies_everything_because_of_an_error() -> None:
    assert failed("reports").reason is Reason.ERROR
    assert not failed("reports").granted
    assert {decide_plan(FAILED, PLAIN, name).reason for name in ("pro", "price_pro", "gold")} == {Reason.ERROR}
    assert quantity(FAILED, "seats") == 0


rows = st.builds(
    Held,
    subscription_id=st.just(SubscriptionId("bsb_1")),
    processor=st.just("fake"),
    state=st.builds(
        SubscriptionState,
        status=st.sampled_from(Status),
        items=st.lists(
            st.builds(
                item,
                st.sampled_from(["price_pro", "price_team", "price_pack", "price_all", "price_b"]),
                st.none() | st.integers(-1, 30) | st.just(GREATEST),
                end=st.none() | st.integers(-9, 9).map(lambda days: NOW + days * DAY),
            ),
            max_size=3,
        ).map(tuple),
        ended_at=st.sampled_from([None, None, None, NOW]),
        pause_collection=st.sampled_from([None, None, None, PauseCollection()]),
    ),
    past_due_since=st.none() | st.integers(-9, 9).map(lambda days: NOW + days * DAY),
    last_fact_at=st.integers(-20, 0).map(lambda days: NOW + days * DAY),
)
held_rows = st.lists(rows, max_size=4)
catalogs = st.sampled_from([PLAIN, STALING])


@given(catalogs, held_rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_items_does_not_matter(catalog: Catalog, held: list[Held], shuffler: Any) -> None:
    shuffled = [
        replace(each, state=replace(each.state, items=tuple(shuffler.sample(each.state.items, len(each.state.items)))))
        for each in shuffler.sample(held, len(held))
    ]

    resolved = resolve(catalog, held, now=NOW)

    assert resolve(catalog, shuffled, now=NOW) == resolved
    assert revision(resolve(catalog, shuffled, now=NOW), catalog) == revision(resolved, catalog)


@given(catalogs, held_rows, rows)
def test_a_paused_ended_or_unpaid_row_changes_nothing(catalog: Catalog, held: list[Held], more: Held) -> None:
    granting = lifecycle.level(more.state) > 0

    assert granting or resolve(catalog, [*held, more], now=NOW) == resolve(catalog, held, now=NOW)


@given(catalogs, held_rows, rows)
def test_a_row_more_takes_nothing_but_the_default(catalog: Catalog, held: list[Held], more: Held) -> None:
    before, after = resolve(catalog, held, now=NOW), resolve(catalog, [*held, more], now=NOW)

    only_defaults = not before.plans and bool(after.plans)
    assert before.plans <= after.plans
    assert before.features - after.features <= (catalog.default.features if only_defaults else frozenset())
    assert only_defaults or all(after.quantities[key] >= number for key, number in before.quantities.items())


@given(catalogs, held_rows)
def test_decisions_agree_with_the_sets(catalog: Catalog, held: list[Held]) -> None:
    resolved = resolve(catalog, held, now=NOW)

    decisions = {name: decide_feature(resolved, name) for name in (*catalog.features, "unheard_of")}
    plans = {name: decide_plan(resolved, catalog, name) for name in catalog.plans}

    assert {name for name, decision in decisions.items() if decision.granted} == resolved.features
    assert {name for name in decisions if decisions[name].reason is Reason.PAST_DUE_GRACE} == resolved.grace_features
    assert {name for name, decision in plans.items() if decision.granted} == resolved.plans
    assert resolved.plans == resolved.active_plans | resolved.grace_plans


@given(catalogs, held_rows, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_every_answer_holds_until_its_last_instant(catalog: Catalog, held: list[Held], wait: timedelta) -> None:
    resolved = resolve(catalog, held, now=NOW)
    then = resolve(catalog, held, now=min(NOW + wait, resolved.valid_until or NOW + wait))

    assert then == resolved
    for feature in (*catalog.features, "unheard_of"):
        decision = decide_feature(resolved, feature)
        later = min(NOW + wait, decision.valid_until or NOW + wait)
        assert decide_feature(resolve(catalog, held, now=later), feature).reason is decision.reason


@given(held_rows)
def test_totals_are_unlimited_or_stop_at_the_greatest_number(held: list[Held]) -> None:
    totals = resolve(PLAIN, held, now=NOW).quantities.values()

    assert all(0 <= total <= GREATEST or total == UNLIMITED for total in totals)


def test_the_revision_tells_other_answers_ends_and_catalogs_apart() -> None:
    late = row(item("price_pro"), status=Status.PAST_DUE, since=NOW)
    later = replace(late, past_due_since=NOW + DAY)
    held: list[list[Held]] = [[], [row(item("price_pro"))], [row(item("price_team"))], [late], [later]]

    revisions = [revision(resolve(catalog, each, now=NOW), catalog) for catalog in (PLAIN, RAISING) for each in held]

    assert len({*revisions, revision(FAILED, PLAIN)}) == 11
