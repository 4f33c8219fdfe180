"""One customer at one processor: looked at, judged, and put right through the ordinary fold."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.billing import lifecycle
from domain.billing.access import Accesses
from domain.billing.customers import ProcessorAccount
from domain.billing.processors import Capability
from domain.billing.purchases import Prices
from domain.billing.reconciling import cursors, mirror
from domain.billing.reconciling.asking import Asking, Beat, Listing, nothing
from domain.billing.reconciling.comparing import compare
from domain.billing.reconciling.mirror import Missed, Misses, Shelf
from domain.billing.reconciling.values import Comparison, Finding, Holding
from domain.billing.statements import Statement
from domain.billing.states import Item, Snapshot
from domain.billing.subscriptions import BillingSubscription, ForeignSubscription, absorb
from domain.db import Database, Session
from domain.scope import Scope

Wanted = Callable[[Session, BillingSubscription, Item], Awaitable[int | None]]
"""Tells how many of an item there should be now; None when nobody says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found at one account, and the answer that it was found by."""

    account: ProcessorAccount
    listing: Listing
    comparison: Comparison
    missed: tuple[Missed, ...] = ()

    def told_as(self, first: "Looked") -> "Looked":
        """Give the findings of an earlier look with the answers of this one."""
        held = {snapshot.processor_id: snapshot.state for snapshot in self.listing.held}
        due = {id: held.get(id, state) for id, state in first.comparison.due.items()} | dict(self.comparison.due)
        comparison = Comparison(findings=first.comparison.findings, due=due)
        return replace(self, comparison=comparison, missed=first.missed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """Judges accounts of one processor. `patience`: how young an event may be to count as still on its way."""

    asking: Asking
    database: Database
    prices: Prices
    accesses: Accesses
    wanted: Wanted | None
    patience: timedelta

    async def missed(self, *, most: int | None = None, beat: Beat = nothing) -> Misses:
        """List what the processor has told since its cursor and the inbox lacks; nothing where there is no such list.

        Raises:
            UpstreamUnavailable: the processor does not answer.
        """
        processor = self.asking.processor
        if not self.asking.can(Capability.LIST_EVENTS):
            return Misses()
        now = await processor.now()
        async with self.database.snapshot() as session:
            since = await cursors.read_from(session, processor, now=now)
        told = await self.asking.events(since=since, most=most, beat=beat)
        async with self.database.snapshot() as session:
            return await mirror.missed_among(session, processor, told)

    async def at(self, account: ProcessorAccount, missed: Misses) -> Looked:
        """Ask the processor for one account and compare.

        Raises:
            UpstreamUnavailable: the processor does not answer.
        """
        listing = await self.asking.listing(account.processor_id)
        async with self.database.snapshot() as session:
            shelf = (await mirror.shelves(session, [account], self.accesses))[account.customer_id]
            wanted = await self._wanted(session, shelf, listing.held)
        listed = {snapshot.processor_id for snapshot in listing.held}
        unlisted, own = shelf.rows.keys() - listed, missed.about(shelf.rows.keys() | listed)
        fetched = {id: await self.asking.fetch(id) for id in sorted(unlisted)} if self.asking.knows_all else {}
        comparison = self._compare(account, shelf, listing, own, wanted, fetched)
        return Looked(account=account, listing=listing, comparison=comparison, missed=own)

    async def glance(
        self, accounts: Sequence[ProcessorAccount], shares: Mapping[str, Listing], empty: Listing, missed: Misses
    ) -> list[ProcessorAccount]:
        """Compare accounts with their shares of a listing of everything, `empty` being that of who has none.

        Give those that deserve a question of their own.
        """
        async with self.database.snapshot() as session:
            shelves = await mirror.shelves(session, accounts, self.accesses)
            suspects = []
            for account in accounts:
                shelf, own = shelves[account.customer_id], shares.get(account.processor_id, empty)
                wanted = await self._wanted(session, shelf, own.held)
                if account.processor_id in missed.accounts or self._suspicious(account, shelf, own, wanted):
                    suspects.append(account)
        return suspects

    def _suspicious(
        self, account: ProcessorAccount, shelf: Shelf, own: Listing, wanted: Mapping[tuple[str, str], int]
    ) -> bool:
        """Say whether a customer's rows and a listing differ in anything, what may be on its way included."""
        listed = {snapshot.processor_id for snapshot in own.held}
        live = {each.processor_id for each in shelf.mirrored if not lifecycle.ended(each.row.state)}
        if live - listed and self.asking.knows_all:
            return True
        found = self._compare(account, shelf, own, (), wanted, {})
        return bool(found.findings or found.due) or any(each.fetch_owed for each in shelf.mirrored)

    def _compare(
        self,
        account: ProcessorAccount,
        shelf: Shelf,
        listing: Listing,
        missed: Sequence[Missed],
        wanted: Mapping[tuple[str, str], int],
        fetched: Mapping[str, Snapshot | None],
    ) -> Comparison:
        """Judge one account; `fetched` are those of its rows that a listing lacks, asked for one by one."""
        of_others = {id for id, each in fetched.items() if each and each.customer_processor_id != account.processor_id}
        holding = Holding(
            customer_id=account.customer_id,
            processor=account.processor,
            mirrored=shelf.mirrored,
            elsewhere=shelf.elsewhere,
            held=listing.held,
            unknown=frozenset(id for id, snapshot in fetched.items() if snapshot is None),
            ascribed=frozenset(of_others),
            missed=tuple(event for each in missed if (event := each.of_subscription) is not None),
            asked_at=listing.asked_at,
            processor_time=listing.processor_time,
            wanted=wanted,
            closing=shelf.closing,
        )
        now = self.asking.clock.now()
        return compare(holding, access_of=shelf.access_of, prices=self.prices, patience=self.patience, now=now)

    async def _wanted(self, session: Session, shelf: Shelf, held: Sequence[Snapshot]) -> dict[tuple[str, str], int]:
        """Ask how many of each live item there should be; who has no row is asked nothing."""
        if self.wanted is None or shelf.closing:
            return {}
        found: dict[tuple[str, str], int] = {}
        for snapshot in held:
            row = shelf.rows.get(snapshot.processor_id)
            if row is None or lifecycle.ended(snapshot.state):
                continue
            for item in snapshot.state.items:
                if (number := await self.wanted(session, row, item)) is not None:
                    found[snapshot.processor_id, item.processor_id] = number
        return found


async def heal(
    session: Session, looked: Looked, *, scope: Scope, now: datetime
) -> list[tuple[Finding, datetime | None]]:
    """Fold the processor's answers into the mirror; give every finding with the instant at which it was put right."""
    healed: set[str] = set()
    for processor_id, state in looked.comparison.due.items():
        snapshot = Snapshot(
            processor_id=processor_id,
            customer_processor_id=looked.account.processor_id,
            livemode=looked.account.livemode,
            state=state,
        )
        said = Statement.fetched(
            snapshot, asked_at=looked.listing.asked_at, processor_time=looked.listing.processor_time
        )
        try:
            row = await absorb(session, said, account=looked.account, scope=scope, now=now)
        except ForeignSubscription:
            # The mirror has it under another customer, and only a person can tell who is right.
            continue
        if row.current == state:
            healed.add(processor_id)
    return [
        (finding, now if finding.heals and _is_healed(looked, finding, healed) else None)
        for finding in looked.comparison.findings
    ]


def _is_healed(looked: Looked, finding: Finding, healed: set[str]) -> bool:
    """Say whether a finding is put right: its answer is folded in, or the lost event alone was all that lacked."""
    return finding.processor_id in healed or finding.processor_id not in looked.comparison.due
