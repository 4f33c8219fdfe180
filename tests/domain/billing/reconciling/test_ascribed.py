"""A subscription that the mirror has under one customer and the processor under another: told, and left to people."""

import pytest

from domain.billing import Drift, DriftAccess, DriftKind, ProcessorName
from domain.billing.processors import Capability, Label
from domain.billing.reconciling.running import Reconciling
from tests.support.billing import row_counts, subscription
from tests.support.drifting import SCOPE, OtherFake, Shop
from tests.support.wired import customer_of, organization, user

OTHER = "cus_other"
KEPT = ["billing_subscriptions", "subscription_facts", "processor_accounts", "webhook_events"]


@pytest.fixture
def strict(here: Shop) -> Reconciling:
    """What compares with a processor that knows everything that it bills."""
    return here.asking(OtherFake(here, labels={Capability.FETCH: Label.NATIVE}))


@pytest.fixture
async def heir(here: Shop) -> str:
    """Another customer, linked to the account `cus_other`."""
    owner = await user(here.services, "bob")
    customer = await customer_of(here.services, await organization(here.services, owner, "Heirs"))
    async with here.database.transaction() as session:
        await here.services.linking.link(
            session, scope=SCOPE, customer_id=customer, processor=ProcessorName.FAKE, processor_id=OTHER
        )
    return customer


def told(drift: Drift) -> tuple[DriftKind, DriftAccess, str | None]:
    return drift.kind, drift.access, drift.customer_id


async def test_both_customers_are_told_with_their_access_and_neither_is_touched(
    here: Shop, strict: Reconciling, heir: str
) -> None:
    bought = await here.buy()
    await here.hand_over(bought, OTHER)
    before, counts = await subscription(here.database), await row_counts(here.database, KEPT)

    drifts = await here.drifts(await strict.everything())

    assert [told(drift) for drift in drifts] == [
        (DriftKind.EDITED_ELSEWHERE, DriftAccess.WRONGLY_GRANTED, here.customer),
        (DriftKind.CUSTOMER_WITHOUT_ROW, DriftAccess.WRONGLY_WITHHELD, heir),
    ]
    assert [(drift.processor_id, drift.healed_at) for drift in drifts] == [(bought, None)] * 2
    assert drifts[0].keys == drifts[1].keys != []
    after = await subscription(here.database)
    assert (after.customer_id, after.version, after.state) == (here.customer, before.version, before.state)
    assert await row_counts(here.database, KEPT) == counts


async def test_it_is_told_again_until_somebody_has_decided(here: Shop, strict: Reconciling, heir: str) -> None:
    bought, own = await here.buy(), await here.account()
    await here.hand_over(bought, OTHER)

    runs = [len(await here.drifts(await strict.everything())) for _ in range(2)]
    await here.hand_over(bought, own)

    assert (runs, await here.drifts(await strict.everything())) == ([2, 2], [])


async def test_of_an_account_that_is_nobodys_both_sides_are_told_too(here: Shop, strict: Reconciling) -> None:
    await here.hand_over(await here.buy(), "cus_stranger")

    drifts = await here.drifts(await strict.everything())

    assert [told(drift) for drift in drifts] == [
        (DriftKind.EDITED_ELSEWHERE, DriftAccess.WRONGLY_GRANTED, here.customer),
        (DriftKind.CUSTOMER_WITHOUT_ROW, DriftAccess.WRONGLY_WITHHELD, None),
    ]


async def test_whoever_asks_about_one_customer_is_told_its_own_side(here: Shop, heir: str) -> None:
    await here.hand_over(await here.buy(), OTHER)
    strict = here.asking_of_customer(OtherFake(here, labels={Capability.FETCH: Label.NATIVE}))

    loser = await strict.reconcile(scope=SCOPE, customer_id=here.customer)
    winner = await strict.reconcile(scope=SCOPE, customer_id=heir)

    assert [told(drift)[:2] for drift in loser.drifts] == [(DriftKind.EDITED_ELSEWHERE, DriftAccess.WRONGLY_GRANTED)]
    assert [told(drift)[0] for drift in winner.drifts] == [DriftKind.CUSTOMER_WITHOUT_ROW]
    assert [drift.healed_at for drift in [*loser.drifts, *winner.drifts]] == [None, None]
