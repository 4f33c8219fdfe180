"""Granting and revoking overrides: at once, once, with an audit row, and nothing left where it is refused."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from domain.audit import AuditEvent
from domain.db import Page, page_of
from domain.entitlements import UNLIMITED, Override, Reason, Wish, overrides_of
from domain.entitlements.catalog import GREATEST
from domain.entitlements.overriding import _checked_reason
from domain.errors import Forbidden, InvalidInput, NotFound
from domain.ids import CustomerId
from domain.organizations import Organization
from domain.scope import Scope
from domain.wiring import Services
from tests.domain.entitlements.test_resolver import PLAIN
from tests.support.clock import FixedClock
from tests.support.giving import REASON, SEATS, grant, revoke
from tests.support.tables import changes, dump, unchanged
from tests.support.telling import tell
from tests.support.wired import customer_of


@pytest.fixture
async def payer(services: Services, acme: Organization) -> CustomerId:
    return await customer_of(services, acme)


async def event_of(services: Services, action: str) -> AuditEvent:
    async with services.database.snapshot() as session:
        [found] = await session.scalars(select(AuditEvent).where(AuditEvent.action == action))
    return found


async def listed(services: Services, customer_id: str, *, living_at: datetime | None = None, **page: Any) -> list[str]:
    async with services.database.snapshot() as session:
        found = await page_of(session, overrides_of(customer_id, living_at=living_at), Page(**({"size": 9} | page)))
    return [row.id for row in found.rows]


async def test_what_is_granted_is_there_at_once_with_its_author_and_one_audit_row(
    services: Services, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    before, end = await dump(services.database), clock.now() + timedelta(days=7)

    override = await grant(services, payer, expires_at=end, reason=f"  {REASON}\n")

    decision = await services.entitlements.decide(acme, "sso")
    assert (decision.reason, decision.valid_until) == (Reason.ENTITLED, end)
    assert (override.created_by, override.created_at, override.reason) == ("test", clock.now(), REASON)
    assert changes(before, await dump(services.database)) == {"audit_events": (0, 1), "overrides": (0, 1)}
    event = await event_of(services, "override.granted")
    assert (event.subject_id, event.organization_id) == (override.id, acme.id)
    assert event.after == {
        "customer_id": payer,
        "feature": "sso",
        "limit": None,
        "value": None,
        "reason": REASON,
        "expires_at": end.isoformat(),
    }


@pytest.mark.parametrize(
    ("wish", "seats"), [(SEATS, 4), (Wish(limit="seats", unlimited=True), UNLIMITED)], ids=["4", "unlimited"]
)
async def test_a_limit_is_raised_to_at_least_the_value(
    services: Services, acme: Organization, payer: CustomerId, wish: Wish, seats: int
) -> None:
    await grant(services, payer, wish)

    assert await services.entitlements.entitlement_quantity(acme, "seats") == seats


async def test_an_override_ends_by_itself_after_its_last_instant(
    services: Services, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    await grant(services, payer, expires_at=clock.now() + timedelta(days=1))

    clock.forward(days=1)
    at_the_end = await services.entitlements.entitled(acme, "sso")
    clock.forward(microseconds=1)

    assert at_the_end
    assert not await services.entitlements.entitled(acme, "sso")


async def test_what_is_revoked_is_gone_at_once_and_its_row_stays(
    services: Services, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    override = await grant(services, payer)
    clock.forward(minutes=1)

    revoked = await revoke(services, override.id)

    assert not await services.entitlements.entitled(acme, "sso")
    assert (revoked.revoked_at, revoked.revoked_by, revoked.revoked_reason) == (
        clock.now(),
        "test",
        "it was a mistake",
    )
    event = await event_of(services, "override.revoked")
    assert (event.subject_id, event.after) == (override.id, {"reason": "it was a mistake"})
    assert event.before is not None
    assert event.before["feature"] == "sso"


async def test_a_plan_keeps_what_it_gives_when_an_override_of_the_same_ends(
    services: Services, acme: Organization, payer: CustomerId
) -> None:
    await tell(services)
    override = await grant(services, payer)

    await revoke(services, override.id)

    assert await services.entitlements.entitled(acme, "sso")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (Wish(), []),
        (Wish(feature="sso", limit="seats", value=1), []),
        (Wish(feature="sso", value=1), ["value"]),
        (Wish(feature="sso", unlimited=True), ["unlimited"]),
        (Wish(feature="soo"), ["feature"]),
        (Wish(feature="SSO"), ["feature"]),
        (Wish(feature=""), ["feature"]),
        (Wish(limit="seats"), ["value"]),
        (Wish(limit="seats", value=3, unlimited=True), ["value"]),
        (Wish(limit="seats", value=0), ["value"]),
        (Wish(limit="seats", value=-1), ["value"]),
        (Wish(limit="seats", value=UNLIMITED), ["value"]),
        (Wish(limit="seets", value=1), ["limit"]),
        (Wish(limit="sso", value=1), ["limit"]),
    ],
)
def test_what_cannot_be_given_or_nobody_would_ask_for_is_refused(wish: Wish, field: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        wish.check(PLAIN)

    assert refused.value.path == ["input", *field]


@pytest.mark.parametrize("value", [1, GREATEST])
def test_features_and_limits_of_plans_and_of_the_default_can_be_given(value: int) -> None:
    for feature in ("sso", "reading"):
        Wish(feature=feature).check(PLAIN)
    for limit in ("seats", "projects", "tokens"):
        Wish(limit=limit, value=value).check(PLAIN)
        Wish(limit=limit, unlimited=True).check(PLAIN)


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 1001, "nul \x00", "half \ud800", "bell \x07"])
def test_a_reason_that_is_none_is_refused(reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        _checked_reason(reason)

    assert refused.value.path == ["input", "reason"]


@pytest.mark.parametrize("reason", ["x", "x" * 1000, "two\nlines\tand ünïcode 🙂"])
def test_any_written_reason_is_kept_as_it_is(reason: str) -> None:
    assert _checked_reason(reason) == reason


async def test_whatever_is_refused_leaves_nothing(services: Services, payer: CustomerId, clock: FixedClock) -> None:
    override = await grant(services, payer)

    async with unchanged(services.database):
        for refused in ({"wish": Wish(feature="soo")}, {"reason": " "}, {"expires_at": clock.now()}):
            with pytest.raises(InvalidInput):
                await grant(services, payer, **refused)
        with pytest.raises(InvalidInput):
            await revoke(services, override.id, reason=" ")


async def test_only_administrators_grant_and_revoke(services: Services, ann: Scope, payer: CustomerId) -> None:
    override = await grant(services, payer)

    async with unchanged(services.database):
        with pytest.raises(Forbidden):
            await grant(services, payer, scope=ann)
        with pytest.raises(Forbidden):
            await revoke(services, override.id, scope=ann)


async def test_to_whom_is_not_there_nothing_is_granted_and_what_is_not_there_is_not_revoked(
    services: Services, acme: Organization
) -> None:
    async with unchanged(services.database):
        with pytest.raises(NotFound):
            await grant(services, acme.id)
        with pytest.raises(NotFound):
            await revoke(services, "ovr_no")


async def test_to_whose_owner_is_deleted_nothing_is_granted_but_it_may_be_revoked(
    services: Services, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    override = await grant(services, payer)
    async with services.database.transaction() as session:
        await services.standing.delete(session, scope=ann, organization_id=acme.id)

    with pytest.raises(InvalidInput):
        await grant(services, payer)

    assert (await revoke(services, override.id)).revoked_at is not None


async def test_what_has_been_revoked_or_has_ended_is_not_revoked(
    services: Services, payer: CustomerId, clock: FixedClock
) -> None:
    revoked = await grant(services, payer)
    await revoke(services, revoked.id)
    ended = await grant(services, payer, expires_at=clock.now() + timedelta(days=1))
    clock.forward(days=1, microseconds=1)

    async with unchanged(services.database):
        for override in (revoked, ended):
            with pytest.raises(InvalidInput) as refused:
                await revoke(services, override.id)
            assert refused.value.path == ["input", "overrideId"]


async def test_overrides_are_listed_newest_first_page_by_page_and_ended_ones_only_when_asked_for(
    services: Services, payer: CustomerId, clock: FixedClock
) -> None:
    made: list[Override] = []
    for days in (1, 2, 3, None):
        made.append(await grant(services, payer, expires_at=days and clock.now() + timedelta(days=days)))
        clock.forward(minutes=1)
    await revoke(services, made[2].id)
    clock.forward(days=1)
    newest = [row.id for row in reversed(made)]

    place = (made[2].created_at, made[2].id)
    assert await listed(services, payer) == newest
    assert await listed(services, payer, size=2) == newest[:2]
    assert await listed(services, payer, after=place) == newest[2:]
    assert await listed(services, payer, living_at=clock.now()) == [made[3].id, made[1].id]
    assert await listed(services, "cst_no") == []
