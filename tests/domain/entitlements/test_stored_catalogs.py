"""Catalogs are kept as documents, and are the same when they are read again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from domain.entitlements import Catalog, catalog
from domain.entitlements.in_force import decode, encode
from tests.support.api import CATALOG as APIS
from tests.support.shadow import CATALOGS

ROOT = Path(__file__).parents[3]
ANSWERS = ('"forbidden"', '{ redirect = "/pricing" }', '{ status = 402, body = "Pay" }', '"host.denials:deny"')
FOLLOWING = """
[plans.team]
limits = { seats = { per = "quantity", times = 2 } }
price_ids = ["price_b", "price_a"]
seat_quantity = { up = "at_once", down = "never" }
"""
ALL = (
    *CATALOGS,
    *(
        catalog.parse({"catalog.toml": text})
        for text in (
            "",
            (ROOT / "catalog.toml").read_text(),
            APIS,
            FOLLOWING,
            'dunning_terminal_action = "cancel"\ndunning_grace_days = 9\n' + FOLLOWING,
            *(f"on_deny = {answer}\n" + FOLLOWING for answer in ANSWERS),
        )
    ),
)
# As it stood in databases first; whatever catalogs learn to say later, this must be read.
FIRST = """{
    "version": "1", "seat_limit": "seats", "unmapped_action": "deny", "stale_after_hours": null, "features": ["sso"],
    "grace": {"days": 7}, "dunning": {"days": 14, "action": "none"}, "on_deny": {}, "plan_of_price": {"p_1": "team"},
    "default": {"features": [], "limits": {"seats": {"amount": 1, "times": 1, "max": null, "merge": "max"}}},
    "plans": {"team": {
        "name": "team", "features": ["sso"], "price_ids": ["p_1"], "braintree_plan_ids": [], "add_on": false,
        "limits": {"seats": {"amount": null, "times": 1, "max": 25, "merge": "sum"}},
        "seat_quantity": {"up": "at_once", "down": "next_period", "debounce_seconds": 10}}}
}"""
SAME = """
past_due_grace = 7
[default]
limits = { seats = 1 }
[plans.team]
features = ["sso"]
limits = { seats = { per = "quantity", max = 25, merge = "sum" } }
price_ids = ["p_1"]
seat_quantity = { up = "at_once" }
"""


def test_a_catalog_that_was_kept_long_ago_can_still_be_read() -> None:
    assert decode(json.loads(FIRST)) == replace(catalog.parse({"catalog.toml": SAME}), version="1")


@pytest.mark.parametrize("kept", ALL, ids=range(len(ALL)))
def test_a_catalog_that_was_kept_is_the_same_whatever_order_its_names_come_back_in(kept: Catalog) -> None:
    stored = json.dumps(encode(kept))
    turned = json.loads(stored, object_pairs_hook=lambda pairs: dict(reversed(pairs)))

    found = decode(turned)

    assert found == kept
    assert repr(found) == repr(decode(json.loads(stored)))
    assert [*found.plans] == [*kept.plans]
    assert [*found.plan_of_price] == [*kept.plan_of_price]
    assert [[*plan.limits] for plan in found.plans.values()] == [[*plan.limits] for plan in kept.plans.values()]


@pytest.mark.parametrize("document", [{}, {"version": "1"}, encode(ALL[0]) | {"plans": 5}])
def test_what_nobody_wrote_is_no_catalog(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        decode(document)
