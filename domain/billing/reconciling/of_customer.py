"""One customer, compared because somebody asks: intent, questions, outcome, and no transaction during the questions."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import select

from domain import audit
from domain.billing.customers import Customer, ProcessorAccount, accounts_of, locked_customer
from domain.billing.intents import LEASE, MAX_ATTEMPTS, Intent, Operation, Order, give_up, open_intent, settle
from domain.billing.processors import Capability, offers
from domain.billing.reconciling import reports
from domain.billing.reconciling.looking import Looked, heal
from domain.billing.reconciling.models import Drift, DriftReport, ReportScope
from domain.billing.reconciling.running import Reconciling, take_in_and_look_again
from domain.db import Session
from domain.errors import NotFound, Unsupported, UpstreamUnavailable
from domain.idempotency import Call
from domain.scope import Scope

NO_PATIENCE = timedelta(0)
MOST_EVENTS = 1000
"""How many of the processor's events one customer is worth; without them a drift is only told as another kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What was found about one customer."""

    customer: Customer
    report: DriftReport
    drifts: list[Drift]


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReconciling:
    """The command of administrators and of the command line."""

    reconciling: Reconciling

    async def reconcile(
        self, *, scope: Scope, customer_id: str, report_only: bool = False, call: Call | None = None
    ) -> Reconciled:
        """Compare one customer with its processors and put right what they can; once for each `call`.

        With `report_only` nothing but the report is written.

        Raises:
            Forbidden: only administrators may.
            NotFound: no such customer, or the report of the first call with this key has been forgotten since.
            Unsupported: a processor of the customer's is not configured here, or cannot list subscriptions.
            UpstreamUnavailable: a processor does not answer; nothing was written, and the key is free again.
            IdempotencyMismatch: the call's key was used for another input.
            IdempotencyInProgress: the first call with this key has not finished.
        """
        scope.require_administrator()
        database = self.reconciling.database
        begin = partial(self._begin, scope=scope, customer_id=customer_id, report_only=report_only, call=call)
        begun = await database.run(begin)
        return begun if isinstance(begun, Reconciled) else await database.shielded(self._carry_out(begun))

    async def finish_open(self) -> int:
        """Do again what a crash has cut short; say how many."""
        finished = 0
        while intent := await self.reconciling.database.run(self._lease):
            finished += 1
            try:
                await self._carry_out(intent)
            except UpstreamUnavailable:
                # It is given up with this: whoever asked may ask again.
                continue
        return finished

    async def _begin(
        self, session: Session, *, scope: Scope, customer_id: str, report_only: bool, call: Call | None
    ) -> Intent | Reconciled:
        known = None if call is None else await call.begin(session)
        if known is not None:
            return await _outcome(session, known["customer_id"], known["report_id"])
        customer = await locked_customer(session, customer_id)
        if customer is None:
            raise NotFound("customer", path=["input", "customerId"])
        accounts = await self._accounts(session, customer.id)
        now = self.reconciling.clock.now()
        order = Order(
            operation=Operation.RECONCILE,
            customer_id=customer.id,
            processor=accounts[0].processor if accounts else next(iter(self.reconciling.processors)),
            request={"report_only": report_only},
            processor_time=now,
        )
        key = f"sgi_{secrets.token_hex(16)}"
        return await open_intent(session, order, key=key, scope=scope, now=now, claim=call, own=True)

    async def _accounts(self, session: Session, customer_id: str) -> list[ProcessorAccount]:
        """List the accounts that are to be asked about, at processors that can be asked.

        Raises:
            Unsupported: one of them cannot.
        """
        accounts = (await accounts_of(session, [customer_id])).get(customer_id, [])
        for account in accounts:
            processor = self.reconciling.processors.get(account.processor)
            if processor is None or not offers(processor, Capability.LIST):
                raise Unsupported(processor=account.processor, capability=Capability.LIST)
        # Our key does not see the other mode.
        return [each for each in accounts if each.livemode == self.reconciling.processors[each.processor].livemode]

    async def _carry_out(self, intent: Intent) -> Reconciled:
        database = self.reconciling.database
        async with database.snapshot() as session:
            accounts = await self._accounts(session, intent.customer_id)
        try:
            looked = [await self._look(account, report_only=intent.request["report_only"]) for account in accounts]
        except UpstreamUnavailable as error:
            now = self.reconciling.clock.now()
            await database.run(partial(give_up, key=intent.key, now=now, failure=type(error).__name__))
            raise
        return await database.run(partial(self._conclude, intent, looked))

    async def _look(self, account: ProcessorAccount, *, report_only: bool) -> Looked:
        processor = self.reconciling.processors[account.processor]
        looking = self.reconciling.looking(processor, NO_PATIENCE)
        looked = await looking.at(account, await looking.missed(most=MOST_EVENTS))
        if report_only:
            return looked
        return await take_in_and_look_again(self.reconciling.inbox, looking, looked, patience=NO_PATIENCE)

    async def _conclude(self, intent: Intent, looked: Sequence[Looked], session: Session) -> Reconciled:
        now, report_only = self.reconciling.clock.now(), intent.request["report_only"]
        if intent.claim is not None:
            intent.claim.sign(session)
        customer = await locked_customer(session, intent.customer_id)
        assert customer is not None, "customers are kept for ever"
        report = await reports.open_report(session, ReportScope.CUSTOMER, report_only=report_only, now=intent.opened_at)
        drifts: list[Drift] = []
        for each in looked:
            unhealed = [(finding, None) for finding in each.comparison.findings]
            found = unhealed if report_only else await heal(session, each, scope=intent.scope, now=now)
            drifts += await reports.note(session, report.id, each.account.processor, found)
        await reports.finish(session, report.id, customers=1, left_out=(), now=now)
        if await settle(session, intent.key, now=now, answer={"customer_id": customer.id, "report_id": report.id}):
            await audit.record(
                session,
                "customer.reconciled",
                scope=intent.scope,
                at=now,
                subject_id=customer.id,
                organization_id=customer.organization_id,
                after={"report_only": report_only, "drifts": len(drifts)},
            )
        return Reconciled(customer=customer, report=report, drifts=sorted(drifts, key=lambda drift: drift.place))

    async def _lease(self, session: Session) -> Intent | None:
        now = self.reconciling.clock.now()
        query = select(Intent).where(
            Intent.operation == Operation.RECONCILE,
            Intent.settled_at.is_(None),
            Intent.opened_at <= now - LEASE,
            Intent.processor.in_(list(self.reconciling.processors)),
        )
        for intent in (await session.execute(query.with_for_update(skip_locked=True))).scalars():
            if intent.attempts >= MAX_ATTEMPTS:
                await give_up(session, intent.key, now=now, failure="given up")
            elif intent.opened_at <= now - LEASE * intent.attempts:
                intent.attempts += 1
                return intent
        return None


async def _outcome(session: Session, customer_id: str, report_id: int) -> Reconciled:
    """Give an outcome again.

    Raises:
        NotFound: the report has been forgotten since.
    """
    customer = await locked_customer(session, customer_id)
    assert customer is not None, "customers are kept for ever"
    report = await session.get(DriftReport, report_id)
    if report is None:
        raise NotFound("report", path=["input", "idempotencyKey"])
    return Reconciled(customer=customer, report=report, drifts=await reports.all_drifts(session, report_id))
