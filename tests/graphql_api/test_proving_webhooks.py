"""`seatgate prove webhooks`, as somebody runs it: against Seatgate itself, against others, and used wrongly."""

import asyncio
import contextlib
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from domain import settings
from domain.billing import Owner, OwnerKind, ProcessorName, create_customer, link_account
from domain.proofs.webhooks.reading import stripe_like
from domain.wiring import build
from graphql_api.cli import app
from tests.support import callers, endpoints, servers
from tests.support.databases import Sqlite
from tests.support.listening import free_port, listening
from tests.test_docs import blocks

STRIPE_SECRET = "whsec_that_only_the_proof_and_the_server_know"
CUSTOMER = "cus_prove"
CATALOG = """
[plans.basic]
limits = { seats = 5 }
price_ids = ["price_prove_basic", "price_prove_pro", "price_prove_team", "price_prove_pack"]
"""


def prove(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["prove", "webhooks", *arguments])


async def link(environ: dict[str, str], folder: Path) -> None:
    """Make a customer whose accounts are known, as those of one who was sold something are."""
    services = build(settings.read(environ, folder=folder))
    async with services.database.transaction() as session:
        now = services.clock.now()
        made = await create_customer(session, owner=Owner(kind=OwnerKind.USER, id="usr_prove"), at=now)
        for name in (ProcessorName.STRIPE, ProcessorName.FAKE):
            await link_account(
                session, customer_id=made.id, processor=name, livemode=False, processor_id=CUSTOMER, at=now
            )
    await services.aclose()


@pytest.fixture
def api_port() -> int:
    return free_port()


def environ_of(database_url: str, folder: Path, api_port: int) -> dict[str, str]:
    """Make the settings of a Seatgate that finds Stripe where the proof serves it."""
    return callers.environ(database_url, catalog=CATALOG, folder=folder) | {
        "SEATGATE_PROCESSORS": "stripe,fake",
        "SEATGATE_STRIPE_API_KEY": "sk_test_of_the_proof",
        "SEATGATE_STRIPE_WEBHOOK_SECRETS": STRIPE_SECRET,
        "SEATGATE_STRIPE_API_BASE": f"http://127.0.0.1:{api_port}",
    }


@contextlib.contextmanager
def serving(database_url: str, folder: Path, api_port: int) -> Iterator[str]:
    """Run a server; that nonsense fails is in its log."""
    environ = environ_of(database_url, folder, api_port)
    asyncio.run(link(environ, folder))
    with servers.running(1, environ=environ, folder=folder, faultless=False) as [server]:
        yield server.url


@pytest.fixture
def seatgate(database_url: str, tmp_path: Path, api_port: int) -> Iterator[str]:
    with serving(database_url, tmp_path, api_port) as url:
        yield url


@pytest.fixture
def small_seatgate(sqlite: Sqlite, tmp_path: Path, api_port: int) -> Iterator[str]:
    """Where the engine makes no difference."""
    with serving(sqlite.fresh(tmp_path), tmp_path, api_port) as url:
        yield url


def test_seatgate_itself_is_found_without_fault(seatgate: str, api_port: int) -> None:
    token = callers.token("ada", scope="seatgate:admin")

    done = prove(
        *("--url", f"{seatgate}/webhooks/stripe", "--secret", STRIPE_SECRET, "--api-port", str(api_port)),
        *("--graphql", f"{seatgate}/graphql", "--token", token, "--customer", CUSTOMER, "--stories", "12", "--json"),
        *("--settle", "60"),
    )

    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["proved"] is True
    assert found["statesCompared"] > 12
    assert found["questionsToTheApi"] > 0


def test_the_door_of_the_fake_is_found_without_fault_where_nothing_is_in_doubt(small_seatgate: str) -> None:
    token = callers.token("ada", scope="seatgate:admin")

    done = prove(
        *("--url", f"{small_seatgate}/webhooks/fake", "--secret", callers.SECRET, "--stories", "6"),
        *("--graphql", f"{small_seatgate}/graphql", "--token", token, "--customer", CUSTOMER),
    )

    assert done.exit_code == 0, done.output
    assert "questions to the API  0" in done.stdout


def test_who_believes_the_order_of_events_is_found_out_and_told_the_story() -> None:
    with listening(endpoints.LastWriteWins().app) as address:
        at = (
            "--url",
            f"{address}/hooks",
            "--secret",
            endpoints.SECRET,
            "--state-url",
            f"{address}/state/{{subscription}}",
        )

        done = prove(*at, "--stories", "6", "--settle", "0")

    assert done.exit_code == 1, done.output
    assert "stories               6, seed 1" in done.stdout
    assert "\nstate_wrong in story " in done.stdout
    assert "and should be" in done.stdout
    assert ": customer.subscription.updated evt_" in done.stdout


def test_events_are_lost_only_where_somebody_heals_it(tmp_path: Path) -> None:
    healed = tmp_path / "healed"
    with listening(endpoints.NewestWins().app) as address:
        at = ("--url", f"{address}/hooks", "--secret", endpoints.SECRET, "--stories", "6", "--json")

        whole = prove(*at)
        lossy = prove(*at, "--reconcile", f"touch {healed}")
        failing = prove(*at, "--stories", "0", "--reconcile", "false")

    assert json.loads(whole.stdout)["lost"] == 0
    assert json.loads(lossy.stdout)["lost"] > 0
    assert healed.exists()
    assert failing.exit_code == 2
    assert "--reconcile: left with 1" in failing.stderr


def test_what_is_lost_for_good_is_healed_by_seatgates_own_command(
    sqlite: Sqlite, tmp_path: Path, api_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, token = sqlite.fresh(tmp_path), callers.token("ada", scope="seatgate:admin")
    for name, value in environ_of(url, tmp_path, api_port).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    with serving(url, tmp_path, api_port) as seatgate:
        at = (
            *("--url", f"{seatgate}/webhooks/stripe", "--secret", STRIPE_SECRET, "--api-port", str(api_port)),
            *("--graphql", f"{seatgate}/graphql", "--token", token, "--customer", CUSTOMER, "--stories", "4", "--json"),
        )
        healed = prove(*at, "--settle", "60", "--reconcile", f"{sys.executable} -m graphql_api.cli reconcile")
        left = prove(*at, "--settle", "0", "--reconcile", "true")

    assert healed.exit_code == 0, healed.output
    assert json.loads(healed.stdout)["lost"] > 0
    assert left.exit_code == 1, left.output
    assert {finding["kind"] for finding in json.loads(left.stdout)["findings"]} <= {"state_wrong", "state_missing"}


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--url", "ftp://x", "--secret", "s"), "--url: is no address of HTTP"),
        (("--url", "http://127.0.0.1:9/", "--secret", "s"), "--url: nobody answers there (ConnectError)"),
        (("--url", "http://x", "--secret", "s", "--state-url", "http://x"), "--state-url: needs {subscription} in it"),
        (("--url", "http://x", "--secret", "s", "--graphql", "http://x"), "--graphql: needs --token"),
    ],
)
def test_wrong_use_leaves_with_2_and_says_why(arguments: tuple[str, ...], fault: str) -> None:
    done = prove(*arguments)

    assert done.exit_code == 2
    assert done.stderr.startswith(f"Seatgate cannot do this:\n  - {fault}")


def test_states_that_cannot_be_read_are_wrong_use() -> None:
    token = callers.token("ada")
    with listening(endpoints.NewestWins().app) as address:
        at = ("--url", f"{address}/hooks", "--secret", endpoints.SECRET)

        elsewhere = prove(*at, "--state-url", "http://127.0.0.1:9/{subscription}")
        no_seatgate = prove(*at, "--graphql", f"{address}/graphql", "--token", token)

    assert (elsewhere.exit_code, no_seatgate.exit_code) == (2, 2)
    assert "--state-url: no answer (ConnectError)" in elsewhere.stderr
    assert "--graphql: no usable answer" in no_seatgate.stderr


def test_customers_whom_nobody_has_linked_are_named(small_seatgate: str) -> None:
    token = callers.token("ada", scope="seatgate:admin")

    done = prove(
        *("--url", f"{small_seatgate}/webhooks/stripe", "--secret", STRIPE_SECRET),
        *("--graphql", f"{small_seatgate}/graphql", "--token", token, "--customer", "cus_stranger"),
    )

    assert done.exit_code == 2
    assert "--customer: nobody has linked cus_stranger" in done.stderr


def test_a_port_that_is_taken_is_wrong_use() -> None:
    with listening(endpoints.NewestWins().app) as address:
        done = prove("--url", f"{address}/hooks", "--secret", "s", "--api-port", address.rpartition(":")[2])

    assert done.exit_code == 2
    assert "--api-port: Address already in use" in done.stderr


class Guide:
    """The commands of the guide, with addresses, secrets and names that are real here."""

    def __init__(self) -> None:
        [block] = [block for block in blocks("proofs.md", "sh") if "prove webhooks" in block]
        self.lines = [line for line in block.splitlines() if line.startswith(".venv/bin/seatgate prove webhooks")]

    def run(self, number: int, **put: str) -> Result:
        line = self.lines[number]
        for shown, real in put.items():
            assert PLACES[shown] in line, f"the guide shows no {shown}"
            line = line.replace(PLACES[shown], real)
        return CliRunner().invoke(app, [*shlex.split(line)[1:], "--stories", "4"])


PLACES = {
    "endpoint": "http://127.0.0.1:4000",
    "seatgate": "http://127.0.0.1:8000",
    "secret": "whsec_…",
    "port": "12111",
    "token": "eyJ…",
    "customer": "cus_…",
}


def test_the_commands_of_the_guide_find_nothing_wrong_where_nothing_is(small_seatgate: str, api_port: int) -> None:
    guide, port = Guide(), str(api_port)

    def asking() -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    with listening(endpoints.NewestWins().app) as address:
        answers = guide.run(0, endpoint=address, secret=endpoints.SECRET)
    with listening(endpoints.AlwaysAsks(asking).app) as address:
        states = guide.run(1, endpoint=address, secret=endpoints.SECRET, port=port)
    token = callers.token("ada", scope="seatgate:admin")
    own = guide.run(2, seatgate=small_seatgate, secret=STRIPE_SECRET, port=port, token=token, customer=CUSTOMER)

    assert len(guide.lines) == 3
    assert [done.exit_code for done in (answers, states, own)] == [0, 0, 0], [answers.output, states.output, own.output]
    assert "states compared       none" in answers.stdout
    assert "findings              0" in states.stdout


def test_the_state_of_the_guide_is_readable() -> None:
    [example] = blocks("proofs.md", "json")

    shown = stripe_like(json.loads(example))

    assert shown["status"] == "active"
    assert shown["items"] == (("price_1", 5),)
    assert set(shown) == {"status", "items", "cancel_at_period_end", "cancel_at", "ended_at", "pause_collection"}
