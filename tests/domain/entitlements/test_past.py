"""Answers about the past: true at one instant, as recorded by another."""

from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select

from domain import billing
from domain.billing import BillingSubscription, Owner, OwnerKind
from domain.billing.subscriptions import SubscriptionFact
from domain.db import Session
from domain.entitlements import Catalog, EntitlementSet, Override, catalog
from domain.entitlements.decisions import Reason
from domain.errors import DomainError, Forbidden, InvalidInput
from domain.ids import OverrideId
from domain.organizations import Organization
from domain.scope import Role, Scope, system
from domain.wiring import Services
from tests.support import tables
from tests.support.clock import FixedClock
from tests.support.shadow import put_in_force
from tests.support.statements import statements
from tests.support.telling import tell
from tests.support.wired import customer_of, member, organization, user

INSTANT = timedelta(microseconds=1)
RICHER = """
[default]
features = ["everything"]
limits = { seats = 9 }
"""


@pytest.fixture(autouse=True)
async def begun(services: Services, clock: FixedClock) -> datetime:
    """The catalog came into force an hour before anything else."""
    await in_force(services, services.catalog)
    at = clock.now()
    clock.forward(hours=1)
    return at


async def in_force(services: Services, catalog: Catalog) -> None:
    async with services.database.transaction() as session:
        await put_in_force(session, catalog, at=services.clock.now())


async def asked(
    services: Services,
    of: Organization | Scope,
    at: datetime | None,
    known: datetime | None = None,
    by: Scope | None = None,
) -> EntitlementSet | DomainError | None:
    """Ask as of an instant, as known then unless another is given."""
    reading = services.customers(by or system("test"))
    payer = await customer_of(services, of)
    return (await services.entitlements.visible_at(reading, [payer], as_of=at, known_at=known or at)).get(payer)


async def then(
    services: Services, of: Organization | Scope, at: datetime, known: datetime | None = None
) -> EntitlementSet:
    found = await asked(services, of, at, known)
    assert isinstance(found, EntitlementSet)
    return found


async def now(services: Services, of: Organization) -> EntitlementSet:
    payer = await customer_of(services, of)
    return (await services.entitlements.visible(services.customers(system("test")), [payer]))[payer]


async def close(services: Services, of: Organization, *, closing: bool = True) -> None:
    owner, at = Owner(kind=OwnerKind.ORGANIZATION, id=of.id), services.clock.now()
    async with services.database.transaction() as session:
        if closing:
            await billing.close_customer(session, owner=owner, at=at, now=at)
        else:
            await billing.reopen_customer(session, owner=owner, now=at)


async def test_what_was_held_is_told_after_it_is_gone(
    services: Services, acme: Organization, clock: FixedClock
) -> None:
    held = clock.forward(hours=1)
    await tell(services)
    live = await now(services, acme)
    clock.forward(days=1)
    await tell(services, kind="deleted", status="canceled")

    back = await then(services, acme, held)

    assert not (await now(services, acme)).holds("team")
    assert (back.revision, back.given, back.decide("sso")) == (live.revision, live.given, live.decide("sso"))
    assert (back.as_of, back.known_at, back.looked_back, live.looked_back) == (held, held, True, False)
    assert not (await then(services, acme, held - INSTANT)).holds("team")


async def test_late_news_changes_what_should_have_been_said_and_not_what_was(
    services: Services, acme: Organization, clock: FixedClock
) -> None:
    happened = clock.forward(hours=1)
    asked_at = clock.forward(hours=1)
    clock.forward(hours=1)
    await tell(services, at=happened)

    assert not (await then(services, acme, asked_at)).holds("team")
    assert (await then(services, acme, asked_at, known=clock.now())).holds("team")
    assert (await then(services, acme, happened, known=clock.now())).holds("team")
    assert not (await then(services, acme, happened - INSTANT, known=clock.now())).holds("team")


async def test_what_was_known_counted_though_the_processors_clock_was_ahead(
    services: Services, acme: Organization, clock: FixedClock
) -> None:
    await tell(services, at=clock.now() + timedelta(seconds=4))
    told = clock.now()
    clock.forward(days=1)

    assert (await then(services, acme, told)).holds("team")
    assert (await then(services, acme, told, known=clock.now())).holds("team")


async def test_knowing_less_than_was_true_gives_what_was_believed(
    services: Services, acme: Organization, clock: FixedClock
) -> None:
    await tell(services, status="past_due")
    known = clock.now()
    clock.forward(days=7)
    over = clock.forward(seconds=1)
    await tell(services)

    believed = await then(services, acme, over, known=known)

    assert believed.decide("sso").reason is Reason.PAST_DUE_EXPIRED
    assert (believed.as_of, believed.known_at) == (over, known)
    assert (await then(services, acme, over)).decide("sso").reason is Reason.ENTITLED


async def test_the_catalog_is_the_one_of_that_time(
    services: Services, acme: Organization, clock: FixedClock, begun: datetime
) -> None:
    changed = clock.forward(days=1)
    richer = catalog.parse({"catalog.toml": RICHER})
    await in_force(services, richer)
    clock.forward(days=1)

    old, new = await then(services, acme, changed - INSTANT), await then(services, acme, changed)

    assert (old.catalog, old.quantity("seats"), old.decide("everything").granted) == (services.catalog, 1, False)
    assert (new.catalog, new.quantity("seats"), new.decide("everything").granted) == (richer, 9, True)
    assert (await then(services, acme, changed, known=begun)).catalog == services.catalog


async def test_of_the_time_before_the_first_catalog_nothing_is_known(
    services: Services, acme: Organization, begun: datetime
) -> None:
    refused = await asked(services, acme, begun - INSTANT)

    assert isinstance(refused, InvalidInput)
    assert refused.message == "Nothing is known of that time: no catalog was in force yet."


async def test_a_time_whose_catalog_cannot_be_read_is_refused_and_guessed_by_no_other(
    services: Services, acme: Organization, clock: FixedClock, begun: datetime
) -> None:
    changed = clock.forward(days=1)
    await in_force(services, catalog.parse({"catalog.toml": RICHER}))
    await tables.execute(services.database, 'UPDATE catalogs SET document = \'{"learned": "later"}\'')
    clock.forward(days=1)

    refused = await asked(services, acme, changed)

    assert isinstance(refused, InvalidInput)
    assert refused.message == "Nothing can be told of that time: its catalog cannot be read here."


@pytest.mark.parametrize(
    ("as_of", "known_at", "named"), [(1, None, "asOf"), (None, 1, "knownAt"), (1, 1, "asOf"), (0, 1, "knownAt")]
)
async def test_the_future_is_refused(services: Services, as_of: int | None, known_at: int | None, named: str) -> None:
    at, known = [None if later is None else services.clock.now() + later * INSTANT for later in (as_of, known_at)]

    with pytest.raises(InvalidInput) as refused:
        await services.entitlements.visible_at(services.customers(system("test")), [], as_of=at, known_at=known)

    assert (refused.value.message, refused.value.path) == (f"{named} is in the future.", [named])


async def test_an_override_gives_from_when_it_was_made_until_it_ends_or_is_taken_back(
    services: Services, acme: Organization, clock: FixedClock
) -> None:
    payer, given = await customer_of(services, acme), clock.forward(hours=1)
    expires, revoked = given + timedelta(hours=1), given + timedelta(hours=2)
    async with services.database.transaction() as session:
        for feature, gone in (("sso", None), ("api", revoked)):
            session.add(
                Override(
                    id=OverrideId(f"ovr_{feature}"),
                    customer_id=payer,
                    feature=feature,
                    reason="goodwill",
                    created_by="usr_ada",
                    created_at=given,
                    expires_at=expires if gone is None else None,
                    revoked_at=gone,
                )
            )
    clock.forward(days=1)

    told = {
        at: sorted((await then(services, acme, at)).resolved.features)
        for at in (given - INSTANT, given, expires, expires + INSTANT, revoked - INSTANT, revoked)
    }

    assert list(told.values()) == [[], ["api", "sso"], ["api", "sso"], ["api"], ["api"], []]
    # Whoever knew of the gift only did not know that it would be taken back.
    assert (await then(services, acme, revoked, known=given)).decide("api").granted


async def test_who_was_going_had_nothing_until_taken_back(
    services: Services, acme: Organization, clock: FixedClock
) -> None:
    await tell(services)
    going = clock.forward(days=1)
    await close(services, acme)
    await close(services, acme)
    back = clock.forward(days=1)
    await close(services, acme, closing=False)
    clock.forward(days=1)

    seats = [
        (await then(services, acme, at)).quantity("seats")
        for at in (going - INSTANT, going, back - INSTANT, back, clock.now())
    ]

    assert seats == [7, 0, 0, 7, 7]
    assert await tables.scalar(services.database, "SELECT count(*) FROM customer_closings") == 2


async def test_a_customer_had_nothing_before_it_was_made_not_even_the_default(
    services: Services, ann: Scope, clock: FixedClock
) -> None:
    made = clock.forward(days=1)
    later = await organization(services, ann, "Later")
    clock.forward(days=1)

    assert (await then(services, later, made)).quantity("seats") == 1
    assert (await then(services, later, made - INSTANT)).quantity("seats") == 0
    assert (await then(services, later, clock.now(), known=made - INSTANT)).quantity("seats") == 0


async def test_owners_look_back_and_so_does_a_user_on_the_own_customer_and_nobody_else(
    services: Services, ann: Scope, acme: Organization
) -> None:
    admin, some, eve = [await user(services, name) for name in ("bob", "cy", "eve")]
    await member(services, acme, admin, Role.ADMIN)
    await member(services, acme, some, Role.MEMBER)
    at = services.clock.now()

    told = [await asked(services, acme, at, by=who) for who in (ann, admin, some, eve, system("test"))]
    own = [await asked(services, eve, at, by=who) for who in (eve, ann)]

    assert [type(one) for one in told] == [EntitlementSet, Forbidden, Forbidden, type(None), EntitlementSet]
    assert [type(one) for one in own] == [EntitlementSet, type(None)]


async def test_many_customers_are_one_read_and_a_refusal_harms_no_other(
    services: Services, ann: Scope, acme: Organization
) -> None:
    await tell(services)
    bobs = await organization(services, await user(services, "bob"), "Bob's")
    await member(services, bobs, ann, Role.ADMIN)
    payers = [await customer_of(services, one) for one in (acme, bobs, ann)]

    with statements(services.database) as sent:
        found = await services.entitlements.visible_at(services.customers(ann), [*payers, "cst_no"])

    assert len(sent) == 4
    assert {id: type(one) for id, one in found.items()} == dict(
        zip(payers, (EntitlementSet, Forbidden, EntitlementSet), strict=True)
    )


async def test_a_fact_that_cannot_be_read_denies_its_own_customer_and_no_other(
    services: Services, ann: Scope, acme: Organization
) -> None:
    await tell(services)
    await services.database.run(partial(_spoil, at=services.clock.now()))

    spoilt, sound = [await then(services, of, services.clock.now()) for of in (acme, ann)]

    assert (spoilt.decide("sso").reason, spoilt.given) == (Reason.ERROR, None)
    assert sound.decide("sso").reason is Reason.NO_ACTIVE_SUBSCRIPTION


async def _spoil(session: Session, *, at: datetime) -> None:
    [row] = (await session.execute(select(BillingSubscription))).scalars()
    session.add(
        SubscriptionFact(
            subscription_id=row.id,
            source=billing.FactSource.EVENT,
            type="customer.subscription.updated",
            event_id="evt_spoilt",
            rank=1,
            occurred_at=at,
            arrived_at=at,
            recorded_at=at,
            state={},
        )
    )
