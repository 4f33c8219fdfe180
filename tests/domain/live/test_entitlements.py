"""What a customer has, followed: the state now, every change, and the instants at which an answer changes by itself."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from domain.billing import Customer
from domain.db import Session
from domain.entitlements import EntitlementSet, Resolved, Wish
from domain.entitlements.catalog import parse
from domain.errors import Unavailable
from domain.ids import CustomerId
from domain.live import Live, following
from domain.live.watching import LOOK_SECONDS
from domain.organizations import Organization
from domain.scope import Role, Scope
from domain.wiring import Services, build
from tests.support.clock import FixedClock
from tests.support.databases import PostgreSQL, Sqlite
from tests.support.giving import SSO, grant, revoke
from tests.support.hearing import calm, hearing, lively, rests
from tests.support.tables import execute, unchanged
from tests.support.telling import tell
from tests.support.wired import customer_of, member, organization, settings_of, user, wired

INSTANT = timedelta(microseconds=1)
NOTHING: frozenset[str] = frozenset()


def names(*given: str) -> frozenset[str]:
    return frozenset(given)


def stream(
    services: Services, reader: Scope, customer_id: str, live: Live | None = None
) -> AsyncGenerator[EntitlementSet]:
    return (live or services.live).entitlements(services.customers(reader), customer_id)


async def test_the_state_now_comes_first_and_then_every_change(
    services: Services, live: Live, ann: Scope, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    async with hearing(stream(services, ann, payer, live)) as heard:
        first = await heard.next()
        await tell(services)
        paid = await heard.next()
        override = await grant(services, payer, SSO)
        clock.forward(seconds=1)
        await tell(services, price="price_pro_monthly")
        changed = await heard.next()
        while "sso" not in changed.resolved.features or "team" in changed.resolved.plans:
            changed = await heard.next()
        await revoke(services, override.id)
        less = await heard.next()
        async with services.database.transaction() as session:
            await services.standing.delete(session, scope=ann, organization_id=acme.id)
        closed = await heard.next()

    assert (first.resolved.plans, paid.resolved.plans) == (NOTHING, names("team"))
    assert (changed.resolved.plans, changed.resolved.features) == (names("pro"), names("api", "reports", "sso"))
    assert less.resolved.features == {"api", "reports"}
    assert closed.resolved == Resolved()


async def test_what_leaves_the_answers_as_they_were_is_told_to_nobody(
    services: Services, live: Live, ann: Scope, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    await tell(services)
    async with hearing(stream(services, ann, payer, live)) as heard:
        await heard.next()
        await calm(live.watching)
        clock.forward(seconds=1)
        await tell(services, metadata={"note": "nothing that anybody is given"})
        await live.watching.look()
        await calm(live.watching)
        assert heard.silent
        clock.forward(seconds=1)
        await tell(services, price="price_pro_monthly")

        assert (await heard.next()).resolved.plans == {"pro"}


async def test_an_override_ends_for_whoever_watches_at_the_instant_after_its_last(
    services: Services, live: Live, ann: Scope, payer: CustomerId, clock: FixedClock
) -> None:
    end = clock.now() + timedelta(hours=3)
    await grant(services, payer, SSO, expires_at=end)
    async with hearing(stream(services, ann, payer, live)) as heard:
        given = await heard.next()
        await calm(live.watching)
        clock.forward(hours=3)
        await live.watching.look()
        await calm(live.watching)
        assert heard.silent
        clock.forward(microseconds=1)
        await live.watching.look()
        over = await heard.next()

    assert given.resolved.valid_until == end
    assert (over.resolved.features, over.as_of) == (NOTHING, end + INSTANT)


async def test_grace_ends_for_whoever_watches_at_the_instant_after_its_last(
    services: Services, live: Live, ann: Scope, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    await tell(services, status="past_due")
    async with hearing(stream(services, ann, payer, live)) as heard:
        grace = await heard.next()
        until = grace.resolved.valid_until
        assert until is not None
        await calm(live.watching)
        clock.forward(seconds=(until - clock.now()).total_seconds())
        await live.watching.look()
        await calm(live.watching)
        assert heard.silent
        clock.forward(microseconds=1)
        await live.watching.look()
        over = await heard.next()

    assert (grace.resolved.grace_plans, until) == (names("team"), grace.as_of + timedelta(days=7))
    assert (over.resolved.plans, over.resolved.expired_grace_plans) == (NOTHING, names("team"))
    assert over.as_of == until + INSTANT


async def test_a_catalog_that_comes_into_force_is_told_to_everybody(
    services: Services, live: Live, ann: Scope, payer: CustomerId
) -> None:
    other = parse({"a": "[default]\nfeatures = ['free']\n[plans.pro]\nlimits.seats = 5\n"})
    own = await customer_of(services, ann)
    await services.rollout.start()
    async with hearing(stream(services, ann, payer, live)) as heard, hearing(stream(services, ann, own, live)) as too:
        first, _ = await heard.next(), await too.next()
        await calm(live.watching)
        await services.rollout.apply(other, scope=Scope(actor=ann.actor, administrator=True))
        await services.rollout.follow()
        told = [await heard.next(), await too.next()]

    assert first.catalog != other
    assert [(one.catalog.version, one.resolved.features) for one in told] == [(other.version, names("free"))] * 2


class TestWhoMayNot:
    async def test_a_strangers_stream_ends_before_it_begins(
        self, services: Services, payer: CustomerId, clock: FixedClock
    ) -> None:
        eve = await user(services, "eve")
        async with unchanged(services.database):
            for customer_id in (payer, f"cst_{'0' * 32}", "nobody", ""):
                async with hearing(stream(services, eve, customer_id)) as heard:
                    assert await heard.ended()

    async def test_who_loses_the_right_hears_nothing_more_although_nothing_changes(
        self, services: Services, acme: Organization, payer: CustomerId
    ) -> None:
        bob = await user(services, "bob")
        await member(services, acme, bob, Role.MEMBER)
        async with hearing(stream(services, bob, payer)) as heard:
            await heard.next()
            await execute(services.database, f"DELETE FROM memberships WHERE user_id = '{bob.actor.id}'")

            assert await heard.ended()
        assert await rests(services.live.watching)


async def test_while_the_database_is_away_nothing_is_told_and_then_the_state_as_it_is(
    services: Services, ann: Scope, payer: CustomerId
) -> None:
    async with hearing(stream(services, ann, payer)) as heard:
        await heard.next()
        await execute(services.database, "ALTER TABLE customers RENAME TO customers_away")
        waiting = asyncio.create_task(heard.next())
        services.live.watching.wake_all()
        with pytest.raises(Unavailable):
            await services.entitlements.visible(services.customers(ann), [payer])
        await execute(services.database, "ALTER TABLE customers_away RENAME TO customers")
        await grant(services, payer, SSO)

        assert (await waiting).resolved.features == {"sso"}


async def test_a_burst_is_told_as_its_end(services: Services, live: Live, ann: Scope, payer: CustomerId) -> None:
    loop, told = asyncio.get_running_loop(), list[EntitlementSet]()
    async with hearing(stream(services, ann, payer, live)) as heard:
        began = loop.time()
        told.append(await heard.next())
        for _ in range(20):
            override = await grant(services, payer, SSO)
            await revoke(services, override.id)
        await grant(services, payer, SSO)
        while "sso" not in told[-1].resolved.features or len(told) == 1:
            told.append(await heard.next())

    assert len(told) <= (loop.time() - began) / following.LEAST_SECONDS + 2
    revisions = [one.revision for one in told]
    assert all(before != after for before, after in pairwise(revisions))


async def test_whoever_stops_listening_leaves_nothing_behind(services: Services, ann: Scope, payer: CustomerId) -> None:
    async with hearing(stream(services, ann, payer)) as heard, hearing(stream(services, ann, payer)) as too:
        await heard.next()
        await too.next()
        assert not services.live.watching.resting
    assert await rests(services.live.watching)

    async with hearing(stream(services, ann, payer)) as heard:
        await heard.next()
        await grant(services, payer, SSO)
        assert (await heard.next()).resolved.features == {"sso"}


async def test_streams_end_as_unavailable_when_seatgate_is_closed(
    services: Services, ann: Scope, payer: CustomerId
) -> None:
    async with hearing(stream(services, ann, payer)) as heard:
        await heard.next()
        waiting = asyncio.create_task(heard.next())
        await asyncio.sleep(0)
        await calm(services.live.watching)
        await services.live.aclose()

        with pytest.raises(Unavailable):
            await waiting


class Moody:
    """A host's resolver that changes its mind, and tells nobody."""

    def __init__(self) -> None:
        self.features: frozenset[str] = frozenset()
        self.until: datetime | None = None

    @property
    def name(self) -> str:
        return "moody"

    async def resolve(
        self, *, customers: Sequence[Customer], at: datetime, session: Session | None
    ) -> Mapping[str, Resolved]:
        return {one.id: Resolved(features=self.features, valid_until=self.until) for one in customers}


async def test_a_hosts_resolver_is_asked_again_and_again(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    moody = Moody()
    services = build(settings_of(sqlite.fresh(tmp_path)), clock=clock, resolver=moody)
    ann = await user(services, "ann")
    payer = await customer_of(services, await organization(services, ann))
    async with hearing(stream(services, ann, payer)) as heard:
        first = await heard.next()
        moody.features = frozenset({"sso"})
        second = await heard.next()
    await services.aclose()

    assert (first.resolved.features, second.resolved.features) == (NOTHING, names("sso"))


async def test_an_end_that_a_host_gives_too_late_does_not_let_the_stream_spin(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    moody = Moody()
    moody.until = clock.now() - timedelta(hours=1)
    services = build(settings_of(sqlite.fresh(tmp_path)), clock=clock, resolver=moody)
    ann = await user(services, "ann")
    payer = await customer_of(services, ann)
    async with lively(services) as live, hearing(stream(services, ann, payer, live)) as heard:
        given = await heard.next()
        await calm(live.watching)
        [watched] = live.watching._watched.values()

        assert given.resolved.valid_until == moody.until
        assert [watcher.until for watcher in watched.watchers] == [None]
    await services.aclose()


async def test_without_hints_the_look_out_finds_what_others_do(
    services: Services, ann: Scope, payer: CustomerId, database_url: str, clock: FixedClock
) -> None:
    nowhere = "postgresql+asyncpg://postgres@/seatgate?host=/nowhere"
    given = {"SEATGATE_DATABASE_LISTEN_URL": nowhere} if database_url.startswith("postgresql") else {}
    deaf = wired(database_url, clock, **given)
    async with lively(deaf, looks=LOOK_SECONDS) as live, hearing(stream(deaf, ann, payer, live)) as heard:
        first = await heard.next()
        await calm(live.watching)
        await grant(services, payer, SSO)
        second = await heard.next()
    await deaf.aclose()

    assert (first.resolved.features, second.resolved.features) == (NOTHING, names("sso"))


async def test_over_postgresql_a_hint_of_another_process_is_enough(
    postgresql: PostgreSQL, tmp_path: Path, clock: FixedClock
) -> None:
    url = postgresql.fresh(tmp_path)
    services, other = wired(url, clock), wired(url, clock)
    ann = await user(services, "ann")
    payer = await customer_of(services, ann)
    async with lively(other) as live, hearing(stream(other, ann, payer, live)) as heard:
        first = await heard.next()
        # Who listens for the first time is told to look everywhere; what is done before that is found by it.
        await grant(services, payer, SSO)
        second = await heard.next()
        await calm(live.watching)
        await grant(services, payer, Wish(limit="seats", value=9))
        third = await heard.next()
    await other.aclose()
    await services.aclose()

    assert [one.resolved.features for one in (first, second, third)] == [NOTHING, names("sso"), names("sso")]


async def test_an_instant_that_comes_wakes_by_itself(
    services: Services, live: Live, ann: Scope, payer: CustomerId, clock: FixedClock
) -> None:
    await grant(services, payer, SSO, expires_at=clock.now() + timedelta(milliseconds=200))
    async with hearing(stream(services, ann, payer, live)) as heard:
        given = await heard.next()
        await calm(live.watching)
        clock.forward(seconds=1)
        over = await heard.next()

    assert (given.resolved.features, over.resolved.features) == (names("sso"), NOTHING)


async def test_a_look_that_fails_is_followed_by_another(services: Services, ann: Scope, payer: CustomerId) -> None:
    async with (
        lively(services, looks=LOOK_SECONDS) as live,
        hearing(stream(services, ann, payer, live)) as heard,
    ):
        await heard.next()
        await execute(services.database, "ALTER TABLE overrides RENAME TO overrides_away")
        with pytest.raises((Unavailable, DBAPIError)):
            await live.watching.look()
        await execute(services.database, "ALTER TABLE overrides_away RENAME TO overrides")
        await grant(services, payer, SSO)

        assert (await heard.next()).resolved.features == {"sso"}
