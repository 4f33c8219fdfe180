"""One customer, compared because somebody asks: once for each key, and nothing written where it is refused."""

import pytest
from sqlalchemy import select

from domain.billing import DriftAccess, DriftKind
from domain.billing.intents import Intent, Operation
from domain.billing.processors import Capability, Label, ProcessorUnavailable
from domain.errors import Forbidden, IdempotencyInProgress, NotFound, Unsupported, UpstreamUnavailable
from domain.idempotency import Call
from domain.scope import Actor, ActorKind, Scope
from tests.support.billing import row_counts
from tests.support.drifting import SCOPE, OtherFake, Shop
from tests.support.tables import dump, execute, unchanged

MEMBER = Scope(actor=Actor(kind=ActorKind.USER, id="usr_1"))


def call(here: Shop, digest: str = "same") -> Call:
    return Call(actor_id="test", operation="reconcileCustomer", key="key", digest=digest, now=here.clock.now())


async def test_what_was_lost_is_told_and_healed_with_an_audit_row(here: Shop) -> None:
    bought = await here.buy()
    await here.end_unheard(bought)

    done = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer)

    [drift] = done.drifts
    assert (drift.kind, drift.access) == (DriftKind.MISSED_EVENT, DriftAccess.WRONGLY_GRANTED)
    assert (drift.healed_at, done.report.customers_checked) == (here.clock.now(), 1)
    assert await here.right()
    ledger = (await dump(here.database))["audit_events"]
    assert sum("customer.reconciled" in row for row in ledger) == 1
    again = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer)
    assert again.drifts == []


async def test_it_does_not_hide_what_the_last_comparison_of_everything_found(here: Shop) -> None:
    await here.end_unheard(await here.buy())
    whole = await here.reconciling.everything(report_only=True)
    here.clock.forward(minutes=1)

    own = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer)

    newest = await here.newest()
    assert newest is not None
    assert newest.id == whole.id != own.report.id
    assert [drift.healed_at for drift in await here.drifts(newest)] == [None]


async def test_it_is_no_comparison_of_everything(here: Shop) -> None:
    await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer)

    assert await here.newest() is None


async def test_a_key_gives_the_same_answer_again_without_asking_anybody(here: Shop) -> None:
    await here.end_unheard(await here.buy())
    first = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))

    async with unchanged(here.database):
        again = await here.services.customer_reconciling.reconcile(
            scope=SCOPE, customer_id=here.customer, call=call(here)
        )

    assert [drift.place for drift in again.drifts] == [drift.place for drift in first.drifts]
    assert again.report.id == first.report.id


async def test_a_key_whose_report_has_been_forgotten_is_told_so(here: Shop) -> None:
    await here.end_unheard(await here.buy())
    await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))
    await execute(here.database, "DELETE FROM drifts")
    await execute(here.database, "DELETE FROM drift_reports")

    async with unchanged(here.database):
        with pytest.raises(NotFound) as forgotten:
            await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))

    assert forgotten.value.path == ["input", "idempotencyKey"]


async def test_report_only_touches_neither_facts_nor_rows_nor_the_inbox(here: Shop) -> None:
    await here.end_unheard(await here.buy())
    tables = ["subscription_facts", "webhook_events", "billing_subscriptions"]
    before = await dump(here.database)

    done = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer, report_only=True)

    after = await dump(here.database)
    assert [drift.healed_at for drift in done.drifts] == [None]
    assert {name: after[name] for name in tables} == {name: before[name] for name in tables}


async def test_a_customer_without_an_account_has_no_drift(here: Shop) -> None:
    done = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer)

    assert (done.drifts, done.report.customers_checked) == ([], 1)


async def test_only_administrators_may(here: Shop) -> None:
    async with unchanged(here.database):
        with pytest.raises(Forbidden):
            await here.services.customer_reconciling.reconcile(scope=MEMBER, customer_id=here.customer)


async def test_who_is_no_customer_is_not_found(here: Shop) -> None:
    async with unchanged(here.database):
        with pytest.raises(NotFound):
            await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id="cst_nobody", call=call(here))


async def test_a_processor_that_cannot_list_is_refused_before_any_call(here: Shop) -> None:
    await here.buy()
    unable = OtherFake(here, labels={Capability.LIST: Label.UNSUPPORTED})

    async with unchanged(here.database):
        with pytest.raises(Unsupported) as refused:
            await here.asking_of_customer(unable).reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))

    assert (refused.value.capability, unable.lists) == ("subscription.list", 0)


async def test_a_silent_processor_leaves_the_key_free_and_the_mirror_as_it_was(here: Shop) -> None:
    await here.buy()
    counts = await row_counts(here.database, ["drift_reports", "idempotency_keys", "subscription_facts"])
    away = here.asking_of_customer(OtherFake(here, ProcessorUnavailable(retry_after=90)))

    with pytest.raises(UpstreamUnavailable) as silent:
        await away.reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))

    assert silent.value.retry_after_seconds == 90
    assert await row_counts(here.database, ["drift_reports", "idempotency_keys", "subscription_facts"]) == counts
    done = await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))
    assert done.drifts == []


async def test_what_a_crash_cut_short_is_done_by_the_worker(here: Shop) -> None:
    await here.end_unheard(await here.buy())
    crashing = here.asking_of_customer(OtherFake(here, SystemError("the process dies here")))
    with pytest.raises(SystemError):
        await crashing.reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))
    with pytest.raises(IdempotencyInProgress):
        await here.services.customer_reconciling.reconcile(scope=SCOPE, customer_id=here.customer, call=call(here))
    here.clock.forward(seconds=61)

    finished = await here.services.customer_reconciling.finish_open()

    assert finished == 1
    assert await here.right()
    async with here.database.snapshot() as session:
        query = select(Intent).where(Intent.operation == Operation.RECONCILE)
        [intent] = (await session.execute(query)).scalars()
    assert intent.settled_at == here.clock.now()
    assert await here.services.customer_reconciling.finish_open() == 0
