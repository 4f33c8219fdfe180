"""`entitlementsChanged` and `seatsChanged` as a client hears them: within rights, over a real socket, cleaned up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema as read_schema

from domain.scope import Actor, ActorKind, ApiScope, KeyRights, Scope
from graphql_api.context import Context
from graphql_api.schema import build_schema, print_schema
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_invitations import invite
from tests.support.api import Api, plain
from tests.support.hearing import Heard, hearing, rests
from tests.support.talking import served, talking

ENTITLEMENTS = """
subscription($of: ID!) {
  entitlementsChanged(customerId: $of) {
    customer { id }
    plans
    entitled(feature: "sso")
    quantities { key value used remaining }
    revision
    validUntil
  }
}
"""
SEATS = "subscription($of: ID!) { seatsChanged(organizationId: $of) { limit used reserved available overLimit } }"
OTHER = '[default]\nlimits = { seats = 8 }\n[plans.pro]\nlimits = { seats = 3 }\nprice_ids = ["price_pro"]\n'


def context(api: Api, scope: Scope | None, **more: Any) -> Context:
    return Context(request_id="req_1", scope=scope, services=api.services, **more)


async def of(api: Api, who: str) -> Scope:
    return Scope(actor=Actor(kind=ActorKind.USER, id=await api.user(who)), administrator=who == "ada")


@asynccontextmanager
async def following(api: Api, document: str, id: str, scope: Scope | None, **more: Any) -> AsyncIterator[Heard[Any]]:
    """Open a stream as a transport would."""
    stream = await build_schema().subscribe(
        document, variable_values={"of": id}, context_value=context(api, scope, **more)
    )
    async with hearing(stream) as heard:
        yield heard


async def told(heard: Heard[Any]) -> Any:
    """Await the next event, which has no error, and give its one field."""
    result = await heard.next()
    assert result.errors is None
    [value] = result.data.values()
    return value


async def test_entitlements_are_told_whole_and_anew_each_time(api: Api) -> None:
    acme = await api.organization()
    async with following(api, ENTITLEMENTS, acme["customer"]["id"], await of(api, "ann")) as heard:
        first = await told(heard)
        await api.holds(acme["customer"])
        paid = await told(heard)
        await api.join(acme, "bob")
        await api.holds(acme["customer"], quantity=9)
        more = await told(heard)

    assert (first["customer"], first["plans"], first["entitled"]) == ({"id": acme["customer"]["id"]}, [], False)
    assert (paid["plans"], paid["entitled"]) == (["team"], True)
    seats = [state["quantities"][-1] for state in (first, paid, more)]
    assert seats == [
        {"key": "seats", "value": 1, "used": 1, "remaining": 0},
        {"key": "seats", "value": 7, "used": 1, "remaining": 6},
        {"key": "seats", "value": 9, "used": 2, "remaining": 7},
    ]
    assert len({state["revision"] for state in (first, paid, more)}) == 3


async def test_seats_are_told_as_the_organization_has_them(api: Api) -> None:
    acme = await api.organization()
    async with following(api, SEATS, acme["id"], await of(api, "ann")) as heard:
        first = await told(heard)
        await api.holds(acme["customer"], quantity=2)
        await told(heard)
        await invite(api, acme, "guest@example.com")
        reserved = await told(heard)
        await api.holds(acme["customer"], quantity=1)
        over = await told(heard)

    assert first == {"limit": 1, "used": 1, "reserved": 0, "available": 0, "overLimit": False}
    assert reserved == {"limit": 2, "used": 1, "reserved": 1, "available": 0, "overLimit": False}
    assert over == {"limit": 1, "used": 1, "reserved": 1, "available": 0, "overLimit": True}


class TestRights:
    async def test_what_is_anothers_is_told_as_what_is_missing_and_the_stream_ends(self, api: Api) -> None:
        acme = await api.organization()
        eve = await of(api, "eve")
        before = await api.everything()
        for document, theirs in ((ENTITLEMENTS, acme["customer"]["id"]), (SEATS, acme["id"])):
            answers = []
            for id in (theirs, f"{theirs[:4]}{'0' * 32}", "nobody", "", "✓", "' OR 1=1 --"):
                async with following(api, document, id, eve) as heard:
                    answers.append(plain([(result := await heard.next()).data, result.errors]))
                    assert await heard.ended()

            assert len(set(answers)) == 1
            assert '": null' in answers[0]
        assert await api.everything() == before

    def test_every_place_that_takes_an_id_is_tried_here(self) -> None:
        streams = read_schema(print_schema()).subscription_type
        assert streams is not None

        assert {f"{name}({', '.join(field.args)})" for name, field in streams.fields.items()} == {
            "entitlementsChanged(customerId)",
            "seatsChanged(organizationId)",
        }

    @pytest.mark.parametrize("document", [ENTITLEMENTS, SEATS])
    async def test_who_is_removed_hears_of_it_as_null_and_then_nothing(self, api: Api, document: str) -> None:
        acme = await api.organization()
        await api.holds(acme["customer"])
        membership = await api.join(acme, "bob")
        id = acme["id"] if document is SEATS else acme["customer"]["id"]
        async with following(api, document, id, await of(api, "bob")) as heard:
            await told(heard)
            await api.do("removeMember", "ann", membershipId=membership)

            assert await told(heard) is None
            assert await heard.ended()
        assert await rests(api.services.live.watching)

    @pytest.mark.parametrize("document", [ENTITLEMENTS, SEATS])
    async def test_strangers_are_told_to_show_a_credential(self, api: Api, document: str) -> None:
        async with following(api, document, "org_1", None) as heard:
            result = await heard.next()

        assert [error.extensions["code"] for error in result.errors] == ["UNAUTHENTICATED"]
        assert api.services.live.watching.resting

    @pytest.mark.parametrize("document", [ENTITLEMENTS, SEATS])
    async def test_a_key_without_the_scope_is_refused(self, api: Api, document: str) -> None:
        rights = KeyRights(scopes=frozenset({ApiScope.AUDIT_READ}), organization_id=None)
        key = Scope(actor=Actor(kind=ActorKind.API_KEY, id=f"key_{'0' * 32}"), key=rights)
        async with following(api, document, "org_1", key) as heard:
            result = await heard.next()

        assert [error.formatted["extensions"] for error in result.errors] == [{"code": "FORBIDDEN"}]
        assert api.services.live.watching.resting

    async def test_a_credential_that_has_expired_gets_no_further_event(self, api: Api) -> None:
        acme = await api.organization()
        ann, expires_at = await of(api, "ann"), api.clock.forward(minutes=1)
        async with following(api, ENTITLEMENTS, acme["customer"]["id"], ann, expires_at=expires_at) as heard:
            refused = await heard.next()
        async with following(
            api, ENTITLEMENTS, acme["customer"]["id"], replace(ann), expires_at=api.clock.forward(minutes=5)
        ) as heard:
            refused_at_once = await heard.next()

        for result in (refused, refused_at_once):
            assert [error.extensions["code"] for error in result.errors] == ["UNAUTHENTICATED"]


async def test_over_a_socket_the_state_comes_first_and_a_change_through_http_next(serve: Serve) -> None:
    async with serve() as api, served(api.app) as address, talking(address) as talk:
        acme = await api.organization()
        await talk.introduce(authorization=f"Bearer {api.token('ann')}")
        await talk.subscribe("seats", SEATS, of=acme["id"])
        await talk.subscribe(
            "plans",
            "subscription($of: ID!) { entitlementsChanged(customerId: $of) { plans } }",
            of=acme["customer"]["id"],
        )
        first = [await talk.hear(), await talk.hear()]
        await api.holds(acme["customer"], quantity=2)
        second = [await talk.hear(), await talk.hear()]
        await talk.say({"id": "plans", "type": "complete"})
        await api.join(acme, "bob")
        third = await talk.hear()
        await talk.say({"id": "seats", "type": "complete"})
        await talk.ask("{ __typename }")

        assert await rests(api.services.live.watching)

    def heard(said: list[dict[str, Any]]) -> dict[str, Any]:
        return {one["id"]: one["payload"]["data"] for one in said}

    assert heard(first)["plans"] == {"entitlementsChanged": {"plans": []}}
    assert heard(second)["plans"] == {"entitlementsChanged": {"plans": ["team"]}}
    used = [heard(said)["seats"]["seatsChanged"]["used"] for said in (first, second, [third])]
    limits = [heard(said)["seats"]["seatsChanged"]["limit"] for said in (first, second, [third])]
    assert (used, limits) == ([1, 1, 2], [1, 2, 2])


async def test_a_socket_that_goes_takes_its_streams_with_it(serve: Serve) -> None:
    async with serve() as api, served(api.app) as address:
        acme = await api.organization()
        async with talking(address) as talk:
            await talk.introduce(authorization=f"Bearer {api.token('ann')}")
            await talk.subscribe("seats", SEATS, of=acme["id"])
            await talk.hear()
            assert not api.services.live.watching.resting

        assert await rests(api.services.live.watching)
