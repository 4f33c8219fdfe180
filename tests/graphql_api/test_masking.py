"""What goes wrong inside stays inside: resolvers, loaders, callbacks, the commit. Nothing is written or told."""

import logging
from typing import Any

import pytest
import strawberry
from sqlalchemy import event, text
from strawberry import Info
from strawberry.dataloader import DataLoader

from domain.db import Session
from domain.organizations import OrganizationCallbacks
from graphql_api import unit_of_work
from graphql_api.context import Context
from graphql_api.unit_of_work import UnitOfWork
from tests.graphql_api.conftest import Serve
from tests.support.api import Answer, Api

SECRET = "postgresql://root:hunter2@db/seatgate"


async def broken(keys: list[str]) -> list[str]:
    raise RuntimeError(SECRET)


@strawberry.type
class Broken:
    @strawberry.field
    def resolver(self) -> str | None:
        raise RuntimeError(SECRET)

    @strawberry.field
    async def loader(self) -> str | None:
        return await DataLoader(broken).load("key")

    @strawberry.field
    def value(self) -> int | None:
        return SECRET  # type: ignore[return-value]  # graphql-core complains of it in words that hold the value


def check_masked(answer: Answer, field: str, log: pytest.LogCaptureFixture) -> None:
    (error,) = answer.body["errors"]
    identity = answer.response.headers["x-request-id"]
    assert error["message"] == "Internal error"
    assert error["path"] == [field]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": identity}
    assert answer.body["data"] == {field: None}
    assert "hunter2" not in answer.response.text
    assert any(identity in record.getMessage() and record.exc_info for record in log.records)


@pytest.mark.parametrize("field", ["resolver", "loader", "value"])
async def test_a_fault_in_a_read_leaves_as_an_internal_error(
    serve: Serve, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(query=[Broken]) as api:
        answer = await api.ask(f"{{ {field} }}")

    check_masked(answer, field, caplog)


class BrokenHost(OrganizationCallbacks):
    async def after_create_organization(self, **_: Any) -> None:
        raise RuntimeError(SECRET)


class Dismissive(OrganizationCallbacks):
    """Sees to it that the commit fails, and nothing before it."""

    async def after_create_organization(self, *, session: Session, **_: Any) -> None:
        def fail(_: Any) -> None:
            raise RuntimeError(SECRET)

        event.listen(session.sync_session, "before_commit", fail, once=True)


@pytest.mark.parametrize("host", [BrokenHost(), Dismissive()], ids=["callback", "commit"])
async def test_a_fault_in_a_write_leaves_nothing_behind(
    serve: Serve, host: OrganizationCallbacks, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(callbacks=[host]) as api:
        await api.user("ann")
        before = await api.everything()

        answer = await api.try_to("createOrganization", "ann", name="Acme")

        assert await api.everything() == before
    check_masked(answer, "createOrganization", caplog)


async def test_a_commit_that_the_database_refuses_is_internal_too(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    class Orphan(OrganizationCallbacks):
        async def after_create_organization(self, *, session: Session, **_: Any) -> None:
            await session.execute(text("PRAGMA defer_foreign_keys = on"))
            await session.execute(text("UPDATE memberships SET user_id = 'hunter2'"))

    async with serve(callbacks=[Orphan()]) as api:
        await api.user("ann")
        before = await api.everything()

        answer = await api.try_to("createOrganization", "ann", name="Acme")

        assert await api.everything() == before
    check_masked(answer, "createOrganization", caplog)


async def test_children_of_a_mutation_do_not_see_its_transaction(serve: Serve) -> None:
    seen: list[str] = []

    def look(place: str) -> str:
        try:
            unit_of_work.session()
        except LookupError:
            seen.append(f"{place}: none")
        else:
            seen.append(f"{place}: a session")
        return place

    @strawberry.type
    class Payload:
        errors: list[str]
        child: str = strawberry.field(resolver=lambda: look("child"))

    async def body(info: Info[Context, None]) -> Payload | None:
        look("mutation")
        return Payload(errors=[])

    @strawberry.type
    class Writes:
        write: Payload | None = strawberry.mutation(resolver=body, extensions=[UnitOfWork()])

    async with serve(mutation=[Writes]) as api:
        answer = await api.ask("mutation { write { child } }")

    assert answer.data == {"write": {"child": "child"}}
    assert seen == ["mutation: a session", "child: none"]
    look("outside")
    assert seen[-1] == "outside: none"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"text"', 400),
        (b"{}", 400),
        (b'{"query": 7}', 400),
        (b'{"query": "{ viewer", "variables": {}}', 400),
        (b'{"query": "{ ghost }"}', 400),
        (b'{"query": "{ viewer { administrator } }", "variables": []}', 400),
        (b"\xff", 400),
        (b"[" * 10000, 400),
        (b" " * (256 * 1024 + 1), 413),
    ],
    ids=lambda value: value[:40].decode(errors="replace") if isinstance(value, bytes) else str(value),
)
async def test_a_body_that_is_no_request_is_refused_with_a_code(api: Api, body: bytes, status: int) -> None:
    await api.user("ann")
    before = await api.everything()
    headers = {
        "authorization": f"Bearer {api.token('ann')}",
        "content-type": "application/json",
        "accept": "application/graphql-response+json",
    }

    answer = Answer(response=await api.client.post("/graphql", content=body, headers=headers))

    assert answer.response.status_code == status
    assert set(answer.codes) <= {"BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    assert len(answer.codes) == 1
    assert answer.body["errors"][0]["extensions"]["requestId"] == answer.response.headers["x-request-id"]
    assert "Traceback" not in answer.response.text
    assert await api.everything() == before


async def test_nothing_is_logged_of_a_token(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await api.ask("{ viewer { administrator } }")

    assert api.token("ann") not in caplog.text
