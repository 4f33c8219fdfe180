"""The resolver answers as an oracle does that was written from the contract alone, and a wrong resolver is caught."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing.states import Status
from domain.entitlements import Catalog, Granted, Held, Limit, Merge, UnmappedPrice, resolve
from domain.entitlements.decisions import Reason
from domain.entitlements.resolver import FAILED, Resolved
from tests.proofs import entitlements
from tests.support import judging, states
from tests.support.judging import Kind, Resolving
from tests.support.oracle import DAY, GREATEST, HOUR, Gift, Item, Row
from tests.support.states import State

SEED = 1
STATES = 10_000


def early(catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
    """Lets every end come a microsecond late, as a comparison with the wrong sign would."""
    return resolve(catalog, held, granted, now=now - timedelta(microseconds=1))


def lenient(catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
    """Takes unpaid for past due, so that it has grace."""
    rows = [
        replace(row, state=replace(row.state, status=Status.PAST_DUE)) if row.state.status is Status.UNPAID else row
        for row in held
    ]
    return resolve(catalog, rows, granted, now=now)


def summing(catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
    """Adds on top what should only be the largest."""
    plans = {
        name: replace(plan, limits={key: _added(limit) for key, limit in plan.limits.items()})
        for name, plan in catalog.plans.items()
    }
    return resolve(replace(catalog, plans=plans), held, granted, now=now)


def _added(limit: Limit) -> Limit:
    return limit if limit.unlimited else replace(limit, merge=Merge.SUM)


def undated(catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
    """Forgets that overrides end."""
    resolved = resolve(catalog, held, granted, now=now)
    return replace(resolved, override_ends=dict.fromkeys(resolved.override_ends), valid_until=resolved.turns_at)


def vague(catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
    """Forgets that a price that no plan has goes stale as others do."""
    try:
        return resolve(catalog, held, granted, now=now)
    except UnmappedPrice:
        return FAILED


def broken(catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
    """Cannot do without a quantity."""
    quantities = {item.processor_id: item.quantity for row in held for item in row.state.items}
    if None in quantities.values():
        raise ZeroDivisionError
    return resolve(catalog, held, granted, now=now)


PLANTED = [
    (early, Kind.GRANT),
    (lenient, Kind.GRANT),
    (summing, Kind.GRANT),
    (undated, Kind.VALIDITY),
    (vague, Kind.VALIDITY),
]


def test_the_resolver_answers_ten_thousand_random_customers_as_the_oracle_does() -> None:
    found = entitlements.portion(SEED, range(STATES))

    assert found.first is None, entitlements.story(SEED, found.first)
    assert (found.asked, found.wrong) == (STATES, Counter())


def test_the_random_customers_meet_every_reason_and_every_edge() -> None:
    met: Counter[str] = Counter()
    for number in range(2_000):
        state = states.numbered(SEED, number)
        truth = state.truth
        now = truth.at(0)
        met.update(f"feature {now.feature_reason(feature)}" for feature in state.features)
        met.update(f"plan {now.plan_reason(plan)}" for plan in state.plans)
        met.update(f"quantity {now.quantity(key)}" for key in now.keys)
        met.update(f"due {due}" for due in truth.dues(0))
        met.update(row.status for row in state.rows)

    reasons = {f"feature {reason}" for reason in Reason} - {"feature unmapped_plan"}
    assert met.keys() >= reasons | {f"plan {reason}" for reason in Reason}
    assert met.keys() >= {"quantity 2147483647", "quantity 2147483646", "quantity 0", "due 0", "due 1"}
    assert met.keys() >= set(states.STATUSES)
    assert min(met[name] for name in ("feature past_due_expired", "feature error", "due 0", "due 1")) > 20


@pytest.mark.parametrize(("planted", "kind"), PLANTED)
def test_a_planted_fault_is_noticed_and_told_as_small_as_it_gets(planted: Resolving, kind: Kind) -> None:
    found = entitlements.portion(SEED, range(1_000), planted)

    assert found.wrong[kind]
    assert found.first is not None
    smallest = judging.shrunk(states.numbered(SEED, found.first), planted)
    assert len(smallest.rows) + len(smallest.gifts) == 1
    assert sum(len(row.items) for row in smallest.rows) <= 2
    first, row, *wrong = entitlements.story(SEED, found.first, planted).splitlines()
    assert first.endswith(f"--seed {SEED} --only {found.first}")
    assert eval(row.strip().removesuffix(",")) == smallest
    assert wrong


@pytest.mark.parametrize("processes", [1, 2])
def test_the_proof_tells_how_many_it_asked_about(processes: int, capsys: pytest.CaptureFixture[str]) -> None:
    code = entitlements.main(["--states", "2100", "--seed", "7", "--processes", str(processes)])

    told = capsys.readouterr().out
    assert code == 0
    assert "2100 states from seed 7, 0 wrong grant, 0 wrong denial" in told
    assert "0 exception" in told


def test_one_state_can_be_asked_about_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert entitlements.main(["--only", "4711"]) == 0
    assert "1 states from seed 1, 0 wrong grant" in capsys.readouterr().out


def test_the_work_stops_at_the_first_difference() -> None:
    plan = entitlements.Plan(states=1_000_000, seed=SEED, processes=1, only=None)

    found = entitlements.proved(plan, lambda *_: None, lenient)

    assert found.asked == entitlements.PORTION
    assert found.first is not None


def test_an_exception_is_a_difference() -> None:
    assert entitlements.portion(SEED, range(100), broken).wrong[Kind.EXCEPTION]


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_no_customer_that_hypothesis_finds_is_answered_otherwise(random: Random) -> None:
    assert judging.differences(states.state(random)) == []


ROWS = [
    State(
        catalog={"past_due_grace": 7, "plans": {"pro": {"price_ids": ["price_pro"], "limits": {"seats": 1}}}},
        rows=(Row(status="past_due", items=(Item(price="price_pro"),), past_due_since=-7 * DAY),),
    ),
    State(
        catalog={"stale_after_hours": 72, "plans": {"pro": {"price_ids": ["price_pro"], "limits": {"seats": 1}}}},
        rows=(Row(status="active", items=(Item(price="price_pro", period_end=-72 * HOUR),), last_fact_at=-90 * HOUR),),
    ),
    State(
        catalog={"past_due_grace": GREATEST, "plans": {"pro": {"price_ids": ["price_pro"], "limits": {"seats": 1}}}},
        rows=(Row(status="past_due", items=(Item(price="price_pro"),), past_due_since=-DAY),),
    ),
    State(
        catalog={"default": {"limits": {"seats": 1}}, "plans": {}},
        gifts=(Gift(feature="reports", expires_at=0), Gift(limit="seats", value=5, expires_at=-1)),
    ),
]


@pytest.mark.parametrize("state", ROWS)
def test_states_that_were_told_stay_right(state: State) -> None:
    assert judging.differences(state) == []
