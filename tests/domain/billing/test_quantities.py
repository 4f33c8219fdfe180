"""The change that a quantity needs, for every policy and direction, and the instant before which nobody asks for it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing.quantities import QuantityChange, SeatPolicy, SeatQuantity, quantity_change
from domain.billing.states import Item, PauseCollection, Proration, Status
from tests.domain.billing.test_lifecycle import NOW, state

END = NOW + timedelta(days=10)
HOUR, MICROSECOND, SECOND = timedelta(hours=1), timedelta(microseconds=1), timedelta(seconds=1)
ITEM = Item(processor_id="si_1", price_id="price_a", quantity=5, current_period_end=END)
NOW_OR_THEN = SeatQuantity(debounce_seconds=10)
SETTLED = NOW + timedelta(seconds=10)


def change(
    members: int, rules: SeatQuantity = NOW_OR_THEN, *, item: Item = ITEM, status: Status = Status.ACTIVE, **more: Any
) -> QuantityChange | None:
    instants = {"since": NOW, "now": NOW} | {key: more.pop(key) for key in ("since", "now") if key in more}
    return quantity_change(state(status, **more), item, members=members, rules=rules, **instants)


def prorated(quantity: int) -> QuantityChange:
    return QuantityChange(quantity=quantity, proration=Proration.CREATE_PRORATIONS, at=SETTLED)


def at_the_turn(quantity: int) -> QuantityChange:
    return QuantityChange(quantity=quantity, proration=Proration.NONE, at=END - HOUR)


@pytest.mark.parametrize(
    ("policy", "up", "down"),
    [
        (SeatPolicy.AT_ONCE, prorated(7), prorated(3)),
        (SeatPolicy.NEXT_PERIOD, at_the_turn(7), at_the_turn(3)),
        (SeatPolicy.NEVER, None, None),
    ],
)
def test_each_policy_in_each_direction(
    policy: SeatPolicy, up: QuantityChange | None, down: QuantityChange | None
) -> None:
    other = SeatPolicy.NEVER

    assert change(7, SeatQuantity(up=policy, down=other)) == up
    assert change(3, SeatQuantity(up=other, down=policy)) == down
    assert change(3, SeatQuantity(up=policy, down=other)) is None
    assert change(7, SeatQuantity(up=other, down=policy)) is None


@pytest.mark.parametrize(
    ("off", "due"),
    [(-SECOND, False), (-MICROSECOND, False), (timedelta(), True), (MICROSECOND, True), (HOUR - MICROSECOND, True)],
)
def test_the_next_periods_quantity_is_asked_for_within_the_last_hour(off: timedelta, *, due: bool) -> None:
    now = END - HOUR + off

    found = change(3, now=now)

    assert found is not None
    assert (found.at <= now) == due


def test_a_period_that_is_over_waits_for_news_of_its_renewal() -> None:
    assert change(3, now=END) is None
    assert change(3, item=replace(ITEM, current_period_end=None)) is None
    assert change(7, now=END) is not None


def test_who_joins_within_the_last_hour_is_still_waited_out() -> None:
    found = change(3, since=END - 5 * SECOND, now=END - 5 * SECOND)

    assert found is not None
    assert found.at == END + 5 * SECOND


@pytest.mark.parametrize(
    "said",
    [
        {"status": Status.CANCELED},
        {"status": Status.UNPAID},
        {"status": Status.INCOMPLETE},
        {"status": Status.PAUSED},
        {"pause_collection": PauseCollection()},
        {"ended_at": NOW},
    ],
    ids=str,
)
def test_what_grants_nothing_is_left_alone(said: dict[str, Any]) -> None:
    assert change(7, **said) is None


def test_what_is_past_due_follows_too() -> None:
    assert change(7, status=Status.PAST_DUE) == prorated(7)


def test_what_will_not_renew_needs_no_quantity_for_its_next_period() -> None:
    assert change(3, cancel_at_period_end=True) is None
    assert change(3, cancel_at=END) is None
    assert change(7, cancel_at_period_end=True) == prorated(7)


def test_a_metered_item_has_no_quantity_to_follow() -> None:
    assert change(7, item=replace(ITEM, quantity=None)) is None


def test_one_seat_is_paid_for_at_least() -> None:
    assert change(0) == at_the_turn(1)
    assert change(0, item=replace(ITEM, quantity=1)) is None


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from(SeatPolicy), st.sampled_from(SeatPolicy))
def test_a_change_always_leads_to_the_members_and_never_against_its_policy(
    members: int, quantity: int, up: SeatPolicy, down: SeatPolicy
) -> None:
    rules = SeatQuantity(up=up, down=down, debounce_seconds=0)

    found = change(members, rules, item=replace(ITEM, quantity=quantity))

    if found is None:
        policy = up if max(members, 1) > quantity else down
        assert quantity == max(members, 1) or policy is SeatPolicy.NEVER
    else:
        assert found.quantity == max(members, 1) != quantity
