"""Walks through the real inbox: events as the adversary sends them, and a processor that answers the truth."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import select

from domain.billing import (
    Access,
    AccessOf,
    BillingSubscription,
    CustomerReconciling,
    ProcessorAccount,
    ProcessorName,
    Reconciling,
    Standing,
)
from domain.billing.processors import shapes
from domain.billing.processors.fake import FakeProcessor
from domain.billing.states import Snapshot, SubscriptionState
from domain.db import Database, Session
from domain.proofs.webhooks import model
from domain.proofs.webhooks.model import Said, Seen
from domain.proofs.webhooks.stories import MS, Shape
from domain.proofs.webhooks.walks import Act, Step, Walk, walk
from domain.scope import Actor, ActorKind, Scope
from tests.support.billing import SECRET, Mirror, customer, linked, mirror_of
from tests.support.clock import FixedClock

LENGTH = 9
ENDS_AT = 1_800_000_000 * MS
# By the third or fourth round the wait for a fetch is minutes long; the clock of a test has time.
MOST_ROUNDS = 8
AFTERWARDS = timedelta(minutes=10)


def milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * MS)


class TruthfulProcessor(FakeProcessor):
    """Knows one story, and what had happened in it by now; its clock is ahead of ours by the walk's skew."""

    def __init__(self, *, database: Database, clock: FixedClock) -> None:
        super().__init__(database=database, clock=clock, webhook_secrets=[SECRET])
        self.walk: Walk | None = None
        self.answers: dict[str, list[Said]] = {}
        self.listed: set[str] = set()
        self._ours = clock
        self._numbers = count()
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def now(self) -> datetime:
        return self._ours.now()

    async def list_subscriptions(self, customer_processor_id: str | None = None) -> AsyncIterator[Snapshot]:
        assert self.walk is not None
        assert customer_processor_id == self.walk.story.customer, "one customer is asked about at a time"
        for subscription in self.walk.story.subscriptions:
            if (found := await self.fetch(subscription)) is not None:
                self.listed.add(self.answers[subscription][-1].id)
                yield found

    async def fetch(self, processor_id: str) -> Snapshot | None:
        assert self.walk is not None
        asked_at = milliseconds(self._ours.now())
        document = self.walk.story.truth(processor_id, asked_at + self.walk.skew)
        if document is None:
            return None
        # Ids of our own sort after every event's, as the mirror's do.
        said = Said(id=f"fetch_{next(self._numbers):09}", at=asked_at, rank=model.ANSWERED, seen=model.seen(document))
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        self.answers.setdefault(processor_id, []).append(said)
        return shapes.snapshot(document)


def shown(row: BillingSubscription) -> Seen:
    """Read a row of the mirror as the reference sees a subscription."""
    return seen_in(row.current)


def seen_in(state: SubscriptionState) -> Seen:
    """Read a state of the mirror as the reference sees a subscription."""
    items = ((item.price_id, item.quantity) for item in state.items)
    return Seen(
        status=state.status,
        items=tuple(sorted(items, key=repr)),
        paused_collection=state.pause_collection is not None,
        cancel_at_period_end=state.cancel_at_period_end,
        cancel_at=None if state.cancel_at is None else int(state.cancel_at.timestamp()),
        ended_at=None if state.ended_at is None else int(state.ended_at.timestamp()),
    )


Reconcile = Callable[["Arena", Walk], Awaitable[None]]


async def fetch_everything(arena: "Arena", walk: Walk) -> None:
    """Ask for every subscription there is, as one who has lost events must."""
    now = milliseconds(arena.clock.now()) + walk.skew
    for subscription in walk.story.subscriptions:
        if walk.story.truth(subscription, now) is not None:
            await arena.mirror.fetches.deliver({"processor": ProcessorName.FAKE, "processor_id": subscription})


class EveryPrice:
    """A catalog that knows every price and gives nothing for any."""

    def is_known(self, _: str) -> bool:
        return True

    def has_base(self, _: Iterable[str]) -> bool:
        return False

    def is_add_on(self, _: str) -> bool:
        return True


class NothingGiven:
    """A catalog without any plan."""

    async def of(self, session: Session, customer_ids: Sequence[str]) -> dict[str, AccessOf]:
        return dict.fromkeys(customer_ids, self.of_nobody)

    def of_nobody(self, rows: Sequence[Standing], *, now: datetime) -> Access:
        return Access(seat_limit="seats")


async def reconcile_customer(arena: "Arena", walk: Walk) -> None:
    """Have the customer compared with what the processor holds, as the worker does with everybody once a day."""
    reconciling = Reconciling(
        database=arena.database,
        clock=arena.clock,
        processors=arena.mirror.inbox.processors,
        inbox=arena.mirror.inbox,
        prices=EveryPrice(),
        accesses=NothingGiven(),
    )
    async with arena.database.snapshot() as session:
        account = await session.get_one(ProcessorAccount, (ProcessorName.FAKE, False, walk.story.customer))
    administrator = Scope(actor=Actor(kind=ActorKind.USER, id="usr_ada"), administrator=True)
    asked = CustomerReconciling(reconciling=reconciling)
    await asked.reconcile(scope=administrator, customer_id=account.customer_id)


@dataclass(kw_only=True)
class Arena:
    """A database, a clock that is moved, and the rooms that receive and ask."""

    database: Database
    clock: FixedClock
    reconcile: Reconcile = reconcile_customer
    processor: TruthfulProcessor = field(init=False)
    mirror: Mirror = field(init=False)
    customers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.processor = TruthfulProcessor(database=self.database, clock=self.clock)
        self.mirror = mirror_of(self.database, self.clock, self.processor)

    async def rows(self, processor_ids: Sequence[str]) -> dict[str, BillingSubscription]:
        """Read what the mirror shows of these; the database may hold the subscriptions of many walks."""
        query = select(BillingSubscription).where(BillingSubscription.processor_id.in_(processor_ids))
        async with self.database.snapshot() as session:
            return {row.processor_id: row for row in (await session.execute(query)).scalars()}

    async def run(self, walk: Walk) -> list[str]:
        """Go the whole way and say everything that was wrong on it."""
        return await _Run(self, walk).through()


class _Run:
    def __init__(self, arena: Arena, walk: Walk) -> None:
        self.arena, self.walk = arena, walk
        self.steps = deque(walk.steps)
        self.told: dict[str, list[Said]] = {}
        self.wrong: list[str] = []

    async def through(self) -> list[str]:
        arena, story = self.arena, self.walk.story
        arena.processor.walk, arena.processor.answers = self.walk, {}
        self.move_to(story.begins_at)
        made = await customer(arena.database, arena.clock, f"org_{next(arena.customers)}")
        await linked(arena.database, arena.clock, made.id, story.customer)
        while self.steps:
            await self.go(self.steps.popleft())
        self.move_to(story.ends_at)
        await self.settle()
        return self.wrong

    def move_to(self, at: int) -> None:
        """Move the clock forward, one millisecond at the least: two readings of a real one differ."""
        instant = datetime.fromtimestamp((at - self.walk.skew) / MS, UTC)
        first = not self.told and not self.arena.processor.answers
        earliest = instant if first else self.arena.clock.now() + timedelta(milliseconds=1)
        self.arena.clock._now = max(instant, earliest)

    async def go(self, step: Step) -> None:
        self.move_to(step.at)
        match step.act:
            case Act.ARRIVE:
                assert step.notice is not None
                await self.deliver(step.notice)
            case Act.WORK:
                await self.work()
            case Act.ASK | Act.ASK_SLOWLY:
                self.arena.processor.meanwhile = self.next_arrival if step.act is Act.ASK_SLOWLY else None
                await fetch_everything(self.arena, self.walk)
                self.arena.processor.meanwhile = None
        await self.look(f"at +{(step.at - self.walk.story.begins_at) / MS:.3f} s")

    async def next_arrival(self) -> None:
        if self.steps and (notice := self.steps[0].notice) is not None:
            self.move_to(self.steps.popleft().at)
            await self.deliver(notice)

    async def deliver(self, id: str) -> None:
        notice = self.walk.notices[id]
        await self.arena.mirror.post_body(notice.body)
        said = Said(id=id, at=notice.second * MS, rank=model.rank(notice.type), seen=model.seen(notice.document))
        self.told.setdefault(notice.subscription, []).append(said)

    async def work(self) -> int:
        return await self.arena.mirror.inbox.retry_due() + await self.arena.mirror.fetches.settle_owed()

    async def look(self, when: str) -> dict[str, BillingSubscription]:
        rows = await self.arena.rows(self.walk.story.subscriptions)
        for subscription in self.walk.story.subscriptions:
            row = rows.get(subscription)
            told = [*self.told.get(subscription, []), *self.arena.processor.answers.get(subscription, [])]
            found = model.trouble(told, None if row is None else shown(row))
            if found is not None:
                self.wrong.append(f"{when} {subscription}: {found}")
        return rows

    async def settle(self) -> None:
        if self.walk.lost:
            await self.arena.reconcile(self.arena, self.walk)
        for _ in range(MOST_ROUNDS):
            self.arena.clock.forward(seconds=AFTERWARDS.total_seconds())
            if not await self.work():
                break
        else:
            self.wrong.append(f"after {MOST_ROUNDS} rounds the worker still has something to do")
        rows = await self.look("at the end")
        for subscription in self.walk.story.subscriptions:
            if row := rows.get(subscription):
                self.compare(subscription, row)
            else:
                self.wrong.append(f"at the end {subscription}: it is not there")

    def compare(self, subscription: str, row: BillingSubscription) -> None:
        truth = self.walk.story.truth(subscription, self.walk.story.ends_at)
        if truth is None:
            return
        if row.fetch_owed:
            self.wrong.append(f"at the end {subscription}: a fetch is still owed")
        self.wrong.extend(
            f"at the end {subscription}: {it}" for it in model.differences(model.seen(truth), model.fields(shown(row)))
        )
        if row.current != shapes.snapshot(truth).state:
            self.wrong.append(f"at the end {subscription}: periods or trial differ from the truth")
        self.compare_past_due(subscription, row)

    def compare_past_due(self, subscription: str, row: BillingSubscription) -> None:
        told = [*self.told.get(subscription, []), *self.arena.processor.answers.get(subscription, [])]
        # What a list shows and is so already need not be written down.
        kept = [said for said in told if said.id not in self.arena.processor.listed]
        since = model.past_due_since(told)
        has = None if row.past_due_since is None else milliseconds(row.past_due_since)
        if has not in {since, model.past_due_since(kept)}:
            self.wrong.append(f"at the end {subscription}: past due since {has}, and what was told says {since}")


async def shrunk(walk: Walk, fails: Callable[[Walk], Awaitable[bool]]) -> Walk:
    """Take away what is not needed for the walk to fail, one thing after the other, until everything is needed."""
    for smaller in walk.smaller():
        if await fails(smaller):
            return await shrunk(smaller, fails)
    return walk


def numbered(seed: int, number: int, *, length: int = LENGTH, lossy: bool = True) -> Walk:
    """Make one of a seed's walks; names are its own, so that many can share a database."""
    name, shape = f"{seed}_{number}", Shape(length=length, stragglers=True)
    return walk(f"{seed}/{number}", shape, customer=f"cus_{name}", name=name, ends_at=ENDS_AT, lossy=lossy)


def arena(database: Database, clock: FixedClock) -> Arena:
    return Arena(database=database, clock=clock)
