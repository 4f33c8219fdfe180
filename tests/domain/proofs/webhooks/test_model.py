"""The reference model, against stories told by hand: what it forbids, and what it leaves open."""

from dataclasses import replace

import pytest

from domain.proofs.webhooks import model
from domain.proofs.webhooks.model import ANSWERED, CHANGED, CREATED, DELETED, MS, Said, Seen

ACTIVE = Seen(status="active", items=(("price_a", 5), ("price_b", None)))
SMALLER = replace(ACTIVE, items=(("price_a", 3),))
PAST_DUE = replace(ACTIVE, status="past_due")
UNPAID = replace(ACTIVE, status="unpaid")
ENDED = replace(ACTIVE, status="canceled", ended_at=9)
PAUSED = replace(ACTIVE, paused_collection=True)


def said(second: float, seen: Seen, *, rank: int = CHANGED, id: str | None = None) -> Said:
    return Said(id=id or f"evt_{second}_{seen.status}_{rank}", at=round(second * MS), rank=rank, seen=seen)


@pytest.mark.parametrize("seen", [UNPAID, ENDED, PAUSED, replace(ACTIVE, status="paused"), replace(ACTIVE, ended_at=1)])
def test_what_grants_nothing(seen: Seen) -> None:
    assert model.grants(seen) is None


def test_a_price_without_a_quantity_grants_none_of_it() -> None:
    assert model.grants(ACTIVE) == {"price_a": 5, "price_b": 0}


@pytest.mark.parametrize(
    ("lesser", "greater", "within"),
    [
        (SMALLER, ACTIVE, True),
        (ACTIVE, SMALLER, False),
        (PAST_DUE, ACTIVE, True),
        (ACTIVE, PAST_DUE, False),
        (PAST_DUE, PAST_DUE, True),
        (UNPAID, ENDED, True),
        (SMALLER, UNPAID, False),
        (replace(SMALLER, items=(("price_c", 1),)), ACTIVE, False),
    ],
)
def test_one_grant_lies_within_another(lesser: Seen, greater: Seen, *, within: bool) -> None:
    assert model.within(lesser, greater) is within


class TestTrouble:
    def test_the_last_one_by_time_decides_whenever_it_came(self) -> None:
        told = [said(2, SMALLER), said(1, ACTIVE)]

        assert model.trouble(told, SMALLER) is None
        assert "evt_2_active_1 says active {'price_a': 3}" in (model.trouble(told, ACTIVE) or "")

    def test_who_decides_alone_is_shown_whole(self) -> None:
        trouble = model.trouble([said(1, ACTIVE)], replace(ACTIVE, cancel_at_period_end=True))

        assert trouble == "evt_1_active_1 decides alone, and cancel_at_period_end is True and should be False"

    def test_two_of_one_second_let_no_more_through_than_both_say(self) -> None:
        told = [said(1, SMALLER), said(1, PAST_DUE)]
        both = replace(SMALLER, status="past_due")

        assert model.trouble(told, both) is None
        assert model.trouble(told, SMALLER) is not None
        assert model.trouble(told, PAST_DUE) is not None

    def test_an_answer_decides_against_the_events_before_it_and_not_after_it(self) -> None:
        answer = said(1.5, SMALLER, rank=ANSWERED)

        assert model.trouble([said(1, ACTIVE), answer], SMALLER) is None
        assert model.trouble([said(2, ACTIVE), answer], SMALLER) is not None

    def test_within_a_second_creation_comes_first_and_the_end_last(self) -> None:
        told = [said(1, ENDED, rank=DELETED), said(1, SMALLER), said(1, ACTIVE, rank=CREATED)]

        assert model.trouble(told, ENDED) is None
        assert model.trouble(told[1:], SMALLER) is None

    def test_what_has_ended_grants_nothing_until_a_later_answer(self) -> None:
        told = [said(1, ENDED, rank=DELETED), said(2, ACTIVE)]

        assert model.trouble(told, ACTIVE) is not None
        assert model.trouble([*told, said(1.5, ACTIVE, rank=ANSWERED)], ACTIVE) is not None
        assert model.trouble([*told, said(2, ACTIVE, rank=ANSWERED)], ACTIVE) is None

    def test_an_end_heard_of_after_a_wrong_answer_holds_against_later_events(self) -> None:
        wrong = said(2, ACTIVE, rank=ANSWERED)
        told = [said(1, ENDED, rank=DELETED), wrong, said(3, ENDED, rank=ANSWERED), said(4, ACTIVE)]

        assert model.trouble(told, ENDED) is None
        assert model.trouble(told, ACTIVE) is not None
        assert model.trouble([*told, said(3.5, ACTIVE, rank=ANSWERED)], ACTIVE) is not None

    def test_nothing_is_shown_before_anything_was_told_and_something_afterwards(self) -> None:
        assert model.trouble([], None) is None
        assert model.trouble([], ACTIVE) == "something is shown of which nobody has told"
        assert model.trouble([said(1, ACTIVE)], None) == "nothing is shown of what was told"


def test_past_due_begins_with_the_first_one_of_the_last_run() -> None:
    told = [said(4, PAST_DUE), said(1, PAST_DUE), said(2, ACTIVE), said(3, PAST_DUE)]

    assert model.past_due_since(told) == 3000
    assert model.past_due_since([*told, said(5, UNPAID)]) is None


def test_what_is_not_shown_differs_in_nothing() -> None:
    assert model.differences(ACTIVE, {"status": "active"}) == []
    assert model.differences(ACTIVE, {"status": "past_due", "items": ()}) == [
        "status is 'past_due' and should be 'active'",
        "items is () and should be (('price_a', 5), ('price_b', None))",
    ]
