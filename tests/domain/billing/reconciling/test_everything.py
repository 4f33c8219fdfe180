"""A comparison of everything: what it finds, what it says of access, and that it puts right what can be."""

from dataclasses import replace
from datetime import timedelta

from domain.billing import Drift, DriftAccess, DriftKind, ProcessorName, WebhookStatus
from domain.billing.processors import Capability, Label
from domain.billing.reconciling.models import ReportScope
from domain.entitlements import Wish
from tests.support.billing import events, row_counts, subscription, subscriptions
from tests.support.drifting import PRO, SCOPE, TEAM, OtherFake, Shop
from tests.support.giving import grant
from tests.support.tables import dump, execute


def told(drift: Drift) -> tuple[DriftKind, DriftAccess, list[str]]:
    return drift.kind, drift.access, drift.keys


async def test_a_mirror_that_is_right_has_no_drift(here: Shop) -> None:
    await here.buy()

    assert await here.reconcile() == []
    [report] = await here.reports()
    assert (report.customers_checked, report.left_out, report.finished_at) == (1, [], here.clock.now())


async def test_an_end_that_never_arrived_is_found_as_access_wrongly_granted_since_then_and_healed(here: Shop) -> None:
    bought = await here.buy()
    ended_at = here.clock.forward(days=2)
    await here.end_unheard(bought)
    here.clock.forward(days=1)

    [drift] = await here.reconcile()

    assert told(drift) == (DriftKind.MISSED_EVENT, DriftAccess.WRONGLY_GRANTED, ["api", "projects", "reports", "seats"])
    assert (drift.processor_id, drift.customer_id, drift.since) == (bought, here.customer, ended_at)
    assert drift.healed_at == here.clock.now()
    assert await here.right()
    [end] = [event for event in await events(here.database) if event.type.endswith(".deleted")]
    assert end.status is WebhookStatus.APPLIED
    assert await here.reconcile() == []


async def test_what_an_override_gives_is_neither_wrongly_granted_nor_withheld(here: Shop) -> None:
    for wish in (Wish(feature="api"), Wish(limit="seats", unlimited=True)):
        await grant(here.services, here.customer, wish)
    await here.end_unheard(await here.buy())

    [drift] = await here.reconcile(report_only=True)

    assert told(drift) == (DriftKind.MISSED_EVENT, DriftAccess.WRONGLY_GRANTED, ["projects", "reports"])


async def test_a_purchase_that_never_arrived_is_access_wrongly_withheld(here: Shop) -> None:
    first = await here.buy(PRO)
    await here.services.commands.cancel(
        scope=SCOPE, subscription_id=(await subscription(here.database)).id, at_period_end=False, at=None
    )
    await here.arrive()
    second = await here.buy_unheard(TEAM, key="second", quantity=3)

    [drift] = await here.reconcile()

    assert told(drift)[:2] == (DriftKind.MISSED_EVENT, DriftAccess.WRONGLY_WITHHELD)
    assert (drift.processor_id, "sso" in drift.keys, first != second) == (second, True, True)
    assert await here.right()


async def test_what_no_event_explains_was_edited_elsewhere(here: Shop) -> None:
    bought = await here.buy(TEAM, quantity=3)
    await here.edit_row(bought, status="canceled")

    [drift] = await here.reconcile()

    assert told(drift)[:2] == (DriftKind.EDITED_ELSEWHERE, DriftAccess.WRONGLY_WITHHELD)
    assert drift.healed_at is not None
    assert await here.right()


async def test_a_report_only_run_writes_the_report_and_nothing_else(here: Shop) -> None:
    bought = await here.buy()
    await here.end_unheard(bought)
    before = await dump(here.database)

    [drift] = await here.reconcile(report_only=True)

    after = await dump(here.database)
    assert (drift.kind, drift.healed_at) == (DriftKind.MISSED_EVENT, None)
    assert {name for name in after if after[name] != before[name]} == {"drifts"}


async def test_a_subscription_of_a_customer_whom_nobody_knows_is_told_and_not_touched(here: Shop) -> None:
    await here.buy()
    stranger = await here.buy_unheard(TEAM, key="stranger", quantity=2, account="cus_stranger")
    rows = await row_counts(here.database, ["billing_subscriptions", "customers", "processor_accounts"])

    [drift] = await here.reconcile()

    assert told(drift)[:2] == (DriftKind.CUSTOMER_WITHOUT_ROW, DriftAccess.WRONGLY_WITHHELD)
    assert (drift.processor_id, drift.customer_id, drift.healed_at) == (stranger, None, None)
    assert await row_counts(here.database, ["billing_subscriptions", "customers", "processor_accounts"]) == rows


async def test_an_unknown_price_is_told_and_stays(here: Shop) -> None:
    await here.buy()
    await here.buy_unheard("price_of_the_competition", key="foreign")

    drifts = await here.reconcile()

    kinds = sorted(drift.kind for drift in drifts)
    assert DriftKind.UNKNOWN_PRICE in kinds
    [unknown] = [drift for drift in drifts if drift.kind is DriftKind.UNKNOWN_PRICE]
    assert unknown.healed_at is None
    assert DriftKind.UNKNOWN_PRICE in {drift.kind for drift in await here.reconcile()}


async def test_of_two_live_base_subscriptions_the_second_is_told_as_the_duplicate(here: Shop) -> None:
    first = await here.buy()
    here.clock.forward(hours=1)
    second = await here.buy_unheard(TEAM, key="again")

    drifts = await here.reconcile()

    assert {(drift.kind, drift.processor_id) for drift in drifts} == {
        (DriftKind.MISSED_EVENT, second),
        (DriftKind.DUPLICATE_LIVE_SUBSCRIPTION, second),
    }
    assert first != second
    assert [drift.kind for drift in await here.reconcile()] == [DriftKind.DUPLICATE_LIVE_SUBSCRIPTION]


async def test_the_worst_drifts_stand_first(here: Shop) -> None:
    bought = await here.buy()
    await here.buy_unheard(TEAM, key="stranger", quantity=2, account="cus_stranger")
    await here.end_unheard(bought)
    await here.buy_unheard("price_of_the_competition", key="foreign")

    drifts = await here.reconcile()

    severities = [list(DriftAccess).index(drift.access) for drift in drifts]
    assert severities == sorted(severities)
    assert drifts[0].access is DriftAccess.WRONGLY_GRANTED
    assert len(set(severities)) == 3


async def test_an_event_that_is_still_on_its_way_is_no_drift_for_who_has_patience(here: Shop) -> None:
    bought = await here.buy()
    await here.end_unheard(bought)
    here.clock.forward(minutes=4)

    known = len(await events(here.database))

    early = await here.reconcile(patience=timedelta(minutes=5))
    kept = len(await events(here.database)) - known
    here.clock.forward(minutes=2)
    late = await here.reconcile(patience=timedelta(minutes=5))

    assert (early, kept) == ([], 0)
    assert [drift.kind for drift in late] == [DriftKind.MISSED_EVENT]
    assert await here.right()


async def test_a_row_whose_period_has_been_over_for_three_days_is_confirmed_once(here: Shop) -> None:
    await here.buy()
    # The processor lets the period pass without renewing or ending anything.
    await execute(here.database, "UPDATE fake_subscriptions SET due_at = NULL")
    row = await subscription(here.database)
    here.clock.forward(days=40)

    assert await here.reconcile() == []

    confirmed = await subscription(here.database)
    assert confirmed.last_fact_at > row.last_fact_at
    facts = await row_counts(here.database, ["subscription_facts"])
    assert await here.reconcile() == []
    assert await row_counts(here.database, ["subscription_facts"]) == facts


async def test_a_subscription_that_only_foreign_events_told_of_is_not_ended_because_the_fake_never_made_it(
    here: Shop,
) -> None:
    await here.buy()
    await execute(here.database, "DELETE FROM fake_subscriptions")

    assert await here.reconcile() == []
    assert [row.status for row in await subscriptions(here.database)] == ["active"]


async def test_what_the_processor_knows_no_more_ends(here: Shop) -> None:
    await here.buy()
    await execute(here.database, "DELETE FROM fake_subscriptions")
    strict = here.asking(OtherFake(here, labels={Capability.FETCH: Label.NATIVE}))

    [drift] = await here.drifts(await strict.everything())

    assert (drift.access, drift.healed_at) == (DriftAccess.WRONGLY_GRANTED, here.clock.now())
    assert [row.status for row in await subscriptions(here.database)] == ["canceled"]
    assert await here.drifts(await strict.everything()) == []


async def test_what_a_processor_cannot_list_is_left_out_and_said_so(here: Shop) -> None:
    await here.buy()
    unable = {Capability.LIST: Label.UNSUPPORTED, Capability.LIST_EVENTS: Label.UNSUPPORTED}

    await here.asking(OtherFake(here, labels=unable)).everything()

    [report] = await here.reports()
    assert (report.customers_checked, report.left_out) == (0, ["fake: event.list", "fake: subscription.list"])


async def test_a_run_at_one_of_two_processors_does_not_hide_what_is_wrong_at_the_other(here: Shop) -> None:
    await here.end_unheard(await here.buy())
    other = OtherFake(here, labels={Capability.LIST: Label.UNSUPPORTED, Capability.LIST_EVENTS: Label.UNSUPPORTED})
    other.name = ProcessorName.BRAINTREE
    both = replace(here.reconciling, processors={ProcessorName.FAKE: here.fake, other.name: other})
    whole = await both.everything(report_only=True)

    part = await both.everything(names=[other.name], report_only=True)
    read = await here.newest()
    named = await both.everything(names=list(both.processors), report_only=True)

    assert (whole.scope, part.scope) == (ReportScope.EVERYTHING, ReportScope.PROCESSORS)
    assert await here.drifts(part) == []
    assert read is not None
    assert read.id == whole.id
    assert [drift.kind for drift in await here.drifts(read)] == [DriftKind.MISSED_EVENT]
    newest = await here.newest()
    assert newest is not None
    assert (newest.id, named.scope) == (named.id, ReportScope.EVERYTHING)
