"""What overrides come to: they only give, until they end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.billing.states import Status
from domain.entitlements.catalog import UNLIMITED
from domain.entitlements.decisions import Reason, decide_feature, decide_plan, quantity
from domain.entitlements.resolver import Granted, Held, resolve
from domain.ids import OverrideId
from tests.domain.entitlements.test_resolver import DAY, NOW, PLAIN, STALING, item, row

INSTANT = timedelta(microseconds=1)
SSO = Granted(override_id=OverrideId("ovr_1"), feature="sso", expires_at=NOW + DAY)
SEATS = Granted(override_id=OverrideId("ovr_2"), limit="seats", value=4, expires_at=NOW + 2 * DAY)


@pytest.mark.parametrize("held", [[], [row(item("price_pro"))], [row(item("price_pro"), status=Status.CANCELED)]])
def test_an_override_adds_its_feature_until_its_end_and_no_longer(held: list[Held]) -> None:
    at_the_end = resolve(PLAIN, held, [SSO], now=NOW + DAY)
    after = resolve(PLAIN, held, [SSO], now=NOW + DAY + INSTANT)

    assert decide_feature(at_the_end, "sso").reason is Reason.ENTITLED
    assert decide_feature(at_the_end, "sso").valid_until == at_the_end.valid_until == NOW + DAY
    assert after == resolve(PLAIN, held, now=NOW)


@pytest.mark.parametrize(("value", "seats"), [(1, 2), (2, 2), (4, 4), (UNLIMITED, UNLIMITED)])
def test_an_override_raises_a_limit_to_at_least_its_value(value: int, seats: int) -> None:
    assert quantity(resolve(PLAIN, [], [replace(SEATS, value=value)], now=NOW), "seats") == seats


def test_an_override_gives_a_limit_that_no_plan_has() -> None:
    resolved = resolve(PLAIN, [], [replace(SEATS, limit="robots")], now=NOW)

    assert resolved.quantities == {"projects": 1, "robots": 4, "seats": 2}


def test_an_override_holds_no_plan_and_leaves_the_default() -> None:
    resolved = resolve(PLAIN, [], [SSO], now=NOW)

    assert resolved.features == {"reading", "sso"}
    assert not decide_plan(resolved, PLAIN, "pro").granted


def test_a_feature_of_a_plan_in_grace_is_firm_while_an_override_gives_it_too() -> None:
    late = row(item("price_pro"), status=Status.PAST_DUE, since=NOW - 6 * DAY)
    both = replace(SSO, feature="reports", expires_at=NOW + 9 * DAY)

    firm, shaky = resolve(PLAIN, [late], [both], now=NOW), resolve(PLAIN, [late], now=NOW)

    assert decide_feature(shaky, "reports").reason is Reason.PAST_DUE_GRACE
    assert decide_feature(firm, "reports").reason is Reason.ENTITLED
    assert decide_feature(firm, "reports").valid_until == NOW + 9 * DAY
    assert firm.valid_until == NOW + DAY


def test_of_several_overrides_the_last_end_counts_for_the_feature_and_the_first_for_the_set() -> None:
    longer, endless = replace(SSO, expires_at=NOW + 3 * DAY), replace(SSO, expires_at=None)

    assert decide_feature(resolve(PLAIN, [], [SSO, longer], now=NOW), "sso").valid_until == NOW + 3 * DAY
    assert decide_feature(resolve(PLAIN, [], [SSO, endless], now=NOW), "sso").valid_until is None
    assert resolve(PLAIN, [], [longer, SSO, endless], now=NOW).valid_until == NOW + DAY


def test_an_override_of_what_an_active_plan_gives_dates_nothing_but_the_set() -> None:
    held = [row(item("price_pro", end=NOW))]
    both = replace(SSO, feature="reports")

    assert decide_feature(resolve(STALING, held, [both], now=NOW), "reports").valid_until == NOW + 3 * DAY
