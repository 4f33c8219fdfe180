"""Walks: every way to deliver badly occurs, a seed walks the same, and a walk that fails is made small."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.proofs.webhooks.stories import MS
from domain.proofs.webhooks.walks import LATE_REPLAY, Act, Walk
from tests.support.torture import numbered, shrunk

numbers = st.integers(0, 10**6)


@given(numbers)
def test_a_seed_walks_the_same_way(number: int) -> None:
    assert numbered(1, number).lines() == numbered(1, number).lines()


@given(numbers)
def test_no_event_comes_before_it_has_happened_and_without_loss_each_comes(number: int) -> None:
    walk = numbered(1, number, lossy=False)

    assert walk.lost == []
    assert all(step.notice is None or step.at >= walk.notices[step.notice].at for step in walk.steps)
    assert [step.at for step in walk.steps] == sorted(step.at for step in walk.steps)


def test_the_walks_of_a_seed_have_every_way_to_deliver_badly() -> None:
    walks = [numbered(1, number) for number in range(100)]

    arrivals = {number: [step for step in walk.steps if step.notice] for number, walk in enumerate(walks)}
    orders = [[walk.notices[step.notice].at for step in walk.steps if step.notice] for walk in walks]
    assert any(walk.lost for walk in walks)
    assert any(not walk.lost for walk in walks)
    assert any(order != sorted(order) for order in orders)
    assert any(len({step.notice for step in steps}) < len(steps) for steps in arrivals.values())
    assert any(
        step.at - walks[number].notices[step.notice].at >= LATE_REPLAY
        for number, steps in arrivals.items()
        for step in steps
        if step.notice
    )
    assert {step.act for walk in walks for step in walk.steps} == set(Act)
    assert len({walk.skew for walk in walks}) > 2


@given(numbers)
def test_a_smaller_walk_is_smaller_and_delivers_only_what_happened(number: int) -> None:
    walk = numbered(1, number)
    for smaller in walk.smaller():
        assert size(smaller) < size(walk)
        assert all(step.notice in smaller.notices for step in smaller.steps if step.notice)
        # What was not lost before is not lost now: that would be another fault.
        assert len(smaller.lost) <= len(walk.lost)


async def test_a_walk_is_shrunk_to_what_its_failure_needs() -> None:
    async def fails(walk: Walk) -> bool:
        """Fail when something that happened later arrives a second or more before something that happened earlier."""
        order = [walk.notices[step.notice].at for step in walk.steps if step.notice]
        return any(later - earlier >= MS for later, earlier in pairwise(order))

    walk = numbered(1, 5, lossy=False)
    assert await fails(walk)
    assert size(walk) > 12

    smallest = await shrunk(walk, fails)

    assert await fails(smallest)
    assert (len(smallest.story.changes), len(smallest.steps), smallest.skew) == (2, 2, 0)


def size(walk: Walk) -> int:
    return len(walk.story.changes) + len(walk.steps) + (walk.skew != 0)
