"""Every resolver vector and every reason of the truth table, with the rows that Seatgate answers otherwise."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.billing.states import Item, PauseCollection, Status, SubscriptionState
from domain.entitlements.catalog import Catalog, parse
from domain.entitlements.decisions import decide_feature, decide_plan, quantity
from domain.entitlements.resolver import FAILED, Held, Resolved, UnmappedPrice, resolve
from domain.ids import SubscriptionId

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = json.loads((VECTORS / "resolver_cases.json").read_text(encoding="utf-8"))["cases"]
TRUTH = json.loads((VECTORS / "lifecycle_truth.json").read_text(encoding="utf-8"))["cases"]

# The reasons of features_for and entitlement_quantity have no counterpart: lists and quantities carry none.
OVERRULED: dict[str, str] = {
    "rs-quantity-null": "a null quantity is 0, it does not fall back to the limit",
}
OVERRULED_PLANS: dict[str, str] = {
    "enterprise": "a plan that the catalog does not know is unmapped_plan, as an unknown price is",
}


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def vector_row(subscription: dict[str, Any]) -> Held:
    end = instant(subscription["current_period_end"])
    return Held(
        subscription_id=SubscriptionId("bsb_1"),
        processor="fake",
        state=SubscriptionState(
            status=Status(subscription["status"]),
            items=tuple(
                Item(
                    processor_id="si_1",
                    price_id=each["price_id"],
                    quantity=each["quantity"],
                    current_period_end=end,
                )
                for each in subscription["items"]
            ),
            cancel_at_period_end=subscription["cancel_at_period_end"],
            ended_at=instant(subscription["ended_at"]),
            pause_collection=None if subscription["pause_collection"] is None else PauseCollection(),
        ),
        past_due_since=instant(subscription["past_due_since"]),
        last_fact_at=datetime(2026, 5, 1, tzinfo=UTC),
    )


def vector_catalog(config: dict[str, Any]) -> Catalog:
    """Write the vector's plans in TOML; its plain limit N caps the item's quantity."""
    top = ("unmapped_action", "past_due_grace", "dunning_grace_days")
    lines = [f"{key} = {json.dumps(config[key])}" for key in top]
    for name, plan in config["plans"].items():
        lines += [f"[plans.{name}]", *(f"{key} = {json.dumps(plan[key])}" for key in ("features", "price_ids"))]
        lines += [f'limits.{key} = {{ per = "quantity", max = {most} }}' for key, most in plan["limits"].items()]
    return parse({"catalog.toml": "\n".join(lines)})


def answers(catalog: Catalog, held: list[Held], now: datetime) -> Resolved:
    try:
        return resolve(catalog, held, now=now)
    except UnmappedPrice:
        return FAILED


def overruled(case: dict[str, Any]) -> dict[str, Any]:
    """Say what the case expects, corrected where it is overruled."""
    expect = json.loads(json.dumps(case["expect"]))
    if case["id"] == "rs-quantity-null":
        expect["resolved"]["quantities"]["seats"] = expect["entitlement_quantity"]["seats"]["value"] = 0
    if expect["resolver"] == "ok":
        for name in OVERRULED_PLANS:
            expect["has_active_plan"][name]["reason"] = "unmapped_plan"
    return dict(expect)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_set_and_answer_of_the_resolver_holds(case: dict[str, Any]) -> None:
    catalog, now, expect = vector_catalog(case["config"]), datetime.fromisoformat(case["now"]), overruled(case)

    resolved = answers(catalog, [vector_row(each) for each in case["subscriptions"]], now)

    assert resolved.failed == (expect["resolver"] == "raises")
    if not resolved.failed:
        assert expect["resolved"] == {
            "active_plans": sorted(resolved.plans),
            "features": sorted(resolved.features),
            "quantities": resolved.quantities,
            "grace_plans": sorted(resolved.grace_plans),
            "grace_features": sorted(resolved.grace_features),
            "expired_grace_plans": sorted(resolved.expired_grace_plans),
        }
        assert expect["admin_unmapped_price_ids"] == list(resolved.unmapped_price_ids)
    for feature, answer in expect["entitled"].items():
        decision = decide_feature(resolved, feature)
        assert (decision.granted, decision.reason) == (answer["result"], answer["reason"])
    for plan, answer in expect["has_active_plan"].items():
        decision = decide_plan(resolved, catalog, plan)
        assert (decision.granted, decision.reason) == (answer["result"], answer["reason"])
    assert sorted(resolved.features) == expect["features_for"]["value"]
    for key, answer in expect["entitlement_quantity"].items():
        assert quantity(resolved, key) == answer["value"]


@pytest.mark.parametrize("case", TRUTH, ids=lambda case: case["id"])
def test_every_row_of_the_truth_table_has_its_reason(case: dict[str, Any]) -> None:
    plans = {"p": {"features": ["asked"], "limits": {"seats": 1}, "price_ids": ["price_p"]}}
    catalog = vector_catalog({**case["config"], "plans": plans, "unmapped_action": "deny"})
    held = vector_row({**case["subscription"], "items": [{"price_id": "price_p", "quantity": 1}]})

    decision = decide_feature(resolve(catalog, [held], now=datetime.fromisoformat(case["now"])), "asked")

    assert (decision.granted, decision.reason) == (case["expect"]["grants"], case["expect"]["gate_reason"])


def test_overruled_rows_exist() -> None:
    assert OVERRULED.keys() <= {case["id"] for case in CASES}
    assert all(OVERRULED_PLANS.keys() <= case["expect"]["has_active_plan"].keys() for case in CASES)
