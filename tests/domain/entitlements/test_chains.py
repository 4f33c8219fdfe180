"""Chains: each answer can be computed again from its own, and each link says what it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing.states import PauseCollection, Status
from domain.entitlements import chains
from domain.entitlements.catalog import GREATEST, UNLIMITED, Catalog, Merge, parse
from domain.entitlements.chains import Basis
from domain.entitlements.decisions import Reason, decide_feature, quantity
from domain.entitlements.links import Step, StepKind
from domain.entitlements.resolver import (
    FAILED,
    Force,
    Given,
    Granted,
    Held,
    Resolved,
    UnmappedPrice,
    resolve,
    total,
)
from domain.ids import OverrideId, SubscriptionId
from tests.domain.entitlements.test_resolver import CATALOG, DAY, NOW, PLAIN, RAISING, STALING, item, row
from tests.domain.entitlements.test_resolver import held_rows as any_rows

STRICT = parse({"catalog.toml": CATALOG.replace("past_due_grace = 7", 'past_due_grace = "none"')})
FEATURES = ("reading", "reports", "sso", "unheard_of")
LIMITS = ("seats", "projects", "tokens", "unheard_of")
SSO = Granted(override_id=OverrideId("ovr_1"), feature="sso", expires_at=NOW + DAY)
SEATS = Granted(override_id=OverrideId("ovr_2"), limit="seats", value=9)

# As the rows of the resolver's tests, but most of them grant something, so that answers differ.
days = st.integers(-9, 9).map(lambda days: NOW + days * DAY)
rows = st.builds(
    row,
    st.builds(
        item,
        st.sampled_from(["price_pro", "price_team", "price_team", "price_pack", "price_pack", "price_all", "price_b"]),
        st.none() | st.integers(0, 30),
        end=st.none() | days,
    ),
    st.builds(item, st.sampled_from(["price_pro", "price_team", "price_pack"]), st.integers(1, 9), end=days),
    status=st.sampled_from([Status.ACTIVE, Status.TRIALING, *[Status.PAST_DUE] * 3, Status.PAUSED]),
    since=st.none() | days,
)
held_rows = st.lists(rows, max_size=3) | any_rows
ends = st.none() | st.integers(-5, 5).map(lambda days: NOW + days * DAY)
overrides = st.one_of(
    st.builds(Granted, override_id=st.just(OverrideId("")), feature=st.sampled_from(FEATURES), expires_at=ends),
    st.builds(
        Granted,
        override_id=st.just(OverrideId("")),
        limit=st.sampled_from(LIMITS),
        value=st.sampled_from([1, 3, 7, 7, GREATEST, UNLIMITED]),
        expires_at=ends,
    ),
)


def numbered(held: Sequence[Held], granted: Sequence[Granted] = ()) -> Given:
    return Given(
        held=tuple(replace(row, subscription_id=SubscriptionId(f"bsb_{n}")) for n, row in enumerate(held)),
        granted=tuple(replace(each, override_id=OverrideId(f"ovr_{n}")) for n, each in enumerate(granted)),
    )


def basis(catalog: Catalog, held: Sequence[Held] = (), granted: Sequence[Granted] = (), now: datetime = NOW) -> Basis:
    """Resolve as the gate does, with whatever it was resolved from."""
    known = numbered(held, granted)
    try:
        resolved = resolve(catalog, known.held, known.granted, now=now)
    except UnmappedPrice:
        resolved = FAILED
    return Basis(catalog=catalog, given=known, resolved=resolved, now=now)


@dataclass(frozen=True)
class Recomputed:
    """A decision as a reader of the chain alone comes to it."""

    granted: bool
    reason: Reason
    until: datetime | None


def earliest(instants: Sequence[datetime | None]) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)


def recomputed(chain: Sequence[Step]) -> Recomputed:
    """Decide by the links and by nothing else, slowly and obviously."""
    subscriptions = {step.subscription_id: step for step in chain if step.kind is StepKind.SUBSCRIPTION}
    items = [step for step in chain if step.kind is StepKind.ITEM]
    if any(step.force is None for step in subscriptions.values()) or any(s.counts and s.plan is None for s in items):
        return Recomputed(granted=False, reason=Reason.ERROR, until=None)
    heard = [step for step in subscriptions.values() if step.force not in {Force.NOTHING, Force.STALE}]
    fresh, turns = earliest([step.fresh_until for step in heard]), earliest([step.until for step in heard])
    features = [step for step in chain if step.kind is StepKind.FEATURE and step.counts]
    given = [step for step in chain if step.kind is StepKind.OVERRIDE and step.counts]
    default = any(step.kind is StepKind.DEFAULT and step.counts for step in chain)
    plans = [step for step in chain if step.kind is StepKind.PLAN]
    if default or any(subscriptions[step.subscription_id].force is Force.ENTITLING for step in features):
        return Recomputed(granted=True, reason=Reason.ENTITLED, until=fresh)
    if given:
        forever = any(step.until is None for step in given)
        until = None if forever else max(step.until for step in given if step.until)
        return Recomputed(granted=True, reason=Reason.ENTITLED, until=until)
    if features:
        return Recomputed(granted=True, reason=Reason.PAST_DUE_GRACE, until=turns)
    if any(not step.counts for step in plans):
        return Recomputed(granted=False, reason=Reason.PAST_DUE_EXPIRED, until=turns)
    reason = Reason.NOT_ENTITLED if plans else Reason.NO_ACTIVE_SUBSCRIPTION
    return Recomputed(granted=False, reason=reason, until=turns)


def added_up(chain: Sequence[Step], catalog: Catalog, key: str) -> int:
    """Add up the links that count, by the catalog and by nothing else."""
    largest, added, raised = 0, 0, 0
    for step in (step for step in chain if step.counts):
        if step.kind is StepKind.OVERRIDE:
            raised = max(raised, step.value or 0)
        if step.kind is StepKind.DEFAULT or (step.kind is StepKind.LIMIT and step.plan is not None):
            limits = catalog.plans[step.plan].limits if step.plan else catalog.default.limits
            value = limits[key].of(step.item_quantity)
            added += value if limits[key].merge is Merge.SUM else 0
            largest = max(largest, 0 if limits[key].merge is Merge.SUM else value)
    return max(total(largest, added), raised)


catalogs = st.sampled_from([PLAIN, STALING, RAISING, STRICT])


@settings(max_examples=250)
@given(catalogs, held_rows, st.lists(overrides, max_size=3), st.sampled_from(FEATURES))
def test_a_decision_can_be_computed_again_from_its_chain(
    catalog: Catalog, held: list[Held], granted: list[Granted], feature: str
) -> None:
    found = basis(catalog, held, granted)

    decision = decide_feature(found.resolved, feature)

    again = recomputed(chains.of_feature(found, feature))
    assert again == Recomputed(granted=decision.granted, reason=decision.reason, until=decision.valid_until)


@settings(max_examples=250)
@given(catalogs, held_rows, st.lists(overrides, max_size=3), st.sampled_from(LIMITS))
def test_a_limit_is_what_its_last_link_says_and_what_those_that_count_come_to(
    catalog: Catalog, held: list[Held], granted: list[Granted], key: str
) -> None:
    found = basis(catalog, held, granted)

    chain = chains.of_limit(found, key)

    assert chain[-1].value == quantity(found.resolved, key)
    assert found.resolved.failed or added_up(chain, catalog, key) == quantity(found.resolved, key)
    values = [0, *(step.value or 0 for step in chain)]
    changed = [step for step, before in zip(chain, values, strict=False) if step.value != before]
    assert all(step.counts for step in changed)
    assert {step.kind for step in changed} <= {StepKind.DEFAULT, StepKind.LIMIT, StepKind.OVERRIDE}


@given(catalogs, held_rows, st.lists(overrides, max_size=4), st.timedeltas(timedelta(0), timedelta(days=30)))
def test_no_link_changes_before_its_until(
    catalog: Catalog, held: list[Held], granted: list[Granted], wait: timedelta
) -> None:
    found = basis(catalog, held, granted)
    chain = chains.of_feature(found, "sso")
    then = min([NOW + wait, *(step.until for step in chain if step.until)])

    assert chains.of_feature(basis(catalog, held, granted, then), "sso") == chain


def told(chain: Sequence[Step]) -> list[tuple[str, bool, str]]:
    return [(step.kind.value, step.counts, step.detail) for step in chain]


def test_a_feature_is_led_to_from_its_subscription_through_item_and_plan_and_the_override_comes_last() -> None:
    late = row(item("price_team", 3), status=Status.PAST_DUE, since=NOW)
    ended = replace(SSO, expires_at=NOW - DAY)

    chain = chains.of_feature(basis(PLAIN, [late], [ended, SSO]), "sso")

    assert told(chain) == [
        ("default", False, "The catalog's default says nothing of sso."),
        ("subscription", True, "The subscription is past due, and in grace."),
        ("item", True, "price_team is a price of team."),
        ("plan", True, "The plan team is held in grace."),
        ("feature", True, "The plan team has the feature sso."),
        ("override", False, "An override gave the feature sso, and has ended."),
        ("override", True, "An override gives the feature sso."),
    ]
    assert [step.until for step in chain] == [None, NOW + 7 * DAY, None, None, None, None, NOW + DAY]
    assert [step.subscription_id for step in chain] == [None, *["bsb_0"] * 4, None, None]
    assert [step.override_id for step in chain[-2:]] == ["ovr_0", "ovr_1"]
    assert (chain[2].price_id, chain[2].item_quantity, chain[2].plan) == ("price_team", 3, "team")


@pytest.mark.parametrize(
    ("catalog", "held", "detail"),
    [
        (PLAIN, row(item("price_pro"), status=Status.PAUSED), "The subscription is paused."),
        (PLAIN, row(item("price_pro"), pause_collection=PauseCollection()), "The subscription is paused."),
        (PLAIN, row(item("price_pro"), ended_at=NOW), "The subscription has ended."),
        (PLAIN, row(item("price_pro"), status=Status.UNPAID), "The subscription is not paid for."),
        (
            STRICT,
            row(item("price_pro"), status=Status.PAST_DUE, since=NOW),
            "The subscription is past due, and the catalog gives no grace.",
        ),
        (
            STALING,
            row(item("price_pro", end=NOW - 9 * DAY)),
            "The subscription's period is over, and nothing has been heard of it for too long.",
        ),
    ],
)
def test_a_subscription_that_gives_nothing_says_why_and_leads_no_further(
    catalog: Catalog, held: Held, detail: str
) -> None:
    held = replace(held, last_fact_at=NOW - 9 * DAY)

    chain = chains.of_feature(basis(catalog, [held]), "reports")

    assert told(chain)[1:] == [("subscription", False, detail)]
    assert chain[1].until is None


@pytest.mark.parametrize(
    ("since", "detail"),
    [
        (NOW - 8 * DAY, "The subscription is past due, and its grace is over."),
        (None, "The subscription is past due, and has no grace because nobody knows since when."),
    ],
)
def test_of_a_grace_that_is_over_the_plan_is_still_named(since: datetime | None, detail: str) -> None:
    late = row(item("price_pro"), status=Status.PAST_DUE, since=since)

    assert told(chains.of_feature(basis(PLAIN, [late]), "reports"))[1:] == [
        ("subscription", False, detail),
        ("item", False, "price_pro is a price of pro."),
        ("plan", False, "The plan pro is held no more."),
        ("feature", False, "The plan pro has the feature reports."),
    ]


def test_a_trial_and_news_that_are_waited_for_are_told() -> None:
    trial = row(item("price_pro", end=NOW), status=Status.TRIALING)

    step = chains.of_feature(basis(STALING, [trial]), "reports")[1]

    assert step.detail == "The subscription is in its trial; without news it counts until 2026-06-04T12:00:00+00:00."
    assert step.until == step.fresh_until == NOW + 3 * DAY


def test_a_price_of_no_plan_breaks_off_and_a_loud_one_is_the_reason_of_the_failure() -> None:
    held = [row(item("price_b", 2), item("price_pro")), row(item("price_team"))]

    quiet = told(chains.of_feature(basis(PLAIN, held), "reports"))
    loud = told(chains.of_feature(basis(RAISING, held), "reports"))

    assert ("item", False, "No plan has the price price_b.") in quiet
    assert loud == [
        ("subscription", True, "The subscription is active."),
        ("item", True, "No plan has the price price_b, and the catalog denies everything for such a price."),
    ]


def test_what_could_not_be_found_out_is_told_as_that() -> None:
    failed = Basis(catalog=PLAIN, given=None, resolved=FAILED, now=NOW)

    detail = "What the customer holds could not be found out, so nothing is granted."
    assert told(chains.of_feature(failed, "reports")) == [("subscription", True, detail)]
    assert recomputed(chains.of_feature(failed, "reports")).reason is Reason.ERROR
    assert [step.value for step in chains.of_limit(failed, "seats")] == [0]


def test_the_default_says_whether_it_counts() -> None:
    nobodys = Basis(catalog=PLAIN, given=Given(), resolved=Resolved(), now=NOW)
    found = [basis(PLAIN), basis(PLAIN, [row(item("price_pro"))]), nobodys]

    steps = [chains.of_feature(each, "reading")[0] for each in found] + [chains.of_feature(found[0], "sso")[0]]

    assert [(step.counts, step.detail) for step in steps] == [
        (True, "No plan is held, so the catalog's default gives reading."),
        (False, "A plan is held, so the catalog's default does not count."),
        (False, "The customer's owner is not there, so not even the catalog's default is given."),
        (False, "The catalog's default says nothing of sso."),
    ]
    assert chains.of_limit(nobodys, "seats")[-1].value == 0


def test_a_limit_grows_link_by_link_and_what_makes_no_difference_does_not_count() -> None:
    held = [row(item("price_pack", 2), item("price_team", 3), item("price_pro"))]
    small, ended = replace(SEATS, value=14), replace(SEATS, value=99, expires_at=NOW - DAY)

    chain = chains.of_limit(basis(PLAIN, held, [small, replace(SEATS, value=20), ended]), "seats")

    changing = {StepKind.DEFAULT, StepKind.LIMIT, StepKind.OVERRIDE}
    assert [(step.detail, step.counts, step.value) for step in chain if step.kind in changing] == [
        ("A plan is held, so the catalog's default does not count.", False, 0),
        ("The plan pack adds 10 to seats.", True, 10),
        ("The plan team gives 3 of seats.", False, 10),
        ("The plan pro gives 5 of seats.", True, 15),
        ("An override gives at least 14 of seats.", False, 15),
        ("An override gives at least 20 of seats.", True, 20),
        ("An override gave at least 99 of seats, and has ended.", False, 20),
    ]


def test_without_an_end_nothing_more_counts() -> None:
    held = [row(item("price_pack", 2), item("price_all"))]

    chain = chains.of_limit(basis(PLAIN, held, [replace(SEATS, value=UNLIMITED)]), "seats")

    assert [step.detail for step in chain if step.counts and step.key == "seats"] == [
        "The plan all gives any number of seats."
    ]
