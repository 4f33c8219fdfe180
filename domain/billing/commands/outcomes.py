"""What an answer that shows a subscription leaves: the account linked, a fact in the mirror, and the row."""

from dataclasses import dataclass
from datetime import datetime

from domain.billing.commands.command import Done, Hearing
from domain.billing.customers import link_account
from domain.billing.intents import Intent
from domain.billing.statements import Statement
from domain.billing.states import Snapshot
from domain.billing.subscriptions import BillingSubscription, absorb
from domain.db import Session
from domain.idempotency import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """The outcome of a command on a subscription: the mirror's row, and what a browser needs to confirm a payment.

    When the command's key gave the answer again, the row is as it is now and the secret is None.
    """

    subscription: BillingSubscription
    client_secret: str | None = None


async def write_snapshot(session: Session, intent: Intent, snapshot: Snapshot, *, now: datetime) -> Done[Bought]:
    """Fold in what the answer to an intent shows, dated by when it was first asked for."""
    said = Statement.answered(snapshot, key=intent.key, asked_at=intent.opened_at, processor_time=intent.processor_time)
    return await write_statement(session, intent, said, now=now)


async def write_statement(
    session: Session, intent: Intent, said: Statement, *, now: datetime, client_secret: str | None = None
) -> Done[Bought]:
    """Fold in what was said to an intent, and link the account that it names."""
    account = await link_account(
        session,
        customer_id=intent.customer_id,
        processor=intent.processor,
        livemode=said.snapshot.livemode,
        processor_id=said.snapshot.customer_processor_id,
        at=now,
    )
    row = await absorb(session, said, account=account, scope=intent.scope, now=now)
    result = Bought(subscription=row, client_secret=client_secret)
    return Done(result=result, answer={"subscription_id": row.id}, subject_id=row.id)


async def replay_snapshot(hearing: Hearing, known: Answer) -> Bought:
    """Show the subscription as it is now, to whoever may still command it."""
    return Bought(subscription=await hearing.subscription(known["subscription_id"], going=True))
