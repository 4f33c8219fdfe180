"""`seatgate reconcile`, as somebody runs it: what it prints, and the codes that it leaves with."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graphql_api.cli import app
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.drifting import Shop, shop
from tests.support.wired import ROOT, SECRET, wired


@pytest.fixture
def url(sqlite: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of the settings; the catalog is the project's own."""
    url = sqlite.fresh(tmp_path)
    for name, value in {
        "DATABASE_URL": url,
        "CATALOG": str(ROOT / "catalog.toml"),
        "SECRET_KEYS": SECRET,
        "JWT_SECRETS": SECRET,
        "FAKE_WEBHOOK_SECRETS": SECRET,
    }.items():
        monkeypatch.setenv(f"SEATGATE_{name}", value)
    monkeypatch.chdir(tmp_path)
    return url


def drifted(url: str) -> Shop:
    """Let a customer buy and the end of it get lost."""

    async def drift() -> Shop:
        clock = FixedClock()
        services = wired(url, clock)
        made = await shop(services, clock)
        await made.end_unheard(await made.buy())
        await services.aclose()
        return made

    return asyncio.run(drift())


def reconcile(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["reconcile", *arguments])


def test_a_report_only_run_tells_the_drift_and_leaves_with_1_when_asked_to(url: str) -> None:
    drifted(url)

    plain, strict = reconcile("--report-only"), reconcile("--report-only", "--exit-code")

    assert plain.exit_code == 0, plain.output
    assert strict.exit_code == 1
    assert "wrongly granted" in strict.stdout.splitlines()[1]
    assert "1 drifts, 0 of them put right." in strict.stdout


def test_it_puts_right_what_it_finds_and_then_all_is_well(url: str) -> None:
    customer = drifted(url).customer

    first, second = reconcile("--json", "--exit-code"), reconcile("--exit-code")

    report = json.loads(first.stdout)
    [drift] = report["drifts"]
    assert report["scope"] == "everything"
    assert (first.exit_code, drift["customerId"], drift["healedAt"] is None) == (1, customer, False)
    assert (second.exit_code, "The mirror is right." in second.stdout) == (0, True)


def test_one_customer_can_be_compared_alone(url: str) -> None:
    customer = drifted(url).customer

    done = reconcile("--customer", customer, "--json")

    assert done.exit_code == 0, done.output
    assert [drift["access"] for drift in json.loads(done.stdout)["drifts"]] == ["wrongly_granted"]


@pytest.mark.parametrize(
    "arguments",
    [("--customer", "cst_nobody"), ("--processor", "stripe"), ("--customer", "cst_1", "--processor", "fake")],
)
def test_a_wrong_use_leaves_with_2(url: str, arguments: tuple[str, ...]) -> None:
    assert reconcile(*arguments).exit_code == 2
