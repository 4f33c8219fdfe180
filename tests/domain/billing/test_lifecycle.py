"""The truth table, row by row, and the laws that hold for every state."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing import lifecycle
from domain.billing.lifecycle import NO_GRACE, Grace
from domain.billing.states import Item, PauseBehavior, PauseCollection, Status, SubscriptionState

VECTORS = Path(__file__).parents[2] / "vectors" / "lifecycle_truth.json"
CASES = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]

# gate_reason is asked in the resolver's tests, and the dunning columns in dunning's.
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEEK = Grace(days=7)


def state(status: Status = Status.ACTIVE, **changes: Any) -> SubscriptionState:
    return replace(SubscriptionState(status=status, items=(item("price_a"),)), **changes)


def item(price_id: str, quantity: int | None = 1, *, end: datetime | None = None) -> Item:
    return Item(processor_id=f"si_{price_id}", price_id=price_id, quantity=quantity, current_period_end=end)


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def vector_state(row: dict[str, Any]) -> SubscriptionState:
    pause = row["pause_collection"]
    return SubscriptionState(
        status=Status(row["status"]),
        items=(item("price_a", end=instant(row["current_period_end"])),),
        trial_end=instant(row["trial_end"]),
        cancel_at_period_end=row["cancel_at_period_end"],
        ended_at=instant(row["ended_at"]),
        pause_collection=None
        if pause is None
        else PauseCollection(behavior=PauseBehavior(pause["behavior"]), resumes_at=instant(pause.get("resumes_at"))),
    )


def vector_grace(config: dict[str, Any]) -> Grace:
    named = {"none": None, "dunning": config["dunning_grace_days"]}
    return Grace(days=named.get(config["past_due_grace"], config["past_due_grace"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_row_of_the_truth_table_holds(case: dict[str, Any]) -> None:
    subject, expect, now = vector_state(case["subscription"]), case["expect"], datetime.fromisoformat(case["now"])
    since, grace = instant(case["subscription"]["past_due_since"]), vector_grace(case["config"])
    entitling = lifecycle.entitling(subject)
    in_grace = lifecycle.in_grace(subject, since, now, grace)

    assert {
        "active": lifecycle.active(subject),
        "trialing": lifecycle.trialing(subject),
        "past_due": lifecycle.past_due(subject) or subject.status is Status.UNPAID,  # this column counts both
        "canceled": lifecycle.ended(subject),
        "canceling": lifecycle.canceling(subject, now),
        "paused": lifecycle.paused(subject),
        "entitling": entitling,
        "grants": entitling or in_grace,
        "granted_by": "lifecycle" if entitling else "grace" if in_grace else None,
    }.items() <= expect.items()


def test_an_empty_pause_collection_pauses() -> None:
    assert not lifecycle.entitling(state(pause_collection=PauseCollection()))


def test_an_end_in_the_future_has_ended_already() -> None:
    subject = state(ended_at=NOW + timedelta(days=30))

    assert lifecycle.ended(subject)
    assert lifecycle.terminal(subject)


def test_a_status_that_nobody_knows_grants_nothing() -> None:
    assert lifecycle.level(state(Status("brand_new"))) == 0


def test_the_last_instant_of_grace_is_inside_and_the_next_is_not() -> None:
    since = NOW - timedelta(days=7)

    assert lifecycle.grace_end(state(Status.PAST_DUE), since, WEEK) == NOW
    assert lifecycle.in_grace(state(Status.PAST_DUE), since, NOW, WEEK)
    assert not lifecycle.in_grace(state(Status.PAST_DUE), since, NOW + timedelta(microseconds=1), WEEK)


def test_without_a_start_or_without_grace_there_is_no_end_of_grace() -> None:
    assert lifecycle.grace_end(state(Status.PAST_DUE), None, WEEK) is None
    assert lifecycle.grace_end(state(Status.PAST_DUE), NOW, NO_GRACE) is None


def test_a_grace_longer_than_the_calendar_ends_with_it() -> None:
    assert lifecycle.in_grace(state(Status.PAST_DUE), NOW, NOW, Grace(days=2_147_483_646))


def test_of_two_states_in_one_second_the_one_that_grants_less_counts() -> None:
    assert lifecycle.lesser(state(Status.ACTIVE), state(Status.CANCELED)).status is Status.CANCELED
    assert lifecycle.lesser(state(Status.PAST_DUE), state(Status.TRIALING)).status is Status.PAST_DUE


def test_of_two_states_in_one_second_only_common_prices_count_at_the_smaller_quantity() -> None:
    one = state(items=(item("price_a", 5), item("price_b", 2), item("price_c", None)))
    other = state(items=(item("price_c", 4), item("price_a", 3)))

    met = lifecycle.lesser(one, other)

    assert [(each.price_id, each.quantity) for each in met.items] == [("price_a", 3), ("price_c", None)]


instants = st.none() | st.integers(0, 48).map(lambda hours: NOW + timedelta(hours=hours))
items = st.builds(
    Item,
    processor_id=st.sampled_from(["si_1", "si_2"]),
    price_id=st.sampled_from(["price_a", "price_b"]),
    quantity=st.none() | st.integers(-1, 3),
    current_period_start=instants,
    current_period_end=instants,
)
states = st.builds(
    SubscriptionState,
    status=st.sampled_from(Status),
    items=st.lists(items, max_size=3).map(tuple),
    cancel_at_period_end=st.booleans(),
    ended_at=instants,
    pause_collection=st.none() | st.builds(PauseCollection, behavior=st.none() | st.sampled_from(PauseBehavior)),
)


def amounts(subject: SubscriptionState) -> dict[str, int]:
    totals: dict[str, int] = {}
    for each in subject.items:
        totals[each.price_id] = totals.get(each.price_id, 0) + max(each.quantity or 0, 0)
    return totals


@given(st.lists(states, min_size=1, max_size=4))
def test_any_order_of_the_same_states_comes_to_the_same_result(several: list[SubscriptionState]) -> None:
    results = {reduce(lifecycle.lesser, order) for order in permutations(several)}

    assert len(results) == 1


@given(states, states, states)
def test_the_lesser_of_states_is_a_meet(a: SubscriptionState, b: SubscriptionState, c: SubscriptionState) -> None:
    lesser = lifecycle.lesser

    assert lesser(a, b) == lesser(b, a)
    assert lesser(lesser(a, b), c) == lesser(a, lesser(b, c))
    assert lesser(a, a) == a
    assert lesser(lesser(a, b), b) == lesser(a, b)


@given(states, states)
def test_a_doubt_grants_at_most_what_both_states_grant(a: SubscriptionState, b: SubscriptionState) -> None:
    met = lifecycle.lesser(a, b)

    assert lifecycle.level(met) == min(lifecycle.level(a), lifecycle.level(b))
    for price, amount in amounts(met).items():
        assert amount <= min(amounts(a)[price], amounts(b)[price])


@given(states)
def test_level_and_predicates_and_the_sets_for_queries_agree(subject: SubscriptionState) -> None:
    level = lifecycle.level(subject)

    assert (level == 2) == lifecycle.entitling(subject)
    assert (level == 1) == lifecycle.grace_candidate(subject, WEEK)
    assert not lifecycle.grace_candidate(subject, NO_GRACE)
    assert level < 2 or subject.status in lifecycle.ENTITLING_STATUSES
    assert level < 1 or subject.status in lifecycle.CANDIDATE_STATUSES


@given(states, instants, st.integers(1, 40))
def test_paused_ended_and_unpaid_grant_nothing_ever(
    subject: SubscriptionState, since: datetime | None, days: int
) -> None:
    if lifecycle.paused(subject) or lifecycle.ended(subject) or subject.status is Status.UNPAID:
        assert not lifecycle.entitling(subject)
        assert not lifecycle.in_grace(subject, since, NOW, Grace(days=days))
