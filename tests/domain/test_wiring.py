"""What `build` joins: the host's callbacks and hooks before billing's, and a fault stops the start."""

from pathlib import Path
from typing import Any

import pytest

from domain import settings, wiring
from domain.errors import CallbackRefused, ConfigError, Refused, SeatLimitReached
from domain.identity import Arrival
from domain.organizations import Entry, Organization, OrganizationCallbacks, UserRef
from domain.scope import Role
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.seating import CATALOG, scope_of
from tests.support.tables import execute, scalar, unchanged


class Doorman(OrganizationCallbacks):
    """Lets nobody in who is added."""

    async def before_add_member(self, *, entry: Entry, **_: Any) -> None:
        if entry is Entry.ADDED:
            raise Refused("closed")


def build(sqlite: Sqlite, folder: Path, *callbacks: OrganizationCallbacks, hooks: Any = None) -> Services:
    (folder / "catalog.toml").write_text(CATALOG, encoding="utf-8")
    environ = {"SEATGATE_DATABASE_URL": sqlite.fresh(folder), "SEATGATE_CATALOG": str(folder / "catalog.toml")}
    return wiring.build(settings.read(environ, folder=folder), callbacks=callbacks, hooks=hooks, clock=FixedClock())


async def found(services: Services) -> tuple[Any, Organization]:
    owner = await services.users.arrive(
        Arrival(issuer="i", subject="owner", email="owner@example.com", name=None, issued_at=None)
    )
    await services.users.arrive(Arrival(issuer="i", subject="ann", email="ann@example.com", name=None, issued_at=None))
    organization = await services.database.run(
        lambda session: services.organizations.create(session, scope=scope_of(owner), name="Acme")
    )
    return scope_of(owner), organization


async def test_users_and_organizations_get_their_customers_and_seats(sqlite: Sqlite, tmp_path: Path) -> None:
    services = build(sqlite, tmp_path)

    scope, organization = await found(services)

    assert await scalar(services.database, "SELECT count(*) FROM customers WHERE owner_kind = 'user'") == 2
    assert await scalar(services.database, "SELECT used FROM seat_pools") == 1
    async with services.database.snapshot() as session:
        assert await services.reading(scope).organization(session, id=organization.id) is not None
        visible = services.customers(scope)
        assert set(await visible.by_owner(session, [organization.id])) == {organization.id}
    assert await services.worker.round() == 0
    await services.aclose()


@pytest.mark.parametrize(("callbacks", "error"), [((Doorman(),), CallbackRefused), ((), SeatLimitReached)])
async def test_the_host_is_asked_before_a_seat_is_claimed(
    sqlite: Sqlite, tmp_path: Path, callbacks: tuple[OrganizationCallbacks, ...], error: type[Exception]
) -> None:
    services = build(sqlite, tmp_path, *callbacks)
    scope, organization = await found(services)

    async with unchanged(services.database):
        with pytest.raises(error):
            await services.database.run(
                lambda session: services.members.add(
                    session,
                    scope=scope,
                    organization_id=organization.id,
                    who=UserRef(email="ann@example.com"),
                    role=Role.MEMBER,
                )
            )
    await services.aclose()


async def test_the_worker_forgets_what_is_worth_nothing_more_once_a_minute(sqlite: Sqlite, tmp_path: Path) -> None:
    services = build(sqlite, tmp_path)
    clock = services.clock
    assert isinstance(clock, FixedClock)
    assert await services.worker.round() == 0
    old = "2026-11-20 11:00:00.000000"
    await execute(
        services.database,
        f"INSERT INTO idempotency_keys VALUES ('usr_1', 'addMember', 'k', 'd', '{{}}', '{old}')",
        f"INSERT INTO rate_counts VALUES ('bucket', 1, '{old}')",
        f"INSERT INTO used_proofs VALUES ('usr_1', 'proof', '{old}')",
    )

    within = await services.worker.round()
    clock.forward(minutes=1)
    after = await services.worker.round()

    assert (within, after) == (0, 3)
    await services.aclose()


def test_a_hook_with_an_unknown_name_stops_the_start(sqlite: Sqlite, tmp_path: Path) -> None:
    async def check(**_: object) -> None:
        pass

    with pytest.raises(ConfigError, match="no hook named 'on_registration'"):
        build(sqlite, tmp_path, hooks={"on_registration": check})
