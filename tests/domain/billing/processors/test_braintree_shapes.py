"""How Braintree's subscriptions are read: the table of the documentation, row by row."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.billing import lifecycle
from domain.billing.processors import News, UnreadableEvent
from domain.billing.processors.braintree import BraintreeProcessor
from domain.billing.processors.braintree.shapes import KINDS
from domain.billing.processors.news import SubscriptionTold, SubscriptionTouched
from domain.billing.states import Item, Status, SubscriptionState
from tests.domain.billing.processors.braintree_xml import ACCOUNT, KEYS, body
from tests.peers.braintree.xml import written
from tests.support.clock import FixedClock

START, END = datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 12, 21, tzinfo=UTC)
ENDED = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
TRIAL = {
    "trial_period": True,
    "current_billing_cycle": 0,
    "billing_period_start_date": None,
    "billing_period_end_date": None,
    "first_billing_date": date(2026, 12, 5),
}
PROCESSOR = BraintreeProcessor(**KEYS, live=False, clock=FixedClock())


def told(kind: str = "subscription_went_active", /, **changes: Any) -> News | None:
    return PROCESSOR.news(PROCESSOR.stored(body(kind, **changes)))


def state(**changes: Any) -> SubscriptionState:
    news = told(**changes)
    assert isinstance(news, SubscriptionTold)
    return news.snapshot.state


def history(*statuses: str) -> list[dict[str, Any]]:
    return [{"timestamp": ENDED, "status": status, "balance": "0.00", "price": "1.00"} for status in statuses]


def test_a_whole_subscription_is_read_with_its_plan_once_and_its_add_ons_with_their_quantities() -> None:
    news = told()

    assert isinstance(news, SubscriptionTold)
    assert (news.type, news.snapshot.processor_id, news.snapshot.customer_processor_id, news.snapshot.livemode) == (
        "customer.subscription.updated",
        "bt_1",
        "cus_1",
        False,
    )
    period = {"current_period_start": START, "current_period_end": END}
    assert news.snapshot.state == SubscriptionState(
        status=Status.ACTIVE,
        items=(
            Item(processor_id="bt_1", price_id="team_monthly", quantity=1, **period),
            Item(processor_id="bt_1:seat", price_id="seat", quantity=7, **period),
        ),
    )


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Pending", Status.INCOMPLETE),
        ("Active", Status.ACTIVE),
        ("Past Due", Status.PAST_DUE),
        ("Canceled", Status.CANCELED),
        ("Expired", Status.CANCELED),
        ("Unrecognized", Status.INCOMPLETE),
        ("active", Status.INCOMPLETE),
        ("", Status.INCOMPLETE),
    ],
)
def test_a_status_means_what_stripes_means_and_an_unknown_one_grants_nothing(said: str, status: Status) -> None:
    assert state(status=said).status is status


def test_a_trial_is_active_by_name_before_the_first_billing_cycle() -> None:
    read = state(**TRIAL)

    assert (read.status, read.trial_end) == (Status.TRIALING, datetime(2026, 12, 5, tzinfo=UTC))
    assert {item.current_period_end for item in read.items} == {read.trial_end}


@pytest.mark.parametrize("status", ["Past Due", "Canceled", "Pending"])
def test_a_trial_that_is_not_active_is_none(status: str) -> None:
    assert state(**TRIAL, status=status).status is not Status.TRIALING


def test_after_its_trial_it_is_active() -> None:
    assert state(trial_period=True, current_billing_cycle=1).status is Status.ACTIVE


@pytest.mark.parametrize(
    ("cycle", "cycles", "never", "ends"),
    [(1, None, True, False), (1, 2, False, False), (2, 2, False, True), (3, 2, False, True), (2, 2, True, False)],
)
def test_it_ends_with_the_period_in_its_last_billing_cycle(
    cycle: int, cycles: int | None, never: bool, ends: bool
) -> None:
    read = state(current_billing_cycle=cycle, number_of_billing_cycles=cycles, never_expires=never)

    assert (read.cancel_at_period_end, read.cancel_at) == (ends, END if ends else None)
    assert lifecycle.entitling(read)


@pytest.mark.parametrize("status", ["Canceled", "Expired"])
def test_what_has_ended_did_so_when_its_history_says(status: str) -> None:
    updated = datetime(2026, 12, 2, tzinfo=UTC)

    assert state(status=status, status_history=history(status, "Active"), updated_at=updated).ended_at == ENDED
    assert state(status=status, status_history=history("Active"), updated_at=updated).ended_at == updated
    assert lifecycle.ended(state(status=status))


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_is_told_as_a_deletion_and_all_else_as_an_update(kind: str) -> None:
    news = told(kind)

    assert isinstance(news, SubscriptionTold)
    ends = kind in {"subscription_canceled", "subscription_expired"}
    assert news.type == f"customer.subscription.{'deleted' if ends else 'updated'}"


@pytest.mark.parametrize("missing", ["status", "plan_id", "add_ons"])
def test_a_subscription_that_is_not_shown_whole_is_to_be_fetched(missing: str) -> None:
    assert told(**{missing: None}) == SubscriptionTouched(processor_id="bt_1", customer_processor_id="cus_1")


@pytest.mark.parametrize("transactions", [[], [{"id": "tx_1", "amount": "1.00"}], [{"customer": {"id": None}}]])
def test_a_subscription_that_does_not_say_whose_it_is_is_to_be_fetched(transactions: list[Any]) -> None:
    assert told(transactions=transactions) == SubscriptionTouched(processor_id="bt_1", customer_processor_id=None)


@pytest.mark.parametrize("kind", ["check", "dispute_opened", "subscription_of_tomorrow", "transaction_settled"])
def test_a_kind_that_nothing_here_reads_tells_nothing(kind: str) -> None:
    assert told(kind) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"id": "x" * 121},
        {"status": 1},
        {"plan_id": True},
        {"plan_id": []},
        {"add_ons": "none"},
        {"add_ons": [{"id": "seat"}]},
        {"add_ons": [{"id": "seat", "quantity": "7"}]},
        {"add_ons": [{"id": "seat", "quantity": -1}]},
        {"add_ons": [{"id": "seat", "quantity": 2**31}]},
        {"add_ons": [{"id": "seat", "quantity": True}]},
        {"transactions": {"customer": {"id": "cus_1"}}},
        {"transactions": [{"customer": "cus_1"}]},
        {"trial_period": "true"},
        {"current_billing_cycle": "1"},
        {"billing_period_end_date": "soon"},
        {"billing_period_end_date": 20261221},
        {"status_history": [{"status": "Canceled", "timestamp": "later"}]},
        {"status_history": [{"status": "Canceled", "timestamp": "0001-01-01T00:00:00+01:00"}]},
    ],
)
def test_what_does_not_fit_is_refused_and_not_repeated(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent) as refused:
        told(**changes)

    assert "seat" not in str(refused.value)


@pytest.mark.parametrize("subject", ["", written("subject", {"subscription": None}), written("subject", {"other": {}})])
def test_a_notification_about_no_subscription_is_unreadable(subject: str) -> None:
    event = PROCESSOR.stored(ACCOUNT.signed("subscription_canceled", subject))

    with pytest.raises(UnreadableEvent):
        PROCESSOR.news(event)


def test_the_last_day_of_the_calendar_has_an_end() -> None:
    assert state(billing_period_end_date=date.max).items[0].current_period_end == datetime.max.replace(tzinfo=UTC)
