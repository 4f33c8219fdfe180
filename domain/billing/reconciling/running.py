"""Runs over everything that processors hold, and over whatever the events are about that never arrived."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from domain.billing import lifecycle
from domain.billing.access import Accesses
from domain.billing.customers import ProcessorAccount
from domain.billing.fetches import ask_to_fetch
from domain.billing.processors import Capability, News, Processor
from domain.billing.purchases import Prices
from domain.billing.reconciling import cursors, mirror, reports
from domain.billing.reconciling.asking import Asking, Beat, Listing, nothing
from domain.billing.reconciling.comparing import stale, without_row
from domain.billing.reconciling.gaps import Gap, OnGap, mind_no_gap
from domain.billing.reconciling.looking import Looked, Looking, Wanted, heal
from domain.billing.reconciling.mirror import Misses
from domain.billing.reconciling.models import DriftReport, ReportScope
from domain.billing.reconciling.values import Finding
from domain.billing.states import ProcessorName
from domain.billing.webhooks import Inbox
from domain.clock import Clock
from domain.db import Database, Session
from domain.scope import Scope, system

log = logging.getLogger(__name__)

AT_A_TIME = 4
"""How many customers a processor is asked about at once."""
RESUMED_WITHIN = timedelta(hours=24)

Found = list[tuple[Finding, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling:
    """Compares facts, rows and processors, and puts right what a processor's answer can put right.

    `accesses` computes what subscriptions give, and `wanted` how many of an item there should be; billing is handed
    both, because it knows neither the catalog's plans nor whom seats belong to. `on_gap` is told of events that were
    lost, once they have been taken in.
    """

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]
    inbox: Inbox
    prices: Prices
    accesses: Accesses
    wanted: Wanted | None = None
    on_gap: OnGap = mind_no_gap

    async def everything(
        self,
        *,
        names: Collection[ProcessorName] | None = None,
        report_only: bool = False,
        patience: timedelta = timedelta(0),
        resume: bool = False,
        beat: Beat = nothing,
    ) -> DriftReport:
        """Compare every customer at these processors, or at all; what a processor cannot list is left out and named.

        Only a run at all of them is one of everything, and its report the one that administrators read. `resume` goes
        on with the report of a run with the same reach that a crash has cut short.

        Raises:
            UpstreamUnavailable: a processor does not answer; what was found until then stays in the unfinished report.
        """
        asked = self.processors.keys() if names is None else set(names)
        scope = ReportScope.EVERYTHING if asked == self.processors.keys() else ReportScope.PROCESSORS
        report_id = await self.database.run(partial(self._begin, scope, report_only=report_only, resume=resume))
        run = _Run(self, report_id=report_id, report_only=report_only, patience=patience, beat=beat)
        for name, processor in self.processors.items():
            if name in asked:
                await run.whole(processor)
        return await run.finish()

    async def catch_up(self, *, patience: timedelta = timedelta(0), beat: Beat = nothing) -> DriftReport | None:
        """Take in the events that never arrived, and compare the customers whom they are about.

        None when nothing was missed; then no report is left either.

        Raises:
            UpstreamUnavailable: a processor does not answer.
        """
        run = _Run(self, report_id=None, report_only=False, patience=patience, beat=beat)
        for processor in self.processors.values():
            await run.catch_up(processor)
        return None if run.report_id is None else await run.finish()

    def looking(self, processor: Processor, patience: timedelta) -> Looking:
        """Give the means of judging the accounts of one processor."""
        return Looking(
            asking=Asking(processor=processor, clock=self.clock),
            database=self.database,
            prices=self.prices,
            accesses=self.accesses,
            wanted=self.wanted,
            patience=patience,
        )

    async def _begin(self, scope: ReportScope, session: Session, *, report_only: bool, resume: bool) -> int:
        now = self.clock.now()
        found = await reports.unfinished(session, scope, since=now - RESUMED_WITHIN) if resume else None
        return (found or await reports.open_report(session, scope, report_only=report_only, now=now)).id


@dataclass(slots=True)
class _Run:
    """One run under way."""

    rooms: Reconciling
    report_id: int | None = field(kw_only=True)
    report_only: bool = field(kw_only=True)
    patience: timedelta = field(kw_only=True)
    beat: Beat = field(kw_only=True)
    scope: Scope = field(default_factory=lambda: system("worker"))
    checked: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)

    async def whole(self, processor: Processor) -> None:
        """Compare everything at one processor."""
        looking = self.rooms.looking(processor, self.patience)
        missed = await self._missed(looking)
        if not looking.asking.can(Capability.LIST):
            self.left_out.add(f"{processor.name}: {Capability.LIST}")
            await self._take_in(looking, missed)
            await self._ask_for_stale(processor)
            return
        listing = await looking.asking.listing(beat=self.beat)
        shares, empty = listing.shares(), replace(listing, held=())
        known: set[str] = set()
        after = ""
        while accounts := await self._accounts(processor, after):
            suspects = await looking.glance(accounts, shares, empty, missed)
            await self._settle(looking, suspects, missed)
            self.checked.update(account.customer_id for account in accounts)
            known.update(account.processor_id for account in accounts)
            after = accounts[-1].processor_id
            await self.beat(len(self.checked), max(len(shares), len(self.checked)))
        await self._note(processor.name, self._unlinked(looking, listing, known))
        await self._take_in(looking, missed)

    async def catch_up(self, processor: Processor) -> None:
        """Take in what one processor has told in vain."""
        looking = self.rooms.looking(processor, self.patience)
        missed = await self._missed(looking)
        lost = [each for each in missed.all if not each.stored]
        subscriptions = {id for each in lost if (id := each.told.subscription) is not None}
        if subscriptions and looking.asking.can(Capability.LIST):
            await self._open()
            async with self.rooms.database.snapshot() as session:
                named = {id for each in lost if (id := each.told.account) is not None}
                named |= await mirror.owners(session, processor, subscriptions)
            for name in sorted(named):
                async with self.rooms.database.snapshot() as session:
                    accounts = await mirror.linked(session, processor, [name])
                await self._settle(looking, accounts, missed)
                self.checked.update(account.customer_id for account in accounts)
                await self.beat(len(self.checked), None)
        await self._take_in(looking, missed)

    async def finish(self) -> DriftReport:
        """Let the report be seen."""
        assert self.report_id is not None, "a run that is finished has a report"
        now = self.rooms.clock.now()
        done = partial(
            reports.finish, report_id=self.report_id, customers=len(self.checked), left_out=self.left_out, now=now
        )
        return await self.rooms.database.run(done)

    async def _missed(self, looking: Looking) -> Misses:
        """List what the processor has told and the inbox lacks; nothing where there is no such list."""
        if not looking.asking.can(Capability.LIST_EVENTS):
            self.left_out.add(f"{looking.asking.processor.name}: {Capability.LIST_EVENTS}")
        return await looking.missed(beat=self.beat)

    async def _accounts(self, processor: Processor, after: str) -> list[ProcessorAccount]:
        async with self.rooms.database.snapshot() as session:
            return await mirror.linked(session, processor, after=after)

    async def _settle(self, looking: Looking, accounts: Sequence[ProcessorAccount], missed: Misses) -> None:
        """Look at some accounts again, a few at a time, and put right what can be."""
        for start in range(0, len(accounts), AT_A_TIME):
            some = accounts[start : start + AT_A_TIME]
            done = await asyncio.gather(
                *(self._settle_one(looking, account, missed) for account in some), return_exceptions=True
            )
            for error in done:
                if error is not None:
                    raise error
            await self.beat(len(self.checked), None)

    async def _settle_one(self, looking: Looking, account: ProcessorAccount, missed: Misses) -> None:
        looked = await looking.at(account, missed)
        if self.report_only:
            await self._note(account.processor, [(finding, None) for finding in looked.comparison.findings])
            return
        looked = await take_in_and_look_again(self.rooms.inbox, looking, looked, patience=self.patience)
        await self.rooms.database.run(partial(self._put_right, looked))

    async def _put_right(self, looked: Looked, session: Session) -> None:
        healed = await heal(session, looked, scope=self.scope, now=self.rooms.clock.now())
        assert self.report_id is not None, "who has found something has opened a report"
        await reports.note(session, self.report_id, looked.account.processor, healed)

    def _unlinked(self, looking: Looking, listing: Listing, known: set[str]) -> Found:
        """Tell of every live subscription whose customer is nobody's here."""
        name, now = looking.asking.processor.name, self.rooms.clock.now()
        return [
            (without_row(snapshot, processor=name, access_of=self.rooms.accesses.of_nobody, now=now), None)
            for snapshot in listing.held
            if snapshot.customer_processor_id not in known and not lifecycle.ended(snapshot.state)
        ]

    async def _take_in(self, looking: Looking, missed: Misses) -> None:
        """Take in what is left of the lost events, and note how far the list has been read."""
        processor = looking.asking.processor
        if self.report_only or not looking.asking.can(Capability.LIST_EVENTS):
            return
        until = await processor.now() - self.patience
        lost = [each for each in missed.all if not each.stored and each.told.event.occurred_at <= until]
        for each in lost:
            await self.rooms.inbox.take(processor.name, each.told.body)
        await self.rooms.database.run(partial(self._move, processor, until, [each.told.news for each in lost]))

    async def _move(self, processor: Processor, until: datetime, lost: Sequence[News | None], session: Session) -> None:
        unlisted = await cursors.move(session, processor, to=until)
        if lost or unlisted:
            await self.rooms.on_gap(session, Gap(processor=processor, lost=tuple(lost), unlisted=unlisted))

    async def _note(self, name: ProcessorName, found: Found) -> None:
        if found:
            assert self.report_id is not None, "who has found something has opened a report"
            noting = partial(reports.note, report_id=self.report_id, processor=name, found=found)
            await self.rooms.database.run(noting)

    async def _open(self) -> None:
        if self.report_id is None:
            scope, now = ReportScope.MISSED_EVENTS, self.rooms.clock.now()
            opening = partial(reports.open_report, scope=scope, report_only=self.report_only, now=now)
            self.report_id = (await self.rooms.database.run(opening)).id

    async def _ask_for_stale(self, processor: Processor) -> None:
        """Have rows fetched one by one that have been without news for too long, where nothing lists them."""
        after = ""
        while accounts := await self._accounts(processor, after):
            after = accounts[-1].processor_id
            if not self.report_only:
                await self.rooms.database.run(partial(self._owe_stale, accounts))

    async def _owe_stale(self, accounts: Sequence[ProcessorAccount], session: Session) -> None:
        now = self.rooms.clock.now()
        for shelf in (await mirror.shelves(session, accounts, self.rooms.accesses)).values():
            for id, row in shelf.rows.items():
                if stale(row.current, last_fact_at=row.last_fact_at, now=now):
                    log.warning("subscription %s: its period is over and nobody has said anything since", row.id)
                    await ask_to_fetch(session, processor=row.processor, processor_id=id, at=now)


async def take_in_and_look_again(inbox: Inbox, looking: Looking, looked: Looked, *, patience: timedelta) -> Looked:
    """Take in the lost events of an account's subscriptions, then ask again: what is true now is newer than they are.

    The findings stay those of the first look.
    """
    found = {finding.processor_id for finding in looked.comparison.findings}
    until = looked.listing.processor_time - patience
    lost = [each for each in looked.missed if each.told.subscription in found and not each.stored]
    taken = [each for each in lost if each.told.event.occurred_at <= until]
    for each in taken:
        await inbox.take(looked.account.processor, each.told.body)
    if not taken:
        return looked
    again = await looking.at(looked.account, Misses())
    return again.told_as(looked)
