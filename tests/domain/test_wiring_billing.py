"""How the house is put together for those who bill."""

from pathlib import Path

import pytest

from domain.billing import EntitlementsTold, ProcessorName
from domain.entitlements import catalog
from domain.errors import ConfigError, Unavailable
from domain.wiring import build
from tests.support.clock import FixedClock
from tests.support.databases import let_threads_end
from tests.support.wired import settings_of, wired

STRIPE = {"SEATGATE_STRIPE_API_KEY": "sk_test_1", "SEATGATE_STRIPE_WEBHOOK_SECRETS": "whsec_1"}
BILLING = {
    "intents",
    "inbox",
    "fetches",
    "outbox",
    "deletions",
    "closing",
    "errands",
    "following",
    "seat quantities",
    "dunning",
    "paid invoices",
    "reconciling",
    "reconciling asked for",
}
OTHERS = {
    "seats over limit",
    "organizations",
    "invitations",
    "mail",
    "audit seals",
    "audit forwarders",
    "used keys",
    "counted tries",
    "used proofs",
    "old webhooks",
    "drift reports",
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Nothing is connected while the house is built."""
    return f"sqlite+aiosqlite:///{tmp_path}/seatgate.db"


async def test_the_first_processor_named_is_the_rail_of_new_subscriptions(database_url: str, clock: FixedClock) -> None:
    services = wired(database_url, clock, SEATGATE_PROCESSORS="stripe,fake", **STRIPE)

    assert list(services.processors) == list(services.commands.processors) == [ProcessorName.STRIPE, ProcessorName.FAKE]
    assert set(services.worker.jobs) == {*BILLING, "fake", *OTHERS}
    await services.aclose()


async def test_without_the_fake_its_time_does_not_pass(database_url: str, clock: FixedClock) -> None:
    services = wired(database_url, clock, SEATGATE_PROCESSORS="stripe", **STRIPE)

    assert set(services.worker.jobs) == {*BILLING, *OTHERS}
    await services.aclose()


@pytest.mark.parametrize("mode", ["disabled", "advisory"])
async def test_what_stripe_grants_is_observed_only_where_it_is_wanted(
    mode: str, database_url: str, clock: FixedClock
) -> None:
    services = wired(database_url, clock, SEATGATE_PROCESSORS="stripe", SEATGATE_STRIPE_NATIVE_SYNC=mode, **STRIPE)
    observing = {"entitlement summaries", "entitlement summaries asked for"}

    wanted = mode == "advisory"
    assert set(services.worker.jobs) - {*BILLING, *OTHERS} == (observing if wanted else set())
    assert (EntitlementsTold in services.inbox.handlers, services.pulling is not None) == (wanted, wanted)
    await services.aclose()


@pytest.mark.parametrize("word", ["true", "false", "on", "reconcile", "ADVISORY", ""])
def test_no_other_word_lets_stripe_be_observed(word: str, database_url: str) -> None:
    with pytest.raises(ConfigError, match="SEATGATE_STRIPE_NATIVE_SYNC"):
        settings_of(database_url, SEATGATE_PROCESSORS="stripe", SEATGATE_STRIPE_NATIVE_SYNC=word, **STRIPE)


FOLLOWING = """
dunning_terminal_action = "cancel"
[plans.team]
limits = { seats = "unlimited" }
price_ids = ["price_team"]
seat_quantity = {}
"""


@pytest.mark.parametrize("job", ["seat quantities", "dunning"])
async def test_quantities_and_dunning_are_seen_to_only_while_the_catalog_asks_for_it(
    job: str, database_url: str, clock: FixedClock
) -> None:
    services = wired(database_url, clock)
    # There are no tables in this database, so whoever looks fails.
    assert await services.worker.jobs[job]() == 0
    clock.forward(minutes=2)

    services.entitlements.in_force.replace(catalog.parse({"following.toml": FOLLOWING}))

    with pytest.raises(Unavailable):
        await services.worker.jobs[job]()
    await let_threads_end(services.database)


def test_a_hook_that_nobody_knows_stops_the_start(database_url: str) -> None:
    with pytest.raises(ConfigError, match="on_regster"):
        build(settings_of(database_url), hooks={"on_regster": print})
