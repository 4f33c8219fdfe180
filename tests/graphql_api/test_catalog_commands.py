"""`seatgate catalog`, as somebody runs it: what it prints, what it writes, and the codes that it leaves with."""

import asyncio
import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from domain.db import open_database
from domain.entitlements import catalog
from graphql_api.cli import app
from tests.support import tables
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.seating import CATALOG, house
from tests.support.wired import SECRET

LESS = CATALOG.replace('seats = { per = "quantity" }', 'seats = { per = "quantity", max = 1 }', 1)


@pytest.fixture
def url(sqlite: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of the settings, in a folder with the catalog configured, `more.toml`, and another, `less.toml`."""
    url = sqlite.fresh(tmp_path)
    (tmp_path / "more.toml").write_text(CATALOG)
    (tmp_path / "less.toml").write_text(LESS)
    given = {"DATABASE_URL": url, "CATALOG": "more.toml"}
    secrets = dict.fromkeys(("SECRET_KEYS", "JWT_SECRETS", "FAKE_WEBHOOK_SECRETS"), SECRET)
    for name, value in (given | secrets).items():
        monkeypatch.setenv(f"SEATGATE_{name}", value)
    monkeypatch.chdir(tmp_path)
    return url


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["catalog", *arguments])


def version(text: str) -> str:
    return catalog.parse({"a": text}).version


def everything(url: str) -> dict[str, list[str]]:
    async def dump() -> dict[str, list[str]]:
        database = open_database(url)
        found = await tables.dump(database)
        await database.aclose()
        return found

    return asyncio.run(dump())


def with_an_organization(url: str) -> str:
    """Let an organization pay for five seats and take two."""

    async def made() -> str:
        database = open_database(url)
        here = house(database, FixedClock())
        acme = await here.organization(await here.user("ann"))
        await here.pay(acme, seats=5)
        await here.join(acme, "bob")
        await database.aclose()
        return acme.id

    return asyncio.run(made())


class TestCheck:
    def test_it_says_what_the_configured_files_declare(self, url: str) -> None:
        before = everything(url)

        words, document = run("check"), run("check", "--json")

        assert (words.exit_code, document.exit_code) == (0, 0)
        assert "five     -         seats: 1 for each, 5 at most   1" in words.stdout
        assert json.loads(document.stdout)["version"] == version(CATALOG)
        assert json.loads(document.stdout)["plans"]["endless"]["limits"] == {"seats": {"amount": 2147483647}}
        assert everything(url) == before

    @pytest.mark.usefixtures("url")
    def test_every_fault_is_told_and_it_leaves_with_1(self, tmp_path: Path) -> None:
        (tmp_path / "bad.toml").write_text("grace = 3\n[plans.pro]\nlimits.seats = 0")

        done = run("check", "bad.toml", "nowhere.toml")

        assert done.exit_code == 1
        assert done.stderr.splitlines() == [
            "nowhere.toml: cannot be read (FileNotFoundError)",
            "bad.toml: grace: unknown key",
            "bad.toml: plans.pro.limits.seats: must be a whole number from 1 to 2147483646",
        ]

    @pytest.mark.usefixtures("url")
    def test_the_gates_of_an_application_count_where_it_is_named(self) -> None:
        alone, gated = run("check", "less.toml"), run("check", "less.toml", "--app", "graphql_api.cli:demo_application")

        assert (alone.exit_code, gated.exit_code) == (0, 1)
        assert gated.stderr == "gate: no plan declares the feature 'reports'\n"


class TestApply:
    def test_it_puts_a_catalog_in_force_and_goes_back_to_one_of_before(self, url: str) -> None:
        more, less = version(CATALOG), version(LESS)

        first, second, back = run("apply", "more.toml"), run("apply", "less.toml"), run("apply", more[:12])

        assert first.stdout == f"The catalog {more} is in force.\n"
        assert second.stdout == f"The catalog {less} is in force, in the place of {more}.\n"
        assert back.stdout == f"The catalog {more} is in force, in the place of {less}.\n"
        listed = json.loads(run("history", "--json").stdout)
        assert [period["version"] for period in listed] == [more, less, more]
        assert run("history").stdout.count(more) == 2
        assert len(everything(url)["audit_events"]) == 3

    def test_the_one_in_force_is_left_alone(self, url: str) -> None:
        run("apply", "more.toml")
        before = everything(url)

        again = run("apply", "in-force", "--json")

        assert json.loads(again.stdout) == {"version": version(CATALOG), "applied": False, "replaced": None}
        assert everything(url) == before

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("less.toml", "--app", "graphql_api.cli:demo_application"), "no plan declares the feature 'reports'"),
            (("less.toml", "--app", "nowhere:app"), "--app"),
            (("nowhere.toml",), "cannot be read"),
            (("0123456789ab",), "no such catalog is stored"),
            (("in-force",), "no catalog has been in force"),
        ],
    )
    def test_what_cannot_be_applied_leaves_with_2_and_writes_nothing(
        self, url: str, arguments: tuple[str, ...], told: str
    ) -> None:
        before = everything(url)

        done = run("apply", *arguments)

        assert (done.exit_code, told in done.stderr) == (2, True), done.output
        assert everything(url) == before


class TestDiff:
    def test_it_tells_who_loses_and_leaves_with_1(self, url: str, tmp_path: Path) -> None:
        acme = with_an_organization(url)
        run("apply", "more.toml")
        before = everything(url)

        words = run("diff", "in-force", "less.toml", "--csv", "changes.csv")

        assert words.exit_code == 1
        assert "3 customers compared: 1 lose something, 0 gain something." in words.stdout
        assert "1 would be over their seat limit, by 1 seats in all." in words.stdout
        assert "limits lowered  seats  1" in words.stdout
        with (tmp_path / "changes.csv").open() as file:
            [line] = csv.DictReader(file)
        assert (line["owner_id"], line["seats_over"], line["limits_lowered"]) == (acme, "1", "seats 5 -> 1")
        assert everything(url) == before

    def test_the_same_as_json(self, url: str) -> None:
        acme = with_an_organization(url)

        done = run("diff", "more.toml", "less.toml", "--json")

        told = json.loads(done.stdout)
        assert (told["old"], told["new"]) == (version(CATALOG), version(LESS))
        assert (told["losing"], told["overLimit"], told["seatsOver"], told["limitsLowered"]) == (1, 1, 1, {"seats": 1})
        [case] = told["worst"]
        assert (case["ownerId"], case["limitsLowered"]) == (acme, {"seats": [5, 1]})

    def test_where_nobody_loses_it_leaves_with_0(self, url: str) -> None:
        with_an_organization(url)

        done = run("diff", "less.toml", "more.toml")

        assert done.exit_code == 0
        assert "0 lose something, 1 gain something" in done.stdout

    @pytest.mark.usefixtures("url")
    @pytest.mark.parametrize("arguments", [("in-force", "less.toml"), ("more.toml", "nowhere.toml"), ("more.toml",)])
    def test_a_wrong_use_leaves_with_2(self, arguments: tuple[str, ...]) -> None:
        assert run("diff", *arguments).exit_code == 2

    @pytest.mark.usefixtures("url")
    def test_a_file_that_cannot_be_written_leaves_with_2(self) -> None:
        assert run("diff", "more.toml", "less.toml", "--csv", "nowhere/changes.csv").exit_code == 2


def test_checking_as_a_server_would_puts_nothing_in_force(url: str) -> None:
    before = everything(url)

    done = CliRunner().invoke(app, ["check"])

    assert (done.exit_code, everything(url)) == (0, before), done.output
