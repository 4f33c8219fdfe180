"""What the documents show is run: Python as a module, catalogs by the parser, settings and seams against the code."""

import dataclasses
import importlib
import re
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from typer.testing import CliRunner

from domain import hooks, settings
from domain.audit import Forwarder
from domain.entitlements import catalog
from domain.errors import ConfigError
from domain.identity.adapter import ASKED
from domain.organizations import OrganizationCallbacks
from domain.wiring import build
from graphql_api.cli import app
from tests.support.api import serving
from tests.support.billing import linked
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.telling import tell
from tests.support.wired import customer_of, organization, settings_of, user, wired

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FORWARDING = ("forward", "aclose")
RESOLVING = ("resolve",)


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / document).read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("guide", ["catalog.md", "braintree.md", "seat-quantity.md", "dunning.md"])
def test_the_catalog_of_a_guide_is_a_catalog(guide: str) -> None:
    written = blocks(guide, "toml")

    assert written
    for number, text in enumerate(written):
        assert catalog.parse({f"block {number}": text}).plans


def test_the_code_of_the_hosting_guide_makes_applications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = tmp_path / "host_of_the_guide.py"
    module.write_text("\n".join(blocks("hosting.md", "python")))
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("host_of_the_guide")
    here = settings.read({"SEATGATE_CATALOG": str(ROOT / "catalog.toml")}, folder=tmp_path)

    assert isinstance(made.make(here), Starlette)
    assert isinstance(made.guarded(here), Starlette)


def test_the_code_of_the_authentication_guide_makes_applications(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "host_with_identity.py"
    module.write_text("\n".join(blocks("authentication.md", "python")))
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("host_with_identity")
    here = settings.read({"SEATGATE_CATALOG": str(ROOT / "catalog.toml")}, folder=tmp_path)

    assert isinstance(made.make(here), Starlette)
    assert isinstance(made.careful(here), Starlette)


async def test_the_adapter_of_the_authentication_guide_lets_in_whom_it_says(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "host_with_sessions.py"
    module.write_text("\n".join(blocks("authentication.md", "python")))
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("host_with_sessions")
    asked = {"query": "{ viewer { actor { ... on User { email } } } }"}

    async with serving(sqlite.fresh(tmp_path), tmp_path, clock, auth=made.Sessions()) as api:
        ann, nobody = [
            await api.client.post("/graphql", json=asked, headers={"x-session": session}) for session in ("3f1c", "x")
        ]

    assert ann.json()["data"] == {"viewer": {"actor": {"email": "ann@example.com"}}}
    assert nobody.status_code == 401


def test_every_callback_of_an_adapter_is_in_its_guide_with_its_arguments() -> None:
    told = re.findall(r"^\| `(\w+)\(([\w, ]*)\)` \|", (DOCS / "authentication.md").read_text(), flags=re.MULTILINE)

    assert {name: tuple(filter(None, arguments.split(", "))) for name, arguments in told} == {"user_schema": ()} | ASKED


def test_every_seam_is_in_its_guide_and_no_other() -> None:
    seams = [name for kind in (OrganizationCallbacks, hooks.LifecycleHook) for name in vars(kind) if name[0] != "_"]
    told = re.findall(r"^\| `(\w+)` \|", (DOCS / "seams.md").read_text(), flags=re.MULTILINE)

    assert sorted(told) == sorted([*seams, *hooks.NAMES, *RESOLVING, *FORWARDING])


async def test_the_resolver_of_the_seams_guide_answers(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    made: dict[str, Any] = {}
    [text] = blocks("seams.md", "python")
    exec(compile(text, "seams.md", "exec"), made)
    services = build(settings_of(sqlite.fresh(tmp_path)), clock=clock, resolver=made["PriceTable"]())
    acme = await organization(services, await user(services, "ann"))

    assert services.entitlements.source.name == "price_table"
    assert await services.entitlements.features_for(acme) == ["api", "reports"]
    await services.aclose()


async def test_the_questions_of_the_python_guide_are_answered(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    made: dict[str, Any] = {}
    [text] = blocks("python-api.md", "python")
    exec(compile(text, "python-api.md", "exec"), made)
    services = wired(sqlite.fresh(tmp_path), clock)
    ann = await user(services, "ann")
    acme, other = await organization(services, ann), await organization(services, ann, "Other")

    unpaid = await made["page"](services, [acme])
    await linked(services.database, clock, await customer_of(services, acme))
    await tell(services)
    team = await made["page"](services, [acme])
    clock.forward(seconds=1)
    await tell(services, price="price_pro_monthly")
    pro = await made["page"](services, [acme])

    assert [unpaid, team, pro] == ["upsell", "team of 7 with api, reports, sso", "no sso: not_entitled"]
    assert await made["overview"](services, [other, acme, other]) == [[], ["reports"], []]
    await services.aclose()


def test_the_code_of_the_ledgers_guide_is_code() -> None:
    made: dict[str, object] = {}
    for text in blocks("audit.md", "python"):
        exec(compile(text, "audit.md", "exec"), made)

    assert [forwarder.name for forwarder in cast("list[Forwarder]", made["FORWARDERS"])] == ["json_lines", "webhook"]


async def test_the_story_of_the_fakes_guide_ends_as_it_says(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    made: dict[str, Any] = {}
    [story] = blocks("fake.md", "python")
    exec(compile(story, "fake.md", "exec"), made)
    services = wired(sqlite.fresh(tmp_path), clock)
    owner = await user(services, "ann")

    seen = await made["who_stops_paying"](services, owner, await customer_of(services, owner))
    await services.aclose()

    assert seen == ["active", "past_due", "active", "unknown"]
    assert f"return seen  # {', '.join(seen)}\n" in story


def test_the_commands_of_the_catalogs_guide_do_what_it_says(
    sqlite: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [now] = blocks("catalog.md", "toml")
    monkeypatch.setenv("SEATGATE_DATABASE_URL", sqlite.fresh(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalog.toml").write_text(now)
    (tmp_path / "next.toml").write_text(now.replace("seats = 5", "seats = 3"))
    commands = re.findall(r"^seatgate (catalog .*)$", "".join(blocks("catalog.md", "sh")), flags=re.MULTILINE)
    version = catalog.read([tmp_path / "catalog.toml"]).version

    assert CliRunner().invoke(app, ["catalog", "apply", "catalog.toml"]).exit_code == 0
    for command in commands:
        CliRunner().invoke(app, ["catalog", "apply", "next.toml"]) if " apply " in command else None
        done = CliRunner().invoke(app, command.replace("3f1c9a2b7d04", version[:12]).split())
        assert done.exit_code == 0, done.output

    assert [command.split()[1] for command in commands] == ["check", "diff", "history", "apply"]
    assert version in CliRunner().invoke(app, ["catalog", "history"]).stdout.splitlines()[1]
    assert (tmp_path / "changes.csv").exists()


def test_every_setting_is_in_the_operations_guide_and_no_other(tmp_path: Path) -> None:
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", (DOCS / "operations.md").read_text(), flags=re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
    fields = {field.name.upper().replace("ENVIRONMENT", "ENV") for field in dataclasses.fields(settings.Settings)}
    braintree = {f"BRAINTREE_{field.name.upper()}" for field in dataclasses.fields(settings.Braintree)}

    with pytest.raises(ConfigError) as refused:
        settings.read({f"{settings.PREFIX}{name}": " " for name in told}, folder=tmp_path)

    assert told == fields - {"BRAINTREE"} | braintree
    assert not [fault for fault in refused.value.faults if "is unknown" in fault]


async def test_the_commands_of_the_subscriptions_guide_do_what_it_says(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    documents = blocks("subscriptions.md", "graphql")
    names = [re.findall(r"^mutation (\w+)", text)[0] for text in documents]

    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api:
        known = {"customer": (await api.organization())["customer"]["id"]}
        # A page is made before the purchase that keeps the next one out.
        for text in sorted(documents, key=lambda text: "mutation Checkout" not in text):
            clock.forward(minutes=1)
            asked = set(re.findall(r"\$(\w+): ID!", text))
            [payload] = (await api.ask(text, "ann", **{name: known[name] for name in asked})).data.values()
            assert payload["errors"] == [], text
            if "mutation Buy" in text:
                known["subscription"] = payload["subscription"]["id"]
            await api.settled()

    assert names == ["Buy", "Checkout", "Preview", "Swap", "More", "Pause", "GoOn", "End", "Keep", "Portal"]


async def test_the_entitlements_guide_asks_explains_gives_and_takes_back(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    documents = blocks("entitlements.md", "graphql")
    told: dict[str, Any] = {}

    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api:
        known = {"customer": (await api.organization())["customer"]["id"]}
        await api.user("ada")
        for text in sorted(documents, key=lambda text: "mutation" not in text.split("(")[0]):
            [(name, variable)] = re.findall(r"^(?:query|mutation) (\w+)\(\$(\w+): ID!\)", text)
            [told[name]] = (await api.ask(text, "ada", **{variable: known[variable]})).data.values()
            if name == "Feature":
                known["override"] = told[name]["override"]["id"]

    assert [told[name]["errors"] for name in ("Feature", "Limit", "Revoke")] == [[]] * 3
    assert (told["Feature"]["entitlements"]["features"], told["Revoke"]["entitlements"]["features"]) == (["sso"], [])
    assert told["Ask"]["quantity"] == 50
    assert [plan["name"] for plan in told["Why"]["wouldGrant"]] == ["team"]
    assert told["HowMany"]["quantities"][0]["chain"][-1]["detail"] == "An override gives at least 50 of seats."
    assert len(told["Given"]["overrides"]["nodes"]) == 2


@pytest.mark.parametrize("document", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(document: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (DOCS / document).read_text())

    assert [link for link in links if not (DOCS / link).exists()] == []
