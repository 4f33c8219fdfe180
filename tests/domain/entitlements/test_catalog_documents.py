"""A catalog comes back from its document as it went in, and its version holds out against what was not said."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.billing.lifecycle import NO_GRACE, Dunning, Grace, TerminalAction
from domain.billing.quantities import SeatPolicy, SeatQuantity
from domain.entitlements.catalog import (
    GREATEST,
    UNLIMITED,
    Call,
    Catalog,
    Default,
    Forbid,
    Limit,
    Merge,
    Plan,
    Redirect,
    Respond,
    UnmappedAction,
    decode,
    encode,
    parse,
)
from domain.entitlements.catalog.documents import completed
from domain.errors import ConfigError

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
counts = st.integers(1, GREATEST)
limits = st.one_of(
    st.builds(Limit, amount=counts | st.just(UNLIMITED), merge=st.sampled_from(Merge)),
    st.builds(Limit, times=counts, max=st.none() | counts, merge=st.sampled_from(Merge)),
)
named_limits = st.dictionaries(names, limits, max_size=3).map(lambda found: dict(sorted(found.items())))
features = st.frozensets(names, max_size=3)
seat_quantities = st.builds(
    SeatQuantity,
    up=st.sampled_from(SeatPolicy),
    down=st.sampled_from(SeatPolicy),
    debounce_seconds=st.integers(0, 86400),
)
plans = st.builds(
    Plan,
    name=names,
    features=features,
    limits=named_limits,
    add_on=st.booleans(),
    seat_quantity=st.none() | seat_quantities,
)
denials = st.one_of(
    st.just(Forbid()),
    st.builds(Redirect, names),
    st.builds(Respond, st.integers(400, 599), names | st.just("")),
    st.builds(Call, names, names),
)


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Make any catalog, with no price under two plans."""
    prices = draw(st.lists(names, max_size=6, unique=True))
    found = draw(st.lists(plans, max_size=3, unique_by=lambda plan: plan.name))
    priced = [
        replace(
            plan,
            price_ids=tuple(sorted(prices[at :: 2 * len(found)])),
            braintree_plan_ids=tuple(sorted(prices[at + len(found) :: 2 * len(found)])),
        )
        for at, plan in enumerate(found)
    ]
    return completed(
        Catalog(
            plans={plan.name: plan for plan in sorted(priced, key=lambda plan: plan.name)},
            default=draw(st.builds(Default, features=features, limits=named_limits)),
            grace=draw(st.just(NO_GRACE) | st.builds(Grace, days=counts)),
            dunning=draw(st.builds(Dunning, days=counts, action=st.sampled_from(TerminalAction))),
            stale_after_hours=draw(st.none() | counts),
            unmapped_action=draw(st.sampled_from(UnmappedAction)),
            on_deny=draw(denials),
            seat_limit=draw(names),
        )
    )


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    """Keep a document as a database does, which forgets the order of its keys."""
    kept: dict[str, Any] = json.loads(json.dumps(document), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    return kept


@given(catalogs())
def test_a_catalog_comes_back_from_its_document_as_it_went_in(catalog: Catalog) -> None:
    found = decode(through_json(encode(catalog)))

    assert found == catalog
    assert list(found.plans) == list(catalog.plans)
    assert [list(plan.limits) for plan in found.plans.values()] == [
        list(plan.limits) for plan in catalog.plans.values()
    ]


@given(catalogs(), catalogs())
def test_versions_are_equal_where_catalogs_are(one: Catalog, other: Catalog) -> None:
    assert (one.version == other.version) == (one == other)


def test_what_is_not_said_is_neither_stored_nor_part_of_the_version() -> None:
    said = 'plans.pro = { limits = { seats = 5 }, features = [], add_on = false }\nunmapped_action = "deny"'
    catalog = parse({"catalog.toml": said})

    assert encode(catalog) == {"plans": {"pro": {"name": "pro", "limits": {"seats": {"amount": 5}}}}}
    assert catalog.version == parse({"catalog.toml": "plans.pro.limits.seats = { amount = 5 }"}).version


def test_a_document_that_says_what_nobody_here_understands_has_another_version_than_it_was_stored_under() -> None:
    catalog = parse({"catalog.toml": "plans.pro.limits.seats = 5"})
    newer = encode(catalog) | {"on_sunday": "rest"}

    assert decode(newer) == catalog


# As it stood in databases first; whatever catalogs learn to say later, this must be read, under this version.
FIRST = """{"plans": {"team": {"name": "team", "features": ["sso"], "price_ids": ["p_1"],
    "limits": {"seats": {"max": 25, "merge": "sum"}}, "seat_quantity": {"up": "next_period"}}},
    "default": {"limits": {"seats": {"amount": 1}}}, "grace": {"days": 7}, "on_deny": {"path": "/pricing"}}"""
SAME = """
past_due_grace = 7
on_deny = { redirect = "/pricing" }
[default]
limits = { seats = 1 }
[plans.team]
features = ["sso"]
limits = { seats = { per = "quantity", max = 25, merge = "sum" } }
price_ids = ["p_1"]
seat_quantity = { up = "next_period" }
"""
VERSION = "b46ce1a138dfaf9723ff6a5c8f040f76a69a55ac40306f3cf18300909f47325b"


def test_a_catalog_that_was_kept_long_ago_can_still_be_read_under_its_version() -> None:
    assert decode(json.loads(FIRST)) == parse({"catalog.toml": SAME})
    assert parse({"catalog.toml": SAME}).version == VERSION


@pytest.mark.parametrize(
    "document", [{}, {"plans": {"pro": {}}}, {"plans": {}, "grace": {"days": "many"}}, {"plans": 1}]
)
def test_what_no_catalog_would_be_written_as_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        decode(document)


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ('plans.pro.features = ["a\\u0000"]', "plans.pro.features.0"),
        ('plans.pro.price_ids = ["\\u0000"]', "plans.pro.price_ids.0"),
        ('plans.pro.limits."a\\u0000" = 1', "plans.pro.limits.a\0"),
        ('on_deny = { status = 402, body = "\\u0000" }', "on_deny.body"),
    ],
)
def test_a_character_that_not_every_database_keeps_is_a_fault(written: str, place: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse({"catalog.toml": f"{written}\ndefault.limits.seats = 1"})

    assert [fault.rpartition(": ")[0] for fault in refused.value.faults] == [f"catalog.toml: {place}"]
