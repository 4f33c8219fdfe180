"""The adversary: in which order the events of a story come, how often, how late, and which of them never. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from domain.proofs.webhooks.documents import DAY
from domain.proofs.webhooks.stories import MS, Change, Notice, Shape, Story, tell

LATE_REPLAY = 30 * DAY * MS
LOST_SHARE = 0.25
DUPLICATED_SHARE = 0.3
ASKED_SHARE = 0.5
# Of the processor's clock against ours; both keep within the five seconds that the mirror allows for.
SKEWS = (0, 0, 0, -2500, 1000, 3000)


class Act(StrEnum):
    """What the receiver meets: an event; its worker's turn; a question after everything, answered at once or slowly."""

    ARRIVE = "arrives"
    WORK = "the worker has its turn"
    ASK = "everything is asked for"
    ASK_SLOWLY = "everything is asked for, and the first answer is on its way while the next event arrives"


TURNS = (Act.WORK, Act.WORK, Act.ASK, Act.ASK_SLOWLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens at this instant of the processor's clock; `notice` is the event that arrives."""

    at: int
    act: Act = Act.ARRIVE
    notice: str | None = None


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A story and how it is delivered. The processor's clock is `skew` milliseconds ahead of the receiver's."""

    story: Story
    steps: tuple[Step, ...]
    skew: int = 0

    @cached_property
    def notices(self) -> dict[str, Notice]:
        """Find events by id."""
        return {notice.id: notice for notice in self.story.notices}

    @property
    def lost(self) -> list[str]:
        """List the events that never arrive."""
        arriving = {step.notice for step in self.steps}
        return [id for id in self.notices if id not in arriving]

    def lines(self) -> list[str]:
        """Tell the walk to a person: what happened, then what arrived when."""
        began = self.story.begins_at
        told = [f"processor's clock {self.skew} ms ahead", *self.story.lines()]
        for step in self.steps:
            what = step.act.value if step.notice is None else self._line(self.notices[step.notice])
            told.append(f"at +{(step.at - began) / MS:.3f} s: {what}")
        return [*told, *(f"never: {self._line(self.notices[id])}" for id in self.lost)]

    def _line(self, notice: Notice) -> str:
        since = notice.second - self.story.begins_at // MS
        return f"{notice.type} {notice.id} of {notice.subscription}, created +{since} s"

    def smaller(self) -> Iterator["Walk"]:
        """Yield walks with one thing less: a change with its events, a repeated delivery, a turn, skew."""
        if self.skew:
            yield replace(self, skew=0)
        for change in reversed(self.story.changes):
            if self.story.without(change).changes:
                yield self._without(change)
        for number, step in enumerate(self.steps):
            others = self.steps[:number] + self.steps[number + 1 :]
            if step.notice is None or any(other.notice == step.notice for other in others):
                yield replace(self, steps=others)

    def _without(self, change: Change) -> "Walk":
        story = self.story.without(change)
        # What comes first now is told by another event than before: it takes the place of the former one.
        heirs: dict[str | None, str | None] = {None: None}
        kept = {(notice.subscription, notice.at): notice.id for notice in story.notices}
        by_id = {notice.id for notice in story.notices}
        for notice in self.story.notices:
            heir = notice.id if notice.id in by_id else kept.get((notice.subscription, notice.at))
            if heir is not None:
                heirs[notice.id] = heir
        steps = tuple(replace(step, notice=heirs[step.notice]) for step in self.steps if step.notice in heirs)
        return replace(self, story=story, steps=steps)


def walk(seed: str, shape: Shape, *, customer: str, name: str, ends_at: int, lossy: bool = True) -> Walk:
    """Tell the story of a seed and deliver it as badly as the same seed wants. Without `lossy` everything arrives."""
    story = tell(seed, shape, customer=customer, name=name, ends_at=ends_at)
    chance = random.Random(f"{seed}/adversary")  # noqa: S311 - a walk is no secret
    adversary = _Adversary(chance, lossy=lossy, asks_around_ends=shape.stragglers)
    return Walk(story=story, steps=adversary.steps(story), skew=adversary.skew)


class _Adversary:
    def __init__(self, chance: random.Random, *, lossy: bool, asks_around_ends: bool) -> None:
        self._chance = chance
        self._asks_around_ends = asks_around_ends
        self.skew = chance.choice(SKEWS)
        self._lost_share = LOST_SHARE if lossy and chance.random() < 0.5 else 0.0  # noqa: PLR2004 - every other walk
        # Some networks are only slow, and some are mad: how late an event is at the most.
        self._latest = chance.choice((1, 10, 3600, 2 * DAY, 45 * DAY)) * MS

    def steps(self, story: Story) -> tuple[Step, ...]:
        """Say what comes when; what is due at once comes in the order of its making."""
        found = [step for notice in story.notices for step in self._of(notice)]
        return tuple(sorted(found, key=lambda step: step.at))

    def _of(self, notice: Notice) -> Iterator[Step]:
        chance = self._chance
        while chance.random() < DUPLICATED_SHARE:
            # Workers run and commands are answered at any instant, also within the second in which something happens.
            yield Step(at=notice.at + chance.randint(-MS, 6 * MS), act=chance.choice(TURNS))
        if self._asks_around_ends and notice.document["ended_at"] is not None and chance.random() < ASKED_SHARE:
            # An answer of the last second before the end is no younger than the event that tells of it.
            yield Step(at=notice.at + chance.randint(-MS, MS), act=chance.choice((Act.ASK, Act.ASK_SLOWLY)))
        if chance.random() < self._lost_share:
            return
        at = notice.at + self._delay()
        yield Step(at=at, notice=notice.id)
        while chance.random() < DUPLICATED_SHARE:
            again = chance.choice((0, self._delay(), LATE_REPLAY + self._delay()))
            yield Step(at=at + again, notice=notice.id)

    def _delay(self) -> int:
        chance = self._chance
        return chance.choice((0, chance.randint(0, MS), chance.randint(0, 8 * MS), chance.randint(0, self._latest)))
