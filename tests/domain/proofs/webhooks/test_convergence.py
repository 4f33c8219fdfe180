"""Whatever order, repetition, loss and delay: the mirror ends where the processor is, and never grants more on the way.

The reference model knows nothing of the fold that is judged here.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations, count, permutations

import pytest

from domain.billing.facts import Fact, Folded, fold
from domain.billing.processors import shapes
from domain.db import Database
from domain.proofs.webhooks import model
from domain.proofs.webhooks.documents import Document
from domain.proofs.webhooks.stories import MS, Change, Notice, Shape, Story, tell
from domain.proofs.webhooks.walks import Step, Walk
from tests.support import torture
from tests.support.clock import FixedClock
from tests.support.folding import fact, said
from tests.support.torture import ENDS_AT, seen_in

WALKS = 100
SHORT = (1, 2, 3, 4, 5, 6)


def stories(events: int, number: int) -> list[Story]:
    """Tell stories of one subscription with just so many events."""
    shape = Shape(length=events, subscriptions=1)
    told = (tell(f"short/{seed}", shape, customer=f"cus_{seed}", name=f"{seed}", ends_at=ENDS_AT) for seed in count())
    fitting = (story for story in told if len(story.notices) == events and len(story.subscriptions) == 1)
    return [next(fitting) for _ in range(number)]


def end_of(story: Story) -> Document:
    [subscription] = story.subscriptions
    truth = story.truth(subscription, story.ends_at)
    assert truth is not None
    return truth


def retold(story: Story, number: int, order: Sequence[int]) -> Walk:
    """Deliver a story that is over in this order, a second apart, as somebody else's, so that many share a database."""
    other = replace(
        story,
        customer=f"{story.customer}_{number}",
        changes=tuple(renamed(change, number) for change in story.changes),
    )
    steps = (Step(at=other.ends_at + place * MS, notice=other.notices[event].id) for place, event in enumerate(order))
    return Walk(story=other, steps=tuple(steps))


def renamed(change: Change, number: int) -> Change:
    id, customer = f"{change.subscription}_{number}", f"{change.document['customer']}_{number}"
    return replace(change, subscription=id, document=change.document | {"id": id, "customer": customer})


def arriving(known: Iterable[Fact]) -> Folded:
    return fold(replace(fact, sequence=number) for number, fact in enumerate(known))


def parts(story: Story) -> Iterator[tuple[Notice, ...]]:
    return chain.from_iterable(combinations(story.notices, number) for number in range(1, len(story.notices) + 1))


@pytest.mark.parametrize("events", SHORT)
def test_every_order_of_a_short_story_folds_to_the_truth_or_owes_a_fetch_and_grants_less(events: int) -> None:
    for story in stories(events, 12):
        truth = end_of(story)
        known = [fact(notice) for notice in story.notices]

        ends = {repr(arriving(order)) for order in permutations(known)}

        end = arriving(known)
        assert ends == {repr(end)}
        if end.fetch_owed:
            assert model.within(seen_in(end.state), model.seen(truth)), "\n".join(story.lines())
        else:
            assert end.state == shapes.snapshot(truth).state, "\n".join(story.lines())


def test_some_short_stories_are_ambiguous_and_some_are_not() -> None:
    owed = [arriving([fact(notice) for notice in story.notices]).fetch_owed for story in stories(6, 12)]

    assert {True, False} == set(owed)


def test_any_part_of_a_story_grants_only_what_the_contract_allows() -> None:
    for story in stories(6, 12):
        for part in parts(story):
            shown = seen_in(arriving([fact(notice) for notice in part]).state)

            assert model.trouble(map(said, part), shown) is None, "\n".join(story.lines())


@pytest.mark.parametrize("events", [2, 3, 4])
async def test_the_inbox_comes_to_the_truth_in_every_order(database: Database, clock: FixedClock, events: int) -> None:
    arena = torture.arena(database, clock)
    [story] = stories(events, 1)
    for number, order in enumerate(permutations(range(events))):
        walk = retold(story, number, order)

        assert await arena.run(walk) == [], "\n".join(walk.lines())


async def test_the_inbox_comes_to_the_truth_in_some_orders_of_longer_stories(
    database: Database, clock: FixedClock
) -> None:
    arena, chance = torture.arena(database, clock), random.Random(6)
    for story in stories(6, 4):
        for number in range(4):
            walk = retold(story, number, chance.sample(range(6), 6))

            assert await arena.run(walk) == [], "\n".join(walk.lines())


@pytest.mark.parametrize("part", range(4))
async def test_walks_with_loss_repetition_delay_and_skew_end_in_the_truth(
    database: Database, clock: FixedClock, part: int
) -> None:
    arena = torture.arena(database, clock)
    for number in range(part * WALKS // 4, (part + 1) * WALKS // 4):
        walk = torture.numbered(1, number)

        assert await arena.run(walk) == [], "\n".join(walk.lines())
