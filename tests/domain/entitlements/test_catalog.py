"""What the catalog accepts, what it refuses with which place, and what its version depends on."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing.lifecycle import NO_GRACE, Grace
from domain.entitlements.catalog import (
    GREATEST,
    UNLIMITED,
    Call,
    Forbid,
    Limit,
    Merge,
    Redirect,
    Respond,
    UnmappedAction,
    parse,
    read,
)
from domain.errors import ConfigError

EXAMPLE = """
unmapped_action = "deny"
past_due_grace = "none"
dunning_grace_days = 14
on_deny = "forbidden"
seat_limit = "seats"

[default]
features = []
limits = { seats = 1 }

[plans.pro]
features = ["reports", "api"]
limits = { seats = 5 }
price_ids = ["price_pro_monthly", "price_pro_yearly"]

[plans.team]
features = ["reports", "api", "sso"]
limits = { seats = { per = "quantity", max = 25 } }
price_ids = ["price_team_monthly"]
braintree_plan_ids = ["team_monthly"]

[plans.seat_pack]
add_on = true
limits = { seats = { per = "quantity", times = 5, merge = "sum" } }
price_ids = ["price_seat_pack"]
"""


def faults(text: str, **others: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parse({"catalog.toml": text, **{f"{name}.toml": other for name, other in others.items()}})
    return raised.value.faults


def test_the_example_is_read_as_it_says() -> None:
    catalog = parse({"catalog.toml": EXAMPLE})

    assert list(catalog.plans) == ["pro", "seat_pack", "team"]
    assert catalog.features == ("api", "reports", "sso")
    assert catalog.plans["pro"].limits == {"seats": Limit(amount=5)}
    assert catalog.plans["team"].limits == {"seats": Limit(max=25)}
    assert catalog.plans["seat_pack"].limits == {"seats": Limit(times=5, merge=Merge.SUM)}
    assert catalog.plans["seat_pack"].add_on
    assert catalog.default.limits == {"seats": Limit(amount=1)}
    assert catalog.plan_of_price == {
        "price_pro_monthly": "pro",
        "price_pro_yearly": "pro",
        "price_seat_pack": "seat_pack",
        "price_team_monthly": "team",
        "team_monthly": "team",
    }


def test_an_empty_catalog_has_the_defaults() -> None:
    catalog = parse({})

    assert (catalog.grace, catalog.stale_after_hours, catalog.seat_limit) == (NO_GRACE, None, "seats")
    assert (catalog.unmapped_action, catalog.on_deny) == (UnmappedAction.DENY, Forbid())
    assert (catalog.plans, catalog.default.features, catalog.default.limits) == ({}, frozenset(), {})


def test_dunning_grace_lasts_as_long_as_dunning() -> None:
    assert parse({"a": 'past_due_grace = "dunning"'}).grace == Grace(days=14)
    assert parse({"a": 'past_due_grace = "dunning"\ndunning_grace_days = 3'}).grace == Grace(days=3)
    assert parse({"a": "past_due_grace = 7\ndunning_grace_days = 3"}).grace == Grace(days=7)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"forbidden"', Forbid()),
        ('{ redirect = "/pricing" }', Redirect("/pricing")),
        ('{ redirect = "https://example.com/pricing" }', Redirect("https://example.com/pricing")),
        ('{ status = 402, body = "pay" }', Respond(402, "pay")),
        ('{ status = 402, body = "" }', Respond(402, "")),
        ('"host.denials:deny"', Call("host.denials", "deny")),
    ],
)
def test_each_form_of_on_deny_is_a_value(written: str, meant: object) -> None:
    assert parse({"catalog.toml": f"on_deny = {written}"}).on_deny == meant


@pytest.mark.parametrize(
    "written",
    [
        '"deny"',
        "7",
        "true",
        "{}",
        '{ redirect = "//elsewhere.example" }',
        '{ redirect = "/\\\\elsewhere.example" }',
        '{ redirect = "/a b" }',
        '{ redirect = "/a", status = 402 }',
        "{ status = 402 }",
        '{ status = 200, body = "fine" }',
        '{ status = true, body = "x" }',
        "{ status = 402, body = 7 }",
    ],
)
def test_a_malformed_on_deny_is_a_fault_at_its_place(written: str) -> None:
    assert all(fault.startswith("catalog.toml: on_deny") for fault in faults(f"on_deny = {written}"))


@pytest.mark.parametrize(
    "written",
    [
        "0",
        "-1",
        "true",
        "2.5",
        "nan",
        '"5"',
        '"many"',
        "[]",
        "{}",
        str(GREATEST + 1),
        "2026-01-01",
        "{ amount = 0 }",
        '{ amount = 1, per = "quantity" }',
        "{ amount = 1, times = 2 }",
        '{ per = "month" }',
        '{ per = "quantity", max = 0 }',
        '{ per = "quantity", times = true }',
        '{ per = "quantity", merge = "min" }',
        '{ per = "quantity", most = 5 }',
        "{ times = 5 }",
    ],
)
def test_a_malformed_limit_is_a_fault_at_its_place(written: str) -> None:
    found = faults(f"plans.pro.limits.seats = {written}")

    assert found
    assert all(fault.startswith("catalog.toml: plans.pro.limits.seats") for fault in found)


@pytest.mark.parametrize("written", ["1", str(GREATEST), '"unlimited"', "{ amount = 3 }", '{ per = "quantity" }'])
def test_each_form_of_a_limit_is_accepted(written: str) -> None:
    assert "seats" in parse({"catalog.toml": f"plans.pro.limits.seats = {written}"}).plans["pro"].limits


@pytest.mark.parametrize(
    ("limit", "quantity", "gives"),
    [
        (Limit(amount=5), None, 5),
        (Limit(amount=5), 9, 5),
        (Limit(amount=UNLIMITED), 1, UNLIMITED),
        (Limit(), None, 0),
        (Limit(), -3, 0),
        (Limit(), 7, 7),
        (Limit(max=5), 7, 5),
        (Limit(times=5, max=12), 3, 12),
        (Limit(times=5), GREATEST, GREATEST),
    ],
)
def test_a_limit_counts_by_the_item_quantity(limit: Limit, quantity: int | None, gives: int) -> None:
    assert limit.of(quantity) == gives
    assert limit.unlimited == (gives == UNLIMITED)


def test_a_default_has_no_item_to_count() -> None:
    assert faults('default.limits.seats = { per = "quantity" }') == [
        'catalog.toml: default.limits.seats: cannot be per = "quantity": without a plan there is no item'
    ]


def test_all_faults_of_all_files_come_at_once_with_their_places() -> None:
    found = faults(
        'grace = 3\nseat_limit = "desks"\nstale_after_hours = 0\n'
        '[plans.pro]\nfeatures = ["a", 7]\nprices = []\nprice_ids = ["price_a"]\nlimits = { seats = 0 }',
        more='seat_limit = "seats"\n[plans.pro]\n[plans.team]\nbraintree_plan_ids = ["price_a"]\nadd_on = 1',
        broken="= 3",
    )

    assert [fault.split(": ")[:2] for fault in found] == [
        ["catalog.toml", "grace"],
        ["more.toml", "plans.pro"],
        ["more.toml", "seat_limit"],
        ["broken.toml", "is not TOML"],
        ["catalog.toml", "plans.pro.prices"],
        ["catalog.toml", "plans.pro.features.1"],
        ["catalog.toml", "plans.pro.limits.seats"],
        ["more.toml", "plans.team.add_on"],
        ["catalog.toml", "seat_limit"],
        ["more.toml", "plans.team"],
        ["catalog.toml", "stale_after_hours"],
    ]
    assert "the price 'price_a' is under two plans, 'pro' and 'team'" in found[-2]


def test_a_seat_limit_that_nothing_declares_is_a_fault_written_or_not() -> None:
    assert faults("[plans.pro]") == ["seat_limit: no plan declares the limit 'seats'"]
    assert faults('seat_limit = "desks"\n[default.limits]\nseats = 1') == [
        "catalog.toml: seat_limit: no plan declares the limit 'desks'"
    ]
    assert parse({"catalog.toml": "[plans.pro]\n[default.limits]\nseats = 1"}).seat_limit == "seats"


def test_a_gate_for_what_nothing_declares_is_a_fault() -> None:
    catalog = parse({"catalog.toml": EXAMPLE})

    assert catalog.check_gates(features=["sso", "api"], plans=["pro", "team_monthly"]) == []
    assert catalog.check_gates(features=["exports"], plans=["gold"]) == [
        "gate: no plan declares the feature 'exports'",
        "gate: no plan is called 'gold', nor a price",
    ]


def test_files_are_read_together_and_an_unreadable_one_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[plans.pro]\nlimits = { seats = 5 }", encoding="utf-8")
    (tmp_path / "b.toml").write_text("[plans.free]", encoding="utf-8")
    (tmp_path / "c.toml").write_bytes(b"\xff")
    (tmp_path / "e.toml").write_text("grace = 3", encoding="utf-8")

    assert list(read([tmp_path / "a.toml", tmp_path / "b.toml"]).plans) == ["free", "pro"]
    with pytest.raises(ConfigError):
        read([tmp_path / "a.toml", tmp_path / "d.toml"])
    with pytest.raises(ConfigError) as raised:
        read([tmp_path / f"{name}.toml" for name in "acde"])
    assert [fault.rpartition(": ")[2] for fault in raised.value.faults] == [
        "cannot be read (UnicodeDecodeError)",
        "cannot be read (FileNotFoundError)",
        "unknown key",
    ]


PARTS = EXAMPLE.strip().split("\n\n")


@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_order_comments_and_files_do_not_change_the_version(shuffler: random.Random, files: int) -> None:
    tables = shuffler.sample(PARTS[1:], len(PARTS) - 1)
    top = shuffler.sample(PARTS[0].splitlines(), len(PARTS[0].splitlines()))
    shared = ["\n".join([*("# said elsewhere" for _ in range(at)), *tables[at::files]]) for at in range(files)]
    shared[0] = "\n".join([*top, shared[0]])

    version = parse({f"{at}.toml": text for at, text in enumerate(shared)}).version

    assert version == parse({"catalog.toml": EXAMPLE}).version
    assert len(version) == 64


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seats = 5", "seats = 6"),
        ('"sso"', '"saml"'),
        ("max = 25", "max = 26"),
        ("add_on = true", "add_on = false"),
        ('on_deny = "forbidden"', 'on_deny = { redirect = "/pricing" }'),
        ('past_due_grace = "none"', "past_due_grace = 1"),
        ("dunning_grace_days = 14", "stale_after_hours = 72"),
        ("price_team_monthly", "price_team_yearly"),
    ],
)
def test_whatever_the_catalog_says_differently_changes_the_version(old: str, new: str) -> None:
    assert old in EXAMPLE

    assert parse({"a": EXAMPLE.replace(old, new)}).version != parse({"a": EXAMPLE}).version


@pytest.mark.parametrize(
    "written",
    ["plans = 1", "plans.pro = []", 'plans."".add_on = true', "default = 7", "seat_limit = ' '", 'features = "a"'],
)
def test_a_value_of_the_wrong_kind_is_a_fault(written: str) -> None:
    assert faults(written)
