"""A few customers, one clock and one gate. What the gate answered is kept, and asked of the past at the end.

A second opinion works the answers out from what people remember: for (T, T) the live gate itself is the judge, for any
other pair of instants there never was one.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domain.billing import CustomerReading, Owner, OwnerKind, ProcessorName, create_customer, facts, link_account
from domain.billing.facts import Fact
from domain.db import Database, Session
from domain.entitlements import Catalog, Entitlements, EntitlementSet, Given, Held, InForce, UnmappedPrice, resolve
from domain.entitlements.decisions import revision
from domain.entitlements.resolver import FAILED, Resolved
from domain.ids import SubscriptionId
from domain.organizations import seen_through
from domain.scope import system
from tests.support.clock import FixedClock
from tests.support.shadow.catalogs import CATALOGS, put_in_force
from tests.support.shadow.people import Person

INSTANT = timedelta(microseconds=1)
BEGINS = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
# No world lasts as long, so that each begins at the same instant whichever were there before it.
APART = timedelta(days=1000)
AT_MOST = 50
"""How many worlds fit into one database, before the years run out."""
LEAPS = (INSTANT, timedelta(seconds=1), timedelta(seconds=40), timedelta(hours=2), timedelta(days=1), timedelta(days=4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the live gate answered to everybody at one instant, by customer; who was none yet had nothing."""

    at: datetime
    answers: dict[str, EntitlementSet]
    nothing: str

    def revision(self, customer_id: str) -> str:
        found = self.answers.get(customer_id)
        return self.nothing if found is None else found.revision


@dataclass(slots=True, kw_only=True)
class World:
    """Lives `ticks` long; at each tick some of its customers do something, all at one instant."""

    name: str
    database: Database
    clock: FixedClock
    chance: random.Random
    in_force: InForce
    people: list[Person] = field(default_factory=list)
    catalogs: list[tuple[datetime, Catalog]] = field(default_factory=list)
    log: list[Kept] = field(default_factory=list)

    @property
    def gate(self) -> Entitlements:
        return Entitlements(database=self.database, clock=self.clock, in_force=self.in_force)

    @property
    def reading(self) -> CustomerReading:
        scope = system("test")
        return CustomerReading(scope=scope, own_organizations=seen_through(scope))

    @property
    def customers(self) -> list[str]:
        return [person.customer.id for person in self.people]

    async def live(self, *, customers: int, ticks: int) -> None:
        """Go through it all, keeping what was answered after each tick and between some."""
        for tick in range(ticks):
            self._leap()
            async with self.database.transaction() as session:
                await self._tick(session, wanted=min(customers, customers // 2 + tick), first=tick == 0)
            await self._keep()
            if self.chance.random() < 0.4:
                self._leap()
                await self._keep()

    async def wrong(self) -> list[str]:
        """Ask again for every instant that was kept, and say where the answer is another one."""
        self.clock.forward(days=1)
        told = []
        for kept in self.log:
            found = await self.gate.visible_at(self.reading, self.customers, as_of=kept.at, known_at=kept.at)
            told += [self._difference(kept, person, found.get(person.customer.id)) for person in self.people]
        return [line for line in told if line]

    async def mistaken(self, pairs: int) -> list[str]:
        """Ask for random pairs of instants, and say where the answer is not what people remember."""
        told = []
        for _ in range(pairs):
            as_of, known_at = (self.chance.choice(self.log).at + self.chance.choice([-1, 0, 0]) * INSTANT for _ in "12")
            if min(as_of, known_at) < self.log[0].at:
                continue
            found = await self.gate.visible_at(self.reading, self.customers, as_of=as_of, known_at=known_at)
            for person in self.people:
                answers = found[person.customer.id]
                assert isinstance(answers, EntitlementSet)
                if answers.revision != self._remembered(person, as_of, known_at):
                    told.append(f"{person.name} as of {as_of} known at {known_at}: {answers.resolved}")
        return told

    def _difference(self, kept: Kept, person: Person, found: object) -> str | None:
        assert isinstance(found, EntitlementSet), found
        if found.revision == kept.revision(person.customer.id) and (found.as_of, found.known_at) == (kept.at, kept.at):
            return None
        live = kept.answers.get(person.customer.id)
        lines = [f"{person.name} at {kept.at}", f"  live: {live and live.resolved}", f"  past: {found.resolved}"]
        return "\n".join([*lines, *(f"    {deed}" for deed in person.deeds)])

    async def _tick(self, session: Session, *, wanted: int, first: bool) -> None:
        now = self.clock.now()
        if first or self.chance.random() < 0.2:
            catalog = self.in_force.catalog if first else self.chance.choice(CATALOGS)
            await put_in_force(session, catalog, at=now)
            self.in_force.replace(catalog)
            self.catalogs.append((now, catalog))
        while len(self.people) < wanted:
            self.people.append(await self._person(session, now))
        for person in self.people:
            if self.chance.random() < 0.7:
                await person.live(session, now)

    async def _person(self, session: Session, now: datetime) -> Person:
        name = f"{self.name}_{len(self.people)}"
        kind = self.chance.choice([*OwnerKind])
        customer = await create_customer(session, owner=Owner(kind=kind, id=f"{kind}_{name}"), at=now)
        account = await link_account(
            session,
            customer_id=customer.id,
            processor=ProcessorName.FAKE,
            livemode=False,
            processor_id=f"cus_{name}",
            at=now,
        )
        return Person(name=name, customer=customer, account=account, chance=random.Random(name))

    def _leap(self) -> None:
        """Move the clock on, often to where an answer kept would turn by itself, or just past it."""
        now, leap = self.clock.now(), self.chance.choice(LEAPS)
        ends = sorted(end for end in self._ends() if end > now)
        if ends and self.chance.random() < 0.4:
            leap = ends[0] - now + self.chance.choice([timedelta(), INSTANT])
        self.clock.forward(seconds=leap.total_seconds())

    def _ends(self) -> Sequence[datetime]:
        answers = self.log[-1].answers.values() if self.log else ()
        return [one.resolved.valid_until for one in answers if one.resolved.valid_until is not None]

    async def _keep(self) -> None:
        answers = await self.gate.visible(self.reading, self.customers)
        nothing = revision(Resolved(), self.in_force.catalog)
        self.log.append(Kept(at=self.clock.now(), answers=answers, nothing=nothing))

    def _remembered(self, person: Person, as_of: datetime, known_at: datetime) -> str:
        """Work an answer out from what was kept outside of the database."""
        decided = min(as_of, known_at)
        catalog = next(one for at, one in reversed(self.catalogs) if at <= decided)
        closing = next((closing for at, closing in reversed(person.closings) if at <= decided), False)
        if closing or person.customer.created_at > decided:
            return revision(Resolved(), catalog)
        told: dict[str, list[Fact]] = {}
        for each in person.told:
            if each.recorded_at <= known_at and (each.fact.occurred_at <= as_of or each.recorded_at <= as_of):
                told.setdefault(each.subscription, []).append(each.fact)
        given = Given(
            held=tuple(_held(name, said) for name, said in told.items()),
            granted=tuple(
                gift.granted
                for gift in person.gifts
                if gift.at <= decided and (gift.revoked_at is None or gift.revoked_at > decided)
            ),
        )
        try:
            return revision(resolve(catalog, given.held, given.granted, now=as_of), catalog)
        except UnmappedPrice:
            return revision(FAILED, catalog)


def _held(name: str, said: Sequence[Fact]) -> Held:
    folded = facts.fold(said)
    return Held(
        subscription_id=SubscriptionId(name),
        processor="fake",
        state=folded.state,
        past_due_since=folded.past_due_since,
        last_fact_at=folded.last_fact_at,
    )


def world_of(database: Database, clock: FixedClock, *, seed: int, number: int) -> World:
    """Make one of a seed's worlds and move the clock to its beginning.

    Its names and its time are its own, so that many can follow each other in one database, in the order of their
    numbers.
    """
    clock.forward(seconds=(BEGINS + (number % AT_MOST) * APART - clock.now()).total_seconds())
    name = f"{seed}_{number}"
    return World(
        name=name,
        database=database,
        clock=clock,
        chance=random.Random(f"world {name}"),
        in_force=InForce(CATALOGS[number % len(CATALOGS)]),
    )
