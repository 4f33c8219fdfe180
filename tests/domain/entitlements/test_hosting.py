"""A host's resolver answers everything in the mirror's place; what it does wrong denies, and only whom it concerns."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from domain.billing import Customer
from domain.db import Session
from domain.entitlements import FAILED, Entitlements, Reason, Resolved, Resolver
from domain.entitlements.hosting import sound
from domain.errors import ConfigError, InvalidInput, SeatLimitReached
from domain.organizations import Organization, UserRef
from domain.scope import Role, Scope, system
from domain.wiring import Services, build
from tests.support.clock import FixedClock
from tests.support.statements import statements
from tests.support.tables import unchanged
from tests.support.telling import tell
from tests.support.wired import customer_of, organization, settings_of, user

PRO = Resolved(plans=frozenset({"pro"}), features=frozenset({"reports", "api"}), quantities={"seats": 2, "projects": 9})


@dataclass
class PriceTable(Resolver):
    """Gives every customer the same, and remembers what it was asked."""

    gives: Any = PRO
    asked: list[tuple[list[str], datetime, bool]] = field(default_factory=list)

    async def resolve(
        self, *, customers: Sequence[Customer], at: datetime, session: Session | None
    ) -> Mapping[str, Resolved]:
        self.asked.append(([customer.id for customer in customers], at, session is not None))
        return {customer.id: self.gives for customer in customers}


@dataclass
class Wrong(PriceTable):
    """Does what it is told to, whatever that is, in the place of answering."""

    does: Callable[[Session | None], Any] = lambda _: None

    async def resolve(
        self, *, customers: Sequence[Customer], at: datetime, session: Session | None
    ) -> Mapping[str, Resolved]:
        done = self.does(session)
        given: Mapping[str, Resolved] = await done if asyncio.iscoroutine(done) else done
        return given


def by(services: Services, resolver: Resolver, seconds: float = 30) -> Entitlements:
    return replace(services.entitlements, resolver=resolver, seconds=seconds)


async def seat_limit(services: Services, entitlements: Entitlements, organization: Organization) -> int | None:
    async with services.database.snapshot() as session:
        return await entitlements.seat_limit(session, organization.id)


class TestAnswering:
    async def test_one_question_has_one_answer_wherever_it_is_asked(
        self, services: Services, acme: Organization, ann: Scope
    ) -> None:
        table = PriceTable()
        entitlements, payer = by(services, table), await customer_of(services, acme)

        [told] = (await entitlements.visible(services.customers(ann), [payer, "cst_no"])).values()

        assert await entitlements.entitled(acme, "reports")
        assert await entitlements.has_active_plan(acme, "pro")
        assert await entitlements.features_for(acme) == sorted(told.resolved.features) == ["api", "reports"]
        assert await entitlements.entitlement_quantity(acme, "seats") == told.quantity("seats") == 2
        assert told.chain_of("api") is told.chain_of_limit("seats") is None
        assert (told.given, told.as_of, told.holds("pro")) == (None, services.clock.now(), True)
        assert list(told.resolved.quantities) == ["projects", "seats"]
        assert await seat_limit(services, entitlements, acme) == 2
        async with services.database.snapshot() as session:
            assert (await entitlements.seat_usages(session, [acme.id]))[acme.id].limit == 2
        assert {at for _, at, _ in table.asked} == {services.clock.now()}
        assert all(customers == [payer] for customers, _, _ in table.asked)

    async def test_the_mirror_is_asked_no_more(self, services: Services, acme: Organization) -> None:
        await tell(services)

        assert not await by(services, PriceTable(gives=Resolved())).entitled(acme, "sso")

    async def test_many_are_asked_for_in_one_go_and_each_customer_once(
        self, services: Services, acme: Organization, ann: Scope
    ) -> None:
        table, other = PriceTable(), await organization(services, ann, "Other")

        with statements(services.database) as sent:
            granted = await by(services, table).entitled_many([acme, other, None, acme], "api")

        assert granted == [True, True, False, True]
        [(customers, _, within)] = table.asked
        assert (len(customers), within, len(sent)) == (2, False, 1)

    async def test_the_session_is_handed_over_where_the_caller_is_in_a_transaction(
        self, services: Services, acme: Organization
    ) -> None:
        table = PriceTable()

        await seat_limit(services, by(services, table), acme)
        await by(services, table).entitled(acme, "api")

        assert [within for _, _, within in table.asked] == [True, False]

    async def test_a_customer_whose_owner_goes_has_nothing_and_the_host_is_not_asked(
        self, services: Services, acme: Organization, ann: Scope
    ) -> None:
        table, payer = PriceTable(), await customer_of(services, acme)
        async with services.database.transaction() as session:
            await services.standing.delete(session, scope=ann, organization_id=acme.id)
        entitlements = by(services, table)

        told = await entitlements.visible(services.customers(system("test")), [payer])

        assert not await entitlements.entitled(acme, "api")
        assert told[payer].resolved == Resolved()
        assert await seat_limit(services, entitlements, acme) == 0
        assert table.asked == []

    async def test_what_the_host_said_in_the_past_is_not_made_up_from_the_mirror(
        self, services: Services, acme: Organization, ann: Scope
    ) -> None:
        entitlements, payer = by(services, PriceTable()), await customer_of(services, acme)

        with pytest.raises(InvalidInput):
            await entitlements.visible_at(services.customers(ann), [payer], as_of=services.clock.now())

    async def test_the_log_says_who_answered(
        self, services: Services, acme: Organization, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG, logger="seatgate.checks"):
            await by(services, PriceTable()).entitled(acme, "api")

        assert "resolver=price_table" in caplog.text


async def slowly(_: Session | None) -> None:
    await asyncio.sleep(30)


async def raises(_: Session | None) -> None:
    raise RuntimeError("the price table is away")


async def breaks_the_transaction(session: Session | None) -> None:
    if session is not None:
        await session.execute(text("SELECT nothing FROM nowhere"))
    raise RuntimeError


class TestDoubts:
    @pytest.mark.parametrize("does", [raises, slowly, breaks_the_transaction, lambda _: None, lambda _: [PRO]])
    async def test_what_fails_denies_because_of_an_error_and_the_seat_is_refused(
        self, services: Services, acme: Organization, ann: Scope, does: Any
    ) -> None:
        entitlements = by(services, Wrong(does=does), seconds=30 if does is not slowly else 0.05)
        payer = await customer_of(services, acme)

        told = await entitlements.visible(services.customers(ann), [payer])

        assert (await entitlements.decide(acme, "api")).reason is Reason.ERROR
        assert (await entitlements.decide_many([acme], ["api"]))[0]["api"].reason is Reason.ERROR
        assert told[payer].resolved == FAILED
        assert await entitlements.entitlement_quantity(acme, "seats") == 0
        async with services.database.transaction() as session:
            usage = (await entitlements.seat_usages(session, [acme.id]))[acme.id]
        assert (usage.limit, usage.used) == (0, 1)

    async def test_an_answer_that_makes_no_sense_denies_its_own_customer_alone(
        self, services: Services, acme: Organization, ann: Scope
    ) -> None:
        other = await organization(services, ann, "Other")
        given = {await customer_of(services, acme): "everything", await customer_of(services, other): PRO}
        entitlements = by(services, Wrong(does=lambda _: given))

        first, second = await entitlements.decide_many([acme, other], ["api"])

        assert (first["api"].reason, second["api"].reason) == (Reason.ERROR, Reason.ENTITLED)

    async def test_a_customer_that_is_left_out_is_denied_because_of_an_error(
        self, services: Services, acme: Organization
    ) -> None:
        decision = await by(services, Wrong(does=lambda _: {})).decide(acme, "api")

        assert decision.reason is Reason.ERROR


@pytest.mark.parametrize(
    "changes",
    [
        {"features": ["api"]},
        {"features": frozenset({7})},
        {"plans": None},
        {"quantities": {"seats": -1}},
        {"quantities": {"seats": True}},
        {"quantities": {"seats": 2**40}},
        {"quantities": {1: 1}},
        {"valid_until": datetime(2027, 1, 1)},  # noqa: DTZ001 - the nonsense
        {"override_ends": {"api": "soon"}},
        {"failed": True},
    ],
)
def test_an_answer_that_nobody_could_read_is_none(changes: dict[str, Any]) -> None:
    assert sound(replace(PRO, **changes), name="price_table", customer_id="cst_1") == FAILED
    assert sound(PRO, name="price_table", customer_id="cst_1") == PRO


class TestWiring:
    @pytest.fixture
    def resolver(self) -> PriceTable:
        return PriceTable()

    async def test_the_hosts_limit_is_the_limit_of_seats(
        self, database_url: str, clock: FixedClock, resolver: PriceTable
    ) -> None:
        services = build(settings_of(database_url), clock=clock, resolver=resolver)
        acme = await organization(services, await user(services, "ann"))
        people = [(await user(services, name)).actor.id for name in ("bob", "cy")]

        async def add(person: str) -> None:
            await services.database.run(
                lambda session: services.members.add(
                    session,
                    scope=system("test"),
                    organization_id=acme.id,
                    who=UserRef(id=person),
                    role=Role.MEMBER,
                )
            )

        await add(people[0])
        async with unchanged(services.database):
            with pytest.raises(SeatLimitReached):
                await add(people[1])
        await services.aclose()

    @pytest.mark.parametrize("given", [object(), type("Plain", (), {"resolve": lambda **_: {}, "name": ""})()])
    def test_what_is_no_resolver_stops_the_start(self, tmp_path: Path, given: Any) -> None:
        with pytest.raises(ConfigError) as refused:
            build(settings_of(f"sqlite+aiosqlite:///{tmp_path}/seatgate.db"), resolver=given)

        assert refused.value.faults == [
            "resolver: resolve is missing or not async",
            "resolver: name is missing or no text",
        ]
