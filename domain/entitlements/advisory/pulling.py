"""Reading all that Stripe grants, customer by customer and page by page, which no webhook shows in full.

Asks outside of every transaction and writes afterwards; what nobody answers leaves the summary that is there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from domain import outbox
from domain.billing import Beat, Capability, EntitlementsTold, Processor, ProcessorAccount, ProcessorName, nothing
from domain.billing.processors import ProcessorUnavailable, offers, serving
from domain.billing.reconciling import Asking, count_linked, linked
from domain.clock import Clock
from domain.db import Database, Session
from domain.entitlements.advisory.places import SummarySource
from domain.entitlements.advisory.summaries import Kept, Summary, keep, summary_for_customer
from domain.errors import UpstreamUnavailable
from domain.scope import Scope, system

log = logging.getLogger(__name__)

TOPIC = "entitlements.pull"
"""The outbox topic under which one customer's entitlements are read in full."""
AT_A_TIME = 4
"""How many customers Stripe is asked about at once."""
SILENT = 10
"""After how many accounts in a row without an answer a run gives up for now: it is Stripe's fault and not theirs."""
SECOND = timedelta(seconds=1)
REST = timedelta(seconds=30)
"""How long nobody is asked about after an answer that never came, unless Stripe wants longer."""


@dataclass(slots=True, kw_only=True)
class Pulled:
    """What came of reading everybody: of how many customers, how many summaries say something new.

    `unknown` are accounts that Stripe does not know (their summaries stay), `owed` those that it did not answer about
    and that are asked about again.
    """

    customers: int = 0
    changed: int = 0
    unknown: list[str] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    silence: int = 0  # how many accounts in a row nothing was said about


async def ask_to_pull(session: Session, account: ProcessorAccount, *, at: datetime) -> None:
    """Ask for one customer's entitlements to be read after this transaction and not before `at`, once."""
    payload = {"processor": account.processor, "livemode": account.livemode, "account": account.processor_id}
    key = f"{account.processor}:{account.processor_id}"
    await outbox.put_once(session, topic=TOPIC, key=key, payload=payload, at=at)


async def ask_to_pull_past(session: Session, account: ProcessorAccount, *, told_at: datetime, now: datetime) -> None:
    """Ask for it so late that the answer is newer than what Stripe has told at an instant: once its second is over."""
    await ask_to_pull(session, account, at=max(now, told_at.replace(microsecond=0) + SECOND))


class Pulls:
    """Reads what processors themselves grant, at those that grant anything, and keeps it as summaries."""

    TOPIC: ClassVar[str] = TOPIC

    def __init__(self, *, database: Database, clock: Clock, processors: Mapping[ProcessorName, Processor]) -> None:
        self.database = database
        self.clock = clock
        self.processors = {
            name: each for name, each in processors.items() if offers(each, Capability.NATIVE_ENTITLEMENTS)
        }
        self._silent_until: dict[ProcessorName, datetime] = {}

    async def everybody(self, *, scope: Scope | None = None, beat: Beat = nothing) -> Pulled:
        """Read all customers. Whom Stripe does not answer about is asked about again later, by the worker.

        Raises:
            UpstreamUnavailable: Stripe is silent about many in a row; what was read until then is kept.
        """
        pulled, scope = Pulled(), scope or system("worker")
        for processor in self.processors.values():
            async with self.database.snapshot() as session:
                total = await count_linked(session, processor)
            async for accounts in self._accounts(processor):
                await self._pull_some(processor, accounts, pulled, scope)
                await beat(pulled.customers + len(pulled.owed), total)
        return pulled

    async def deliver(self, payload: dict[str, Any]) -> None:
        """Read one customer who is asked for: the outbox's handler for TOPIC.

        Raises:
            ProcessorUnavailable: Stripe did not answer, or has not for a moment; the outbox tries again.
            ProcessorRefused: Stripe said no; the outbox tries again.
        """
        name, livemode = ProcessorName(payload["processor"]), bool(payload["livemode"])
        processor = serving(self.processors, name, livemode=livemode)
        async with self.database.snapshot() as session:
            account = await session.get(ProcessorAccount, (name, livemode, payload["account"]))
        if processor is None or account is None:
            # Another mode's key, or nobody's account: a webhook of such a one waits for the link.
            return
        if self.clock.now() < self._silent_until.get(name, self.clock.now()):
            raise ProcessorUnavailable("Stripe is left alone for a moment", answered=False)
        try:
            await self._pull(processor, account, system("worker"))
        except ProcessorUnavailable as error:
            wait = max(REST, timedelta(seconds=error.retry_after or 0))
            self._silent_until[name] = self.clock.now() + wait
            raise

    async def _accounts(self, processor: Processor) -> AsyncIterator[Sequence[ProcessorAccount]]:
        """Give all accounts of a processor, a few at a time."""
        after = ""
        while True:
            async with self.database.snapshot() as session:
                found = await linked(session, processor, after=after)
            if not found:
                return
            after = found[-1].processor_id
            for start in range(0, len(found), AT_A_TIME):
                yield found[start : start + AT_A_TIME]

    async def _pull_some(
        self, processor: Processor, accounts: Sequence[ProcessorAccount], pulled: Pulled, scope: Scope
    ) -> None:
        asking = Asking(processor=processor, clock=self.clock)
        done = await asyncio.gather(
            *(asking.answered(partial(self._pull, processor, account, scope)) for account in accounts),
            return_exceptions=True,
        )
        for account, kept in zip(accounts, done, strict=True):
            if isinstance(kept, UpstreamUnavailable):
                pulled.silence += 1
                if pulled.silence == SILENT:
                    raise kept
                await self.database.run(partial(ask_to_pull, account=account, at=self.clock.now() + REST))
                pulled.owed.append(account.processor_id)
            elif isinstance(kept, BaseException):
                raise kept
            else:
                _count(pulled, account, kept)

    async def _pull(self, processor: Processor, account: ProcessorAccount, scope: Scope) -> Kept | None:
        asked_at = self.clock.now()
        news = await processor.entitlements(account.processor_id)
        if news is None:
            log.warning("%s does not know the account of customer %s", processor.name, account.customer_id)
            return None
        return await self.database.run(partial(self._keep, account, news, asked_at, scope))

    async def _keep(
        self, account: ProcessorAccount, news: EntitlementsTold, asked_at: datetime, scope: Scope, session: Session
    ) -> Kept:
        summary, now = (
            Summary(news=news, source=SummarySource.PULL, livemode=account.livemode, at=asked_at),
            self.clock.now(),
        )
        kept = await keep(session, account.customer_id, summary, scope=scope, now=now)
        if kept is Kept.STALE:
            known = await summary_for_customer(session, account.customer_id)
            if known is not None and not known.complete:
                # A webhook has come that shows a part, and the message that it asked for may have been this one.
                await ask_to_pull_past(session, account, told_at=known.occurred_at, now=now)
        return kept


def _count(pulled: Pulled, account: ProcessorAccount, kept: Kept | None) -> None:
    pulled.silence = 0
    pulled.customers += 1
    pulled.changed += kept is Kept.CHANGED
    if kept is None:
        pulled.unknown.append(account.processor_id)
