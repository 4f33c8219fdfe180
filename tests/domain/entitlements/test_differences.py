"""What another catalog would change for one customer, and how all of them are counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing import Owner, OwnerKind
from domain.billing.states import Item, Status, SubscriptionState
from domain.entitlements import UNLIMITED, Catalog, Given, Granted, Held
from domain.entitlements.catalog import parse
from domain.entitlements.differences import WORST, Affected, Change, Totals, compare
from domain.ids import CustomerId, OverrideId, SubscriptionId

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLD = """
past_due_grace = 7
[default]
features = ["docs"]
limits = { seats = 1 }
[plans.pro]
features = ["api", "reports"]
limits = { seats = 5, projects = "unlimited" }
price_ids = ["price_pro"]
[plans.team]
features = ["api", "sso"]
limits = { seats = { per = "quantity" } }
price_ids = ["price_team"]
"""


def read(text: str) -> Catalog:
    return parse({"catalog.toml": text})


def paying(price: str, quantity: int = 1, status: Status = Status.ACTIVE, since: datetime | None = None) -> Given:
    item = Item(processor_id="si_1", price_id=price, quantity=quantity)
    held = Held(
        subscription_id=SubscriptionId("bsb_1"),
        processor="fake",
        state=SubscriptionState(status=status, items=(item,)),
        past_due_since=since,
        last_fact_at=NOW,
    )
    return Given(held=(held,))


def change(old: str, new: str, given: Given) -> Change:
    return compare(read(old), read(new), given, now=NOW)


def test_the_same_catalog_changes_nothing() -> None:
    for given_ in (Given(), paying("price_pro"), paying("price_of_nobody")):
        found = change(OLD, OLD, given_)
        assert (found.loses, found.gains, found.fewer_seats) == (False, False, False)


def test_a_plan_that_gives_less_and_other_things_is_told_in_both_directions() -> None:
    new = OLD.replace('["api", "reports"]', '["api", "exports"]').replace("seats = 5", "seats = 3, desks = 2")

    found = change(OLD, new, paying("price_pro"))

    assert (found.features_lost, found.features_gained) == (("reports",), ("exports",))
    assert (found.lowered, found.raised) == ({"seats": (5, 3)}, {"desks": (0, 2)})
    assert (found.seats, found.fewer_seats, found.loses, found.gains) == ((5, 3), True, True, True)
    assert not change(OLD, new, paying("price_team")).loses


def test_no_end_is_above_every_number() -> None:
    found = change(OLD, OLD.replace('"unlimited"', "7"), paying("price_pro"))

    assert found.lowered == {"projects": (UNLIMITED, 7)}


def test_a_price_that_no_plan_has_any_more_leaves_the_default() -> None:
    found = change(OLD, OLD.replace("price_pro", "price_pro_2"), paying("price_pro"))

    assert (found.unmapped, found.mapped, found.plans_lost) == (("price_pro",), (), ("pro",))
    assert (found.features_lost, found.features_gained) == (("api", "reports"), ("docs",))
    back = change(OLD.replace("price_pro", "price_pro_2"), OLD, paying("price_pro"))
    assert (back.unmapped, back.mapped, back.plans_gained) == ((), ("price_pro",), ("pro",))


def test_a_catalog_that_denies_whoever_pays_for_the_unknown_takes_everything() -> None:
    new = 'unmapped_action = "raise"\n' + OLD.replace("price_pro", "price_pro_2")

    found = change(OLD, new, paying("price_pro"))

    assert (found.unmapped, found.features_lost, found.features_gained) == (("price_pro",), ("api", "reports"), ())
    assert found.lowered == {"projects": (UNLIMITED, 0), "seats": (5, 0)}


def test_a_renamed_plan_is_a_plan_lost_because_gates_may_ask_for_it() -> None:
    found = change(OLD, OLD.replace("plans.pro", "plans.professional"), paying("price_pro"))

    assert (found.plans_lost, found.plans_gained, found.features_lost) == (("pro",), ("professional",), ())
    assert found.loses


def test_shorter_grace_takes_from_whoever_is_in_it_and_from_nobody_else() -> None:
    since = NOW - timedelta(days=3)
    new = OLD.replace("past_due_grace = 7", "past_due_grace = 2")

    assert change(OLD, new, paying("price_pro", status=Status.PAST_DUE, since=since)).plans_lost == ("pro",)
    assert not change(OLD, new, paying("price_pro")).loses


def test_what_an_override_gives_is_lost_by_no_catalog() -> None:
    granted = (
        Granted(override_id=OverrideId("ovr_1"), feature="reports"),
        Granted(override_id=OverrideId("ovr_2"), limit="seats", value=9),
    )
    given_ = Given(held=paying("price_pro").held, granted=granted)

    assert not change(OLD, OLD.replace(', "reports"', "").replace("seats = 5", "seats = 2"), given_).loses


def test_another_limit_that_counts_members_is_compared_by_what_it_gives() -> None:
    new = 'seat_limit = "desks"\n' + OLD.replace("seats = 5", "seats = 5, desks = 2")

    found = change(OLD, new, paying("price_pro"))

    assert (found.seats, found.seats_over(4), found.lowered) == ((5, 2), 2, {})
    assert found.loses


@pytest.mark.parametrize(("taken", "over"), [(2, 0), (3, 0), (4, 1), (9, 6)])
def test_seats_are_over_the_limit_where_it_is_lowered_below_what_is_taken(taken: int, over: int) -> None:
    assert change(OLD, OLD.replace("seats = 5", "seats = 3"), paying("price_pro")).seats_over(taken) == over
    assert change(OLD, OLD.replace("seats = 5", "seats = 6"), paying("price_pro")).seats_over(taken) == 0


def affected(number: int, over: int = 0, features: int = 0) -> Affected:
    new = OLD.replace("seats = 5", "seats = 4")
    found = change(OLD, new, paying("price_pro"))
    lost = tuple(f"feature {at}" for at in range(features))
    return Affected(
        customer_id=CustomerId(f"cst_{number:02}"),
        owner=Owner(kind=OwnerKind.ORGANIZATION, id=f"org_{number}"),
        change=Change(**{name: getattr(found, name) for name in Change.__slots__} | {"features_lost": lost}),
        seats_over=over,
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_the_worst_cases_are_those_that_sorting_everybody_would_find(cases: list[tuple[int, int]]) -> None:
    totals = Totals()
    everybody = [affected(number, over, features) for number, (over, features) in enumerate(cases)]
    for found in everybody:
        totals.add(found)

    order = sorted(everybody, key=lambda found: (-found.seats_over, -len(found.change.features_lost)))
    assert totals.worst == order[:WORST]
    assert (totals.affected, totals.losing, totals.gaining) == (len(cases), len(cases), 0)
    assert totals.over_limit == sum(over > 0 for over, _ in cases)
    assert totals.seats_over == sum(over for over, _ in cases)
    assert totals.lowered["seats"] == len(cases)
    assert totals.features_lost["feature 0"] == sum(features > 0 for _, features in cases)
