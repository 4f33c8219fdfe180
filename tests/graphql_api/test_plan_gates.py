"""A host's fields behind plans, and what a host may answer itself to who is denied."""

from typing import Any

import pytest
import strawberry
from strawberry import Info
from strawberry.permission import PermissionExtension

from domain.entitlements import Redirect
from domain.errors import ConfigError, InvalidInput
from domain.organizations import Organization
from graphql_api.context import Context
from graphql_api.denials import Form
from graphql_api.permissions import Gate, RequireFeature, RequirePlan, require_feature, require_plan
from graphql_api.requirements import Denial
from graphql_api.schema import print_schema
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_gates import CLASS, DENIED, denial, own_organization, report
from tests.support.api import Api

FORMS = ("decorated", "extended", "classed", "engined", "priced")
told: list[Denial] = []


def gate(plan: str = "pro") -> Gate:
    return require_plan(plan, billable=own_organization)


def preview(info: Info[Context, None], denial: Denial) -> list[str]:
    told.append(denial)
    return [f"a preview for {info.field_name}"]


async def later(info: Info[Context, None], denial: Denial) -> None:
    told.append(denial)


def failing(info: Info[Context, None], denial: Denial) -> list[str]:
    raise InvalidInput("The plan team is missing.")


@strawberry.type
class Host:
    @gate()
    @strawberry.field
    def decorated(self) -> list[str]:
        return ["report"]

    extended: list[str] = strawberry.field(resolver=report, extensions=[gate()])
    classed: list[str] | None = strawberry.field(
        resolver=report, permission_classes=[RequirePlan.of("pro", billable=own_organization)]
    )
    engined: list[str] | None = strawberry.field(
        resolver=report, extensions=[PermissionExtension([RequirePlan("pro", billable=own_organization)])]
    )
    priced: list[str] = strawberry.field(resolver=report, extensions=[gate("price_pro_yearly")])
    attribute: list[str] = gate()(strawberry.field(default_factory=lambda: ["report"]))
    mixed: list[str] = strawberry.field(
        resolver=report, extensions=[gate(), require_feature("api", billable=own_organization)]
    )

    @require_plan("pro", billable=own_organization, on_deny=preview)
    @strawberry.field
    def previewed(self) -> list[str]:
        return ["report"]

    @require_plan("pro", billable=own_organization, on_deny=later)
    @strawberry.field
    def hidden(self) -> list[str]:
        return ["report"]

    @require_plan("pro", billable=own_organization, on_deny=failing)
    @strawberry.field
    def failing(self) -> list[str]:
        return ["report"]

    @require_plan("pro", billable=own_organization, on_deny=Redirect("/pricing"))
    @strawberry.field
    def redirected(self) -> list[str]:
        return ["report"]

    @require_plan("pro", billable=own_organization, on_deny=(402, "Pay first."))
    @strawberry.field
    def answered(self) -> list[str]:
        return ["report"]

    @require_plan("pro", billable=own_organization, on_deny=f"{__name__}:preview")
    @strawberry.field
    def named(self) -> list[str]:
        return ["report"]


async def test_every_form_lets_pass_who_holds_the_plan_and_nobody_else(serve: Serve) -> None:
    async with serve(query=[Host]) as api:
        customer = (await api.organization())["customer"]
        without = {form: await denial(api, form) for form in (*FORMS, "mixed")}
        await api.holds(customer, "price_team_monthly")
        another = {form: await denial(api, form) for form in (*FORMS, "mixed")}
        await api.holds(customer, "price_pro_monthly")
        granted = await api.ask(f"{{ {' '.join((*FORMS, 'mixed'))} }}")
        strangers = await denial(api, "decorated", "bob")

    assert granted.data == {form: ["report"] for form in (*FORMS, "mixed")}
    assert [*without.values(), *another.values(), strangers] == [DENIED] * 13


async def test_a_gate_guards_a_field_that_has_no_resolver(serve: Serve) -> None:
    @strawberry.type
    class Holder:
        @strawberry.field
        def host(self) -> Host:
            return Host()

    async with serve(query=[Holder]) as api:
        customer = (await api.organization())["customer"]
        denied = await api.ask("{ host { attribute } }")
        await api.holds(customer, "price_pro_monthly")
        granted = await api.ask("{ host { attribute } }")

    assert (denied.codes, denied.body["data"]) == (["FORBIDDEN"], {"host": {"attribute": None}})
    assert granted.data == {"host": {"attribute": ["report"]}}


async def test_a_function_gives_the_fields_value_to_who_is_denied(serve: Serve) -> None:
    told.clear()
    async with serve(query=[Host]) as api:
        organization = await api.organization()
        denied = await api.ask("{ previewed hidden }")
        nobody = await api.ask("{ previewed }", "bob")
        await api.holds(organization["customer"], "price_pro_monthly")
        granted = await api.ask("{ previewed hidden }")

    assert denied.data == {"previewed": ["a preview for previewed"], "hidden": None}
    assert nobody.data == {"previewed": ["a preview for previewed"]}
    assert granted.data == {"previewed": ["report"], "hidden": ["report"]}
    seen = [(denial.reason, getattr(denial.billable, "id", None)) for denial in told]
    assert seen == [("not_entitled", organization["id"])] * 2 + [("no_active_subscription", None)]
    assert {(denial.guard, denial.required, denial.surface) for denial in told} == {("plan", "pro", "field")}


@pytest.mark.parametrize("field", ["failing", "redirected", "answered", "named"])
async def test_a_function_that_fails_and_every_other_form_are_the_opaque_answer(serve: Serve, field: str) -> None:
    async with serve(query=[Host]) as api:
        await api.organization()

        assert await denial(api, field) == DENIED


async def test_a_stranger_gets_no_value_either(serve: Serve) -> None:
    async with serve(query=[Host]) as api:
        assert (await api.ask("{ previewed }", None)).codes == ["UNAUTHENTICATED"]


def test_the_schema_shows_plans_and_makes_their_fields_nullable() -> None:
    printed = print_schema(query=[Host])

    for form in ("decorated", "extended", "previewed"):
        assert f'{form}: [String!] @requirePlan(plan: "pro")\n' in printed
    assert 'mixed: [String!] @requirePlan(plan: "pro") @requireFeature(feature: "api")\n' in printed
    assert "classed: [String!]\n" in printed
    assert "directive @requirePlan(plan: String!) repeatable on FIELD_DEFINITION" in printed


class TestWhatCannotBe:
    @pytest.mark.parametrize("made", [require_plan, require_feature, RequirePlan, RequireFeature])
    @pytest.mark.parametrize("name", ["", None, 7, report])
    def test_a_gate_without_a_name_is_a_type_error(self, made: Any, name: object) -> None:
        with pytest.raises(TypeError, match=r"requires the name of a (plan|feature)"):
            made(name)

    @pytest.mark.parametrize("thing", [lambda: None, int, None])
    def test_a_plan_gate_above_anything_but_a_field_is_a_type_error(self, thing: object) -> None:
        with pytest.raises(TypeError, match="directly above"):
            require_plan("pro")(thing)

    def test_a_billable_that_takes_no_source_and_info_is_a_type_error(self) -> None:
        with pytest.raises(TypeError, match="billable is a function of two arguments"):
            require_plan("pro", billable=lambda info: None)  # type: ignore[arg-type, misc]  # that is the point

    @pytest.mark.parametrize("form", [(200, "Fine."), Redirect("//elsewhere.example"), "anything", lambda info: None])
    def test_a_form_of_on_deny_is_checked_when_the_gate_is_made(self, form: Form) -> None:
        with pytest.raises(ConfigError, match="on_deny"):
            require_feature("reports", on_deny=form)

    async def test_an_application_whose_plan_gates_no_plan_can_pass_does_not_start(self, serve: Serve) -> None:
        @strawberry.type
        class Faulty:
            plan: list[str] = strawberry.field(resolver=report, extensions=[gate("gold")])
            price: list[str] = strawberry.field(resolver=report, extensions=[gate("price_of_nobody")])
            required: list[str] = strawberry.field(resolver=report, permission_classes=[RequirePlan.of("pro"), CLASS])

        with pytest.raises(ConfigError) as refused:
            async with serve(query=[Faulty]):
                pass

        assert refused.value.faults == [
            "gate: Query.required must be nullable, or one denial erases its siblings",
            "gate: no plan is called 'gold', nor a price",
            "gate: no plan is called 'price_of_nobody', nor a price",
        ]


async def test_each_organization_of_a_list_is_gated_by_itself(serve: Serve) -> None:
    @strawberry.type
    class Team:
        row: strawberry.Private[Organization]

        @require_plan("pro")
        @strawberry.field
        def slug(self) -> str:
            return self.row.slug

    @strawberry.type
    class Teams:
        @strawberry.field
        async def teams(self, info: Info[Context, None]) -> list[Team]:
            context = info.context
            async with context.database.snapshot() as session:
                reading = context.services.reading(context.caller)
                found = [await reading.organization(session, slug=slug) for slug in ("first", "second", "third")]
            return [Team(row=row) for row in found if row is not None]

    async with serve(query=[Teams]) as api:
        first, _, third = [await api.organization(name=name) for name in ("First", "Second", "Third")]
        await api.holds(first["customer"], "price_pro_monthly")
        await api.holds(third["customer"], "price_pro_yearly")

        answer = await api.ask("{ teams { slug } }")

    assert answer.body["data"] == {"teams": [{"slug": "first"}, {"slug": None}, {"slug": "third"}]}
    assert [error["path"] for error in answer.body["errors"]] == [["teams", 1, "slug"]]


async def test_a_decision_is_not_remembered_between_two_fields_of_one_operation(serve: Serve) -> None:
    running: list[tuple[Api, dict[str, Any]]] = []

    async def lose() -> bool:
        [(api, customer)] = running
        await api.holds(customer, "price_pro_monthly", status="canceled", ended_at=api.now())
        return True

    @strawberry.type
    class Steps:
        # The fields of a mutation run one after the other.
        first: bool = gate()(strawberry.mutation(resolver=lose))
        second: bool = gate()(strawberry.mutation(resolver=lambda: True))

    async with serve(mutation=[Steps]) as api:
        customer = (await api.organization())["customer"]
        running.append((api, customer))
        await api.holds(customer, "price_pro_monthly")

        answer = await api.ask("mutation { first second }")

    assert answer.body["data"] == {"first": True, "second": None}
    assert answer.codes == ["FORBIDDEN"]
