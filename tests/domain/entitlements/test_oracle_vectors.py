"""The oracle itself is right about every shared vector: what judges the resolver has been judged."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.domain.entitlements.test_resolver_vectors import CASES, TRUTH, overruled
from tests.support.oracle import Item, Row
from tests.support.states import EPOCH, State

PLANS = {"p": {"features": ["asked"], "limits": {"seats": 1}, "price_ids": ["price_p"]}}


def moment(text: str | None) -> int | None:
    return None if text is None else (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def written(config: dict[str, Any]) -> dict[str, Any]:
    """Say a vector's catalog as ours: its plain limit N caps the item's quantity."""
    plans = {
        name: {**plan, "limits": {key: {"per": "quantity", "max": most} for key, most in plan["limits"].items()}}
        for name, plan in config["plans"].items()
    }
    return {**config, "plans": plans}


def row(subscription: dict[str, Any]) -> Row:
    end = moment(subscription["current_period_end"])
    return Row(
        status=subscription["status"],
        items=tuple(
            Item(price=each["price_id"], quantity=each["quantity"], period_end=end) for each in subscription["items"]
        ),
        pause=None if subscription["pause_collection"] is None else "full",
        ended_at=moment(subscription["ended_at"]),
        past_due_since=moment(subscription["past_due_since"]),
        last_fact_at=0,
        cancel_at_period_end=subscription["cancel_at_period_end"],
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_oracle_gives_every_answer_of_the_resolver_vectors(case: dict[str, Any]) -> None:
    expect, now = overruled(case), moment(case["now"])
    state = State(catalog=written(case["config"]), rows=tuple(row(each) for each in case["subscriptions"]))

    assert now is not None
    answers = state.truth.at(now)

    assert answers.failed == (expect["resolver"] == "raises")
    assert sorted(answers.features) == expect["features_for"]["value"]
    for feature, answer in expect["entitled"].items():
        assert answers.feature_reason(feature) == answer["reason"]
    for plan, answer in expect["has_active_plan"].items():
        assert answers.plan_reason(plan) == answer["reason"]
    for key, answer in expect["entitlement_quantity"].items():
        assert answers.quantity(key) == answer["value"]


@pytest.mark.parametrize("case", TRUTH, ids=lambda case: case["id"])
def test_the_oracle_gives_every_reason_of_the_truth_table(case: dict[str, Any]) -> None:
    held = row({**case["subscription"], "items": [{"price_id": "price_p", "quantity": 1}]})
    state = State(catalog=written({**case["config"], "plans": PLANS}), rows=(held,))
    now = moment(case["now"])

    assert now is not None
    assert state.truth.at(now).feature_reason("asked") == case["expect"]["gate_reason"]
