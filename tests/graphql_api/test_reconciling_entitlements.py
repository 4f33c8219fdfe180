"""`seatgate reconcile --entitlements`: what Stripe itself grants, read by hand."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from domain.entitlements import summary_for_customer
from graphql_api.cli import app
from tests.peers.conftest import QUIET
from tests.peers.stripe import Fault, Mishap
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.stripe_account import StripeAccount, billing_through, carry, stripe_account
from tests.support.tables import unchanged
from tests.support.wired import ROOT, SECRET

pytestmark = pytest.mark.filterwarnings(QUIET)

KEYS = [f"key_{number:02}" for number in range(25)]
# The command goes by the real clock, which is past every event of this one.
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def acme(sqlite: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StripeAccount]:
    """Acme has bought what came to carry 25 features later, and the event of that was lost."""
    url = sqlite.fresh(tmp_path)
    async with stripe_account(url, FixedClock(LONG_AGO), STRIPE_NATIVE_SYNC="advisory") as acme:
        await acme.buys()
        acme.peer.faults.next_webhook(Mishap.DROP, type="entitlements.active_entitlement_summary.updated")
        carry(acme.peer, *KEYS)
        await acme.peer.deliver()
        given = billing_through(acme.peer.account.url, "whsec_1", STRIPE_NATIVE_SYNC="advisory")
        own = {"DATABASE_URL": url, "CATALOG": str(ROOT / "catalog.toml"), "SECRET_KEYS": SECRET, "JWT_SECRETS": SECRET}
        for name, value in (given | own).items():
            monkeypatch.setenv(f"SEATGATE_{name}", value)
        monkeypatch.chdir(tmp_path)
        yield acme


async def reconcile(*arguments: str) -> Result:
    """Run the command beside whoever serves Stripe."""
    return await asyncio.to_thread(CliRunner().invoke, app, ["reconcile", *arguments])


async def known(acme: StripeAccount) -> list[str] | None:
    async with acme.database.snapshot() as session:
        found = await summary_for_customer(session, acme.payer)
    return None if found is None else found.lookup_keys


async def test_it_reads_everybody_and_says_what_has_changed(acme: StripeAccount) -> None:
    before = await known(acme)

    first, second = await reconcile("--entitlements", "--json"), await reconcile("--entitlements")

    assert first.exit_code == 0, first.output
    told = {"customersRead": 1, "changed": 1, "unknown": [], "owed": [], "partial": 0}
    assert (before, json.loads(first.stdout), await known(acme)) == ([], told, KEYS)
    assert second.stdout == "1 customers read, 0 of them entitled to something else now.\n"


async def test_whom_stripe_does_not_answer_about_is_named_and_the_code_is_1(acme: StripeAccount) -> None:
    acme.peer.faults.next("active_entitlements.list", Fault.ERROR_KEPT_UNDONE, times=9)

    done = await reconcile("--entitlements")

    [account] = [customer["id"] for customer in acme.peer.all("customer")]
    assert (done.exit_code, await known(acme)) == (1, [])
    assert f"Stripe did not answer about {account}; the worker asks again." in done.stdout


async def test_where_nothing_is_observed_it_is_a_wrong_use(
    acme: StripeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATGATE_STRIPE_NATIVE_SYNC", "disabled")
    asked = len(acme.peer.calls)

    async with unchanged(acme.database):
        done = await reconcile("--entitlements")

    assert (done.exit_code, "SEATGATE_STRIPE_NATIVE_SYNC: is disabled" in done.stderr) == (2, True)
    assert len(acme.peer.calls) == asked


@pytest.mark.parametrize(
    "others", [("--customer", "cst_1"), ("--processor", "stripe"), ("--report-only",), ("--exit-code",)]
)
async def test_it_goes_with_no_option_of_the_comparison(others: tuple[str, ...]) -> None:
    assert (await reconcile("--entitlements", *others)).exit_code == 2
