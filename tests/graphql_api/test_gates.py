"""A host's fields behind features: who passes, and that a denial tells nothing of why."""

import asyncio
from typing import Any

import pytest
import strawberry
from sqlalchemy import text
from strawberry import Info
from strawberry.extensions import FieldExtension
from strawberry.permission import PermissionExtension

from domain.entitlements import Billable
from domain.errors import ConfigError
from graphql_api.context import Context
from graphql_api.permissions import Gate, RequireFeature, require_feature
from graphql_api.schema import print_schema
from graphql_api.unit_of_work import Refusals, UnitOfWork
from tests.graphql_api.conftest import Serve
from tests.support.api import Api, plain

FORMS = ("decorated", "extended", "classed", "engined")
DENIED = {"message": "Forbidden", "extensions": {"code": "FORBIDDEN"}}


async def own_organization(source: object, info: Info[Context, None]) -> Billable | None:
    """Bill the organization called acme, if the caller sees it."""
    context = info.context
    async with context.database.snapshot() as session:
        return await context.services.reading(context.caller).organization(session, slug="acme")


def report() -> list[str]:
    return ["report"]


def gate(feature: str = "reports") -> Gate:
    return require_feature(feature, billable=own_organization)


ENGINE = PermissionExtension([RequireFeature("reports", billable=own_organization)])
CLASS = RequireFeature.of("reports", billable=own_organization)


@strawberry.type
class Host:
    @gate()
    @strawberry.field
    def decorated(self) -> list[str]:
        return ["report"]

    extended: list[str] = strawberry.field(resolver=report, extensions=[gate()])
    classed: list[str] | None = strawberry.field(resolver=report, permission_classes=[CLASS])
    engined: list[str] | None = strawberry.field(resolver=report, extensions=[ENGINE])


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_lets_pass_who_holds_the_feature(serve: Serve, form: str) -> None:
    async with serve(query=[Host]) as api:
        organization = await api.organization()
        await api.holds(organization["customer"])

        answer = await api.ask(f"{{ {form} }}")

    assert answer.data == {form: ["report"]}


async def denial(api: Api, form: str, who: str | None = "ann") -> dict[str, Any]:
    answer = await api.ask(f"{{ {form} }}", who)
    (error,) = answer.body["errors"]
    assert answer.body["data"] == {form: None}
    assert error.pop("path") == [form]
    assert error.pop("locations") == [{"line": 1, "column": 3}]
    found: dict[str, Any] = error
    return found


@pytest.mark.parametrize("form", FORMS)
async def test_a_denial_is_the_same_whatever_was_missing(serve: Serve, form: str) -> None:
    async with serve(query=[Host]) as api:
        found = {"nobody to bill": await denial(api, form)}
        customer = (await api.organization())["customer"]
        found["not the caller's"] = await denial(api, form, "bob")
        found["no plan"] = await denial(api, form)
        await api.holds(customer, "price_basic")
        found["another plan"] = await denial(api, form)
        await api.holds(customer, "price_of_nobody")
        found["a price that the catalog does not know"] = await denial(api, form)
        await api.holds(customer, status="past_due")
        api.clock.forward(days=7, seconds=1)
        found["grace is over"] = await denial(api, form)
        await api.holds(customer, pause_collection={})
        found["paused"] = await denial(api, form)
        await api.holds(customer, status="canceled", ended_at=api.now())
        found["ended"] = await denial(api, form)

    assert {plain(error) for error in found.values()} == {plain(DENIED)}


async def test_grace_lets_pass_until_its_last_instant(serve: Serve) -> None:
    async with serve(query=[Host]) as api:
        await api.holds((await api.organization())["customer"], status="past_due")
        api.clock.forward(days=7)

        answer = await api.ask("{ decorated }")

    assert answer.data == {"decorated": ["report"]}


async def test_a_customer_that_is_not_there_and_rows_that_cannot_be_read_are_denied_alike(serve: Serve) -> None:
    async with serve(query=[Host]) as api:
        customer = (await api.organization())["customer"]
        await api.holds(customer)
        async with api.services.database.transaction() as session:
            await session.execute(text("UPDATE billing_subscriptions SET state = '{}'"))
        unreadable = await denial(api, "decorated")
        async with api.services.database.transaction() as session:
            await session.execute(text("UPDATE customers SET owner_id = 'org_gone'"))
        without_customer = await denial(api, "decorated")

    assert unreadable == without_customer == DENIED


@pytest.mark.parametrize("form", FORMS)
async def test_a_stranger_at_a_gate_is_told_to_show_a_credential(serve: Serve, form: str) -> None:
    async with serve(query=[Host]) as api:
        answer = await api.ask(f"{{ {form} }}", None)

    assert answer.codes == ["UNAUTHENTICATED"]


async def test_a_denial_does_not_erase_its_siblings(serve: Serve) -> None:
    async with serve(query=[Host]) as api:
        answer = await api.ask("{ decorated viewer { administrator } }")

    assert answer.body["data"] == {"decorated": None, "viewer": {"administrator": False}}
    assert answer.codes == ["FORBIDDEN"]


async def test_decisions_are_not_remembered(serve: Serve) -> None:
    async with serve(query=[Host]) as api:
        customer = (await api.organization())["customer"]
        await api.holds(customer)
        before = await api.ask("{ decorated }")
        await api.holds(customer, status="canceled", ended_at=api.now())

        after = await api.ask("{ decorated }")

    assert before.data == {"decorated": ["report"]}
    assert after.codes == ["FORBIDDEN"]


class TestTheSchema:
    def test_decorators_and_extensions_show_the_gate_and_make_the_field_nullable(self) -> None:
        printed = print_schema(query=[Host])

        for form in ("decorated", "extended"):
            assert f'{form}: [String!] @requireFeature(feature: "reports")\n' in printed
        assert "classed: [String!]\n" in printed
        assert "directive @requireFeature(feature: String!) repeatable on FIELD_DEFINITION" in printed

    @pytest.mark.parametrize("thing", [lambda: None, int, strawberry.type(type("Empty", (), {"x": 1})), None])
    def test_a_gate_above_anything_but_a_field_is_a_type_error(self, thing: object) -> None:
        with pytest.raises(TypeError, match="directly above"):
            require_feature("reports")(thing)

    def test_a_gate_below_the_field_is_a_type_error(self) -> None:
        with pytest.raises(TypeError, match="directly above"):

            @strawberry.type
            class Upside:
                @strawberry.field
                @require_feature("reports")
                def reports(self) -> str:
                    return "report"


class Loud(FieldExtension):
    async def resolve_async(self, next_: Any, source: Any, info: Info, **arguments: Any) -> Any:
        return await next_(source, info, **arguments)


@strawberry.type
class Faulty:
    inner: list[str] | None = strawberry.field(resolver=report, extensions=[gate(), Loud()])
    half: list[str] | None = strawberry.field(resolver=report, extensions=[gate(), Loud(), gate("api")])
    required: list[str] = strawberry.field(resolver=report, permission_classes=[CLASS])
    undeclared: list[str] = strawberry.field(resolver=report, extensions=[gate("nothing_has_this")])


async def test_an_application_with_faulty_gates_does_not_start(serve: Serve) -> None:
    with pytest.raises(ConfigError) as refused:
        async with serve(query=[Faulty]):
            pass

    assert sorted(refused.value.faults) == [
        "gate: Query.half runs something before its gate; put the gate last in extensions",
        "gate: Query.inner runs something before its gate; put the gate last in extensions",
        "gate: Query.required must be nullable, or one denial erases its siblings",
        "gate: no plan declares the feature 'nothing_has_this'",
    ]


@strawberry.type
class Twice:
    @gate()
    @gate("sso")
    @strawberry.field
    def both(self) -> str:
        return "report"


async def test_two_gates_must_both_let_pass(serve: Serve) -> None:
    async with serve(query=[Twice]) as api:
        customer = (await api.organization())["customer"]
        await api.holds(customer, "price_pro_monthly")
        one = await api.ask("{ both }")
        await api.holds(customer, "price_team_monthly")
        two = await api.ask("{ both }")

    assert one.codes == ["FORBIDDEN"]
    assert two.data == {"both": "report"}


class TestMutations:
    """A gate stands before the transaction: who is denied takes no lock and leaves no trace."""

    @pytest.mark.parametrize("run", [UnitOfWork, Refusals])
    async def test_a_gate_is_asked_before_the_mutation_begins(self, serve: Serve, run: type[Refusals]) -> None:
        ran: list[str] = []

        @strawberry.type
        class Payload:
            done: bool
            errors: list[str]

        async def body() -> Payload | None:
            ran.append("write")
            return Payload(done=True, errors=[])

        @strawberry.type
        class Writes:
            write: Payload | None = gate()(strawberry.mutation(resolver=body, extensions=[run()]))

        async with serve(mutation=[Writes]) as api:
            organization = await api.organization()
            async with api.services.database.transaction():
                # Were the gate inside, this would wait for the writer that we hold.
                denied = await asyncio.wait_for(api.ask("mutation { write { done } }"), 5)
            before = list(ran)
            await api.holds(organization["customer"])
            granted = await api.ask("mutation { write { done } }")

        assert denied.codes == ["FORBIDDEN"]
        assert before == []
        assert granted.data == {"write": {"done": True}}
