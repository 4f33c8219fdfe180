"""Stories of a processor: the same from a seed, whole, and in every shape that Stripe sends."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing.processors import shapes
from domain.billing.states import ProcessorName
from domain.proofs.webhooks import moves
from domain.proofs.webhooks.stories import MS, Shape, Story, tell

ENDS_AT = 1_800_000_000 * MS
seeds = st.integers(0, 10**6).map(str)


def story(seed: str, *, ties: bool = True, live: int = 0, length: int = 12, ends_at: int = ENDS_AT) -> Story:
    return tell(seed, Shape(length=length, ties=ties, live=live), customer="cus_1", name="tale", ends_at=ends_at)


@given(seeds)
def test_a_seed_tells_the_same_story_whenever_it_ends(seed: str) -> None:
    day = 86_400 * MS
    today, later = story(seed), story(seed, ends_at=ENDS_AT + day)

    assert [change.why for change in today.changes] == [change.why for change in later.changes]
    assert [change.at + day for change in today.changes] == [change.at for change in later.changes]
    assert ENDS_AT - MS < today.ends_at <= ENDS_AT


@given(seeds)
def test_the_processor_answers_what_the_events_have_told(seed: str) -> None:
    told = story(seed)
    for notice in told.notices:
        assert told.truth(notice.subscription, notice.at) == notice.document
        assert notice.event["created"] == notice.at // MS
    for subscription in told.subscriptions:
        assert told.truth(subscription, told.begins_at - 1) is None


@given(seeds)
def test_both_shapes_of_an_event_are_the_same_subscription(seed: str) -> None:
    for notice in story(seed).notices:
        read = shapes.event(notice.body, processor=ProcessorName.STRIPE)

        assert shapes.snapshot(read.payload["data"]["object"]) == shapes.snapshot(notice.document)


@given(seeds)
def test_nothing_happens_to_what_has_ended_and_ids_of_events_are_never_used_twice(seed: str) -> None:
    told = story(seed)
    ended: set[str] = set()
    for change in told.changes:
        assert change.subscription not in ended
        if change.document["ended_at"] is not None:
            ended.add(change.subscription)
    assert len({notice.id for notice in told.notices}) == len(told.notices)


@given(seeds)
def test_without_ties_no_two_states_share_a_second(seed: str) -> None:
    seconds = Counter(change.at // MS for change in story(seed, ties=False).changes)

    assert set(seconds.values()) == {1}


@given(seeds)
def test_live_changes_come_close_to_the_end(seed: str) -> None:
    told = story(seed, live=3)

    assert told.ends_at - told.changes[-3].at < 12 * MS


def test_the_stories_of_some_seeds_have_everything_that_can_happen() -> None:
    told = [story(str(seed)) for seed in range(200)]

    happened = {change.why for one in told for change in one.changes}
    assert {move.name for move in moves.MOVES} <= happened
    assert {notice.type.rpartition(".")[2] for one in told for notice in one.notices} == {
        *("created", "updated", "deleted", "paused", "resumed")
    }
    assert {change.old for one in told for change in one.changes} == {True, False}
    assert {len(one.subscriptions) for one in told} >= {1, 2, 3}
    assert any(first.at // MS == then.at // MS for one in told for first, then in pairwise(one.changes))


@pytest.mark.parametrize("number", range(3))
def test_without_its_beginning_a_story_begins_with_what_came_next(number: int) -> None:
    told = story(str(number), length=5)

    shorter = told.without(told.changes[0])

    assert len(shorter.changes) == 4
    assert shorter.notices[0].type == "customer.subscription.created"
    assert shorter.truth(told.changes[-1].subscription, told.ends_at) == told.changes[-1].document
