"""The comparison of one customer's facts, rows and processor: pure, everything it judges by is in its arguments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.billing import facts, lifecycle
from domain.billing.access import AccessOf, Standing
from domain.billing.facts import Fact, FactSource, Folded
from domain.billing.purchases import Prices
from domain.billing.reconciling.models import DriftAccess, DriftKind
from domain.billing.reconciling.values import (
    Comparison,
    Finding,
    Holding,
    Mirrored,
    MissedEvent,
)
from domain.billing.states import ProcessorName, Snapshot, SubscriptionState
from domain.ids import SubscriptionId

STALE = timedelta(hours=72)
"""How long after its period's end a row may be without news before it is confirmed."""
IN_THE_POST = timedelta(minutes=5)
"""How long an event may take to arrive before it counts as lost, where nothing else depends on it."""


def compare(holding: Holding, *, access_of: AccessOf, prices: Prices, patience: timedelta, now: datetime) -> Comparison:
    """Compare three ways. Events younger than `patience` are still on their way, and so is what they explain."""
    pairs = list(_pairs(holding))
    moved = [pair for pair in pairs if not pair.waits(patience)]
    effect = _Effect.of(holding, pairs, access_of, now)
    findings = [
        effect.told(
            Finding(
                kind=kind,
                processor_id=pair.processor_id,
                customer_id=holding.customer_id,
                heals=pair.truth is not None,
            ),
            pair,
        )
        for pair in moved
        if (kind := pair.kind(patience)) is not None
    ]
    findings += _unknown_prices(holding, prices)
    findings += _duplicates(holding, pairs, prices)
    findings += _wrong_quantities(holding)
    due = {pair.processor_id: pair.truth for pair in moved if pair.truth is not None and pair.worth_a_fact(now)}
    return Comparison(findings=tuple(findings), due=due)


def without_row(snapshot: Snapshot, *, processor: ProcessorName, access_of: AccessOf, now: datetime) -> Finding:
    """Tell of a live subscription whose customer is linked to nobody: it is paid for, and gives nobody anything."""
    standing = _standing(SubscriptionId(""), processor, snapshot.state, None, now)
    keys = access_of([standing], now=now).above(access_of([], now=now))
    return Finding(
        kind=DriftKind.CUSTOMER_WITHOUT_ROW,
        processor_id=snapshot.processor_id,
        customer_id=None,
        access=DriftAccess.WRONGLY_WITHHELD if keys else DriftAccess.UNCHANGED,
        keys=tuple(sorted(keys)),
        since=_period_start(snapshot.state) if keys else None,
    )


def stale(state: SubscriptionState, *, last_fact_at: datetime, now: datetime) -> bool:
    """Say whether a live row's period is over for so long without news that the processor should be asked."""
    end = lifecycle.period_end(state)
    if end is None or lifecycle.ended(state):
        return False
    # Subtracting keeps a period at the end of the calendar within it.
    return max(end, last_fact_at) <= now - STALE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """One subscription on both sides. `truth` None: nobody can tell, so the row stays as it is.

    `ascribed`: the processor knows it as another customer's, and only a person can tell who is right.
    """

    processor_id: str
    mirrored: Mirrored | None
    truth: SubscriptionState | None
    ascribed: bool
    missed: tuple[MissedEvent, ...]
    asked_at: datetime
    processor_time: datetime

    @property
    def differs(self) -> bool:
        return self.truth is not None and (self.mirrored is None or self.mirrored.row.state != self.truth)

    @property
    def misfolded(self) -> bool:
        """Say whether the row is not the fold of its facts: somebody else has written it."""
        if self.mirrored is None:
            return False
        row, folded = self.mirrored.row, _folded(self.mirrored.facts)
        return folded is None or (row.state, row.past_due_since) != (folded.state, folded.past_due_since)

    def waits(self, patience: timedelta) -> bool:
        """Say whether news of it is under way: in the post, or arrived after the processor was asked."""
        asked = facts.number(self.asked_at)
        if self.mirrored is not None and any(fact.sequence > asked for fact in self.mirrored.facts):
            return True
        return any(event.occurred_at > self.processor_time - patience for event in self.missed)

    def kind(self, patience: timedelta) -> DriftKind | None:
        """Name the disagreement; what a fetch is owed for is known to be unsure, and none."""
        if self.ascribed:
            return DriftKind.EDITED_ELSEWHERE
        if self.differs and self.missed:
            return DriftKind.MISSED_EVENT
        if self.differs and self.mirrored is None:
            return DriftKind.CUSTOMER_WITHOUT_ROW
        owed = self.mirrored is not None and self.mirrored.fetch_owed
        if self.misfolded or (self.differs and not owed):
            return DriftKind.EDITED_ELSEWHERE
        lost = self.processor_time - max(patience, IN_THE_POST)
        if any(event.occurred_at <= lost and not event.stored for event in self.missed):
            return DriftKind.MISSED_EVENT
        return None

    def worth_a_fact(self, now: datetime) -> bool:
        if self.differs or self.misfolded or self.mirrored is None:
            return True
        row = self.mirrored.row
        return self.mirrored.fetch_owed or stale(row.state, last_fact_at=row.last_fact_at, now=now)

    def healed(self) -> tuple[SubscriptionState, datetime | None] | None:
        """Fold what the processor says into the facts: what the row should be, and since when it is past due.

        None: this customer should have nothing of it.
        """
        if self.ascribed:
            return None
        if self.truth is None:
            return None if self.mirrored is None else (self.mirrored.row.state, self.mirrored.row.past_due_since)
        answer = Fact(
            source=FactSource.FETCH,
            type=None,
            event_id="",
            rank=facts.rank_of(None),
            occurred_at=self.processor_time,
            sequence=facts.number(self.asked_at),
            state=self.truth,
        )
        folded = facts.fold([*(self.mirrored.facts if self.mirrored else ()), answer])
        return folded.state, folded.past_due_since

    def since(self) -> datetime | None:
        """Tell when the two sides parted, as far as anybody knows."""
        if self.missed:
            return min(event.occurred_at for event in self.missed)
        if self.truth is not None and self.truth.ended_at is not None and self.truth.ended_at <= self.processor_time:
            return self.truth.ended_at
        return _period_start(self.truth) if self.mirrored is None and self.truth is not None else None


def _folded(known: tuple[Fact, ...]) -> Folded | None:
    return facts.fold(known) if known else None


def _pairs(holding: Holding) -> Iterator[_Pair]:
    rows = {mirrored.processor_id: mirrored for mirrored in holding.mirrored}
    held = {snapshot.processor_id: snapshot.state for snapshot in holding.held}
    for processor_id in sorted(rows.keys() | held.keys()):
        yield _Pair(
            processor_id=processor_id,
            mirrored=rows.get(processor_id),
            truth=_truth(holding, rows.get(processor_id), held.get(processor_id), processor_id),
            ascribed=processor_id in holding.ascribed,
            missed=tuple(event for event in holding.missed if event.processor_id == processor_id),
            asked_at=holding.asked_at,
            processor_time=holding.processor_time,
        )


def _truth(
    holding: Holding, mirrored: Mirrored | None, held: SubscriptionState | None, processor_id: str
) -> SubscriptionState | None:
    """Give what is true of a subscription: what the processor says, or that it is gone when it knows it no more."""
    if held is not None or mirrored is None or processor_id not in holding.unknown:
        return held
    state = mirrored.row.state
    return state if lifecycle.ended(state) else lifecycle.gone(state, holding.processor_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effect:
    """What the disagreements of one customer do to its access, all together and one by one."""

    access_of: AccessOf
    now: datetime
    truths: Mapping[str, Standing]
    elsewhere: tuple[Standing, ...]
    granted: frozenset[str]
    withheld: frozenset[str]

    @classmethod
    def of(cls, holding: Holding, pairs: Sequence[_Pair], access_of: AccessOf, now: datetime) -> "_Effect":
        """Compare what the rows give with what they would give if every one were true."""
        truths = {pair.processor_id: standing for pair in pairs if (standing := _true(holding, pair)) is not None}
        rows = [mirrored.row for mirrored in holding.mirrored]
        given = access_of([*rows, *holding.elsewhere], now=now)
        due = access_of([*truths.values(), *holding.elsewhere], now=now)
        return cls(
            access_of=access_of,
            now=now,
            truths=truths,
            elsewhere=holding.elsewhere,
            granted=frozenset() if holding.closing else given.above(due),
            withheld=frozenset() if holding.closing else due.above(given),
        )

    def told(self, finding: Finding, pair: _Pair) -> Finding:
        """Add what one disagreement does by itself, where the others are put right."""
        if not self.granted and not self.withheld:
            return finding
        others = [standing for key, standing in self.truths.items() if key != pair.processor_id]
        others += self.elsewhere
        row = [pair.mirrored.row] if pair.mirrored else []
        true = [self.truths[pair.processor_id]] if pair.processor_id in self.truths else []
        given, due = self.access_of([*others, *row], now=self.now), self.access_of([*others, *true], now=self.now)
        granted, withheld = given.above(due) & self.granted, due.above(given) & self.withheld
        if not granted and not withheld:
            return finding
        access = DriftAccess.WRONGLY_GRANTED if granted else DriftAccess.WRONGLY_WITHHELD
        return replace(finding, access=access, keys=tuple(sorted(granted | withheld)), since=pair.since())


def _true(holding: Holding, pair: _Pair) -> Standing | None:
    healed = pair.healed()
    if healed is None:
        return None
    state, past_due_since = healed
    id = pair.mirrored.row.subscription_id if pair.mirrored else SubscriptionId("")
    heard_at = pair.mirrored.row.last_fact_at if pair.mirrored else holding.processor_time
    return _standing(id, holding.processor, state, past_due_since, heard_at if pair.truth is None else holding.asked_at)


def _standing(
    id: SubscriptionId,
    processor: ProcessorName,
    state: SubscriptionState,
    past_due_since: datetime | None,
    last_fact_at: datetime,
) -> Standing:
    return Standing(
        subscription_id=id,
        processor=processor,
        state=state,
        past_due_since=past_due_since,
        last_fact_at=last_fact_at,
    )


def _unknown_prices(holding: Holding, prices: Prices) -> Iterator[Finding]:
    """Find what is paid for and stands in no plan."""
    for snapshot in holding.held:
        unknown = any(not prices.is_known(item.price_id) for item in snapshot.state.items)
        if unknown and lifecycle.level(snapshot.state):
            yield _of(holding, DriftKind.UNKNOWN_PRICE, snapshot.processor_id)


def _duplicates(holding: Holding, pairs: Sequence[_Pair], prices: Prices) -> Iterator[Finding]:
    """Find every live base subscription but the one that was here first, at whichever processor."""
    known = {pair.processor_id: pair.mirrored.created_at for pair in pairs if pair.mirrored}
    live = [pair.processor_id for pair in pairs if pair.truth is not None and _live_base(pair.truth, prices)]
    live.sort(key=lambda name: (name not in known, known.get(name, holding.asked_at), name))
    if not any(_live_base(standing.state, prices) for standing in holding.elsewhere):
        live = live[1:]
    yield from (_of(holding, DriftKind.DUPLICATE_LIVE_SUBSCRIPTION, name) for name in live)


def _live_base(state: SubscriptionState, prices: Prices) -> bool:
    return not lifecycle.ended(state) and prices.has_base(item.price_id for item in state.items)


def _wrong_quantities(holding: Holding) -> Iterator[Finding]:
    """Find items of which there should be another number."""
    for snapshot in holding.held:
        wanted = (
            (holding.wanted.get((snapshot.processor_id, item.processor_id)), item) for item in snapshot.state.items
        )
        if any(number is not None and number != item.quantity for number, item in wanted):
            yield _of(holding, DriftKind.WRONG_QUANTITY, snapshot.processor_id)


def _of(holding: Holding, kind: DriftKind, processor_id: str) -> Finding:
    return Finding(kind=kind, processor_id=processor_id, customer_id=holding.customer_id)


def _period_start(state: SubscriptionState) -> datetime | None:
    return min((item.current_period_start for item in state.items if item.current_period_start), default=None)
