"""Observing against the Stripe peer: more than an event shows, and answers that never come."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain import outbox
from domain.billing import ProcessorName
from domain.billing.processors.stripe import StripeProcessor
from domain.entitlements import EntitlementSummary, summary_for_customer
from domain.entitlements.advisory import Pulls
from tests.peers.conftest import QUIET
from tests.peers.stripe import SECRET_KEY, Fault
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.stripe_account import StripeAccount, carry, stripe_account
from tests.support.tables import dump

pytestmark = pytest.mark.filterwarnings(QUIET)

KEYS = [f"key_{number:02}" for number in range(25)]
LIST = "active_entitlements.list"


@pytest.fixture
async def acme(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> AsyncIterator[StripeAccount]:
    """Acme has bought what carries 24 features, then there is one more, and the event has shown ten."""
    async with stripe_account(sqlite.fresh(tmp_path), clock, STRIPE_NATIVE_SYNC="advisory") as acme:
        carry(acme.peer, *KEYS[:-1])
        await acme.buys()
        carry(acme.peer, KEYS[-1])
        await acme.peer.deliver()
        yield acme


async def known(acme: StripeAccount) -> EntitlementSummary:
    async with acme.database.snapshot() as session:
        found = await summary_for_customer(session, acme.payer)
    assert found is not None
    return found


async def test_what_an_event_cuts_off_is_read_to_the_last_page_by_the_worker(acme: StripeAccount) -> None:
    shown = await known(acme)
    acme.clock.forward(seconds=1)

    await acme.services.worker.round()

    whole = await known(acme)
    assert (len(shown.features), shown.complete, shown.source) == (10, False, "webhook")
    assert (whole.lookup_keys, whole.complete, whole.source) == (KEYS, True, "pull")


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.TOO_MANY, Fault.HANG_BEFORE, Fault.LOST_ANSWER])
async def test_an_answer_that_does_not_come_leaves_the_old_summary_and_is_asked_for_again(
    acme: StripeAccount, fault: Fault
) -> None:
    hasty = StripeProcessor(
        api_key=SECRET_KEY,
        webhook_secrets=[],
        clock=acme.clock,
        api_base=acme.peer.account.url,
        timeout_seconds=0.3 if fault is Fault.HANG_BEFORE else 10,
        retries=0,
    )
    pulls = Pulls(database=acme.database, clock=acme.clock, processors={ProcessorName.STRIPE: hasty})
    acme.peer.faults.next(LIST, fault)
    seen = []

    for _ in range(3):
        acme.clock.forward(seconds=60)
        await outbox.deliver_due(acme.database, acme.clock, {pulls.TOPIC: pulls.deliver})
        seen.append(len((await known(acme)).features))

    assert seen == [10, 25, 25]
    assert (await dump(acme.database))["outbox_messages"] == []
    await hasty.aclose()
