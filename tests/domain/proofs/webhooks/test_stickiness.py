"""What has ended stays so: the walks notice a fold that lets anything lead out of an end."""

from collections.abc import Iterable

from domain.billing import lifecycle
from domain.billing.facts import Fact, Folded, fold
from domain.proofs.webhooks import model
from domain.proofs.webhooks.stories import MS, Notice
from domain.proofs.webhooks.walks import Act, Walk
from tests.support.folding import judge
from tests.support.torture import numbered, shrunk

WALKS = 100


def forgetful(facts: Iterable[Fact]) -> Folded:
    """Fold as if an end were a state like others: whatever is dated after it takes its place."""
    ordered = sorted(facts, key=lambda fact: (fact.occurred_at, fact.rank, fact.event_id.encode()))
    living = [place for place, fact in enumerate(ordered) if not lifecycle.terminal(fact.state)]
    last = living[-1] if living else -1
    return fold(fact for place, fact in enumerate(ordered) if place > last or not lifecycle.terminal(fact.state))


def walks() -> list[Walk]:
    return [numbered(1, number) for number in range(WALKS)]


def test_the_fold_shows_nothing_wrong_on_any_walk() -> None:
    for walk in walks():
        assert judge(walk, fold) == [], "\n".join(walk.lines())


async def test_a_fold_that_forgets_ends_is_caught_and_told_small() -> None:
    async def fails(walk: Walk) -> bool:
        return bool(judge(walk, forgetful))

    caught = [walk for walk in walks() if judge(walk, forgetful)]

    assert len(caught) > WALKS // 10
    smallest = await shrunk(caught[0], fails)
    assert len(smallest.story.changes) <= 3
    assert "active" in judge(smallest, forgetful)[0] or "trialing" in judge(smallest, forgetful)[0]


def over(notice: Notice) -> bool:
    return model.over(model.seen(notice.document))


def test_news_from_before_an_end_is_dated_after_it_on_some_walks() -> None:
    found = 0
    for walk in walks():
        arrived = [walk.notices[step.notice] for step in walk.steps if step.notice]
        ends = {notice.subscription: notice.second for notice in arrived if over(notice)}
        found += sum(not over(late) and late.second > ends.get(late.subscription, late.second) for late in arrived)

    assert found > WALKS // 10


def test_on_some_walks_an_answer_from_before_an_end_is_dated_after_the_event_that_tells_of_it() -> None:
    found = 0
    for walk in walks():
        asked = [step.at for step in walk.steps if step.act in {Act.ASK, Act.ASK_SLOWLY}]
        ends = [notice for notice in walk.story.notices if over(notice)]
        found += sum(end.second * MS < at - walk.skew and at < end.at for end in ends for at in asked)

    assert found > 0
