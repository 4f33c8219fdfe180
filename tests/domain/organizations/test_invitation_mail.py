"""The mail of an invitation: made when it is sent, for whoever is still invited, and tried until it is taken."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.organizations import Invited, Organization
from domain.scope import Role, Scope, system
from domain.wiring import Services, build
from tests.support import wired
from tests.support.clock import FixedClock
from tests.support.mail import Kept
from tests.support.tables import execute, scalar

PUBLIC = "https://app.example.com/front/"
EMAIL = "guest@example.com"
Room = tuple[Services, Kept, Scope, Organization]


@pytest.fixture
async def room(database_url: str, clock: FixedClock) -> AsyncIterator[Room]:
    kept = Kept()
    settings = wired.settings_of(database_url, SEATGATE_PUBLIC_URL=PUBLIC)
    services = build(settings, clock=clock, mailer=kept)
    owner = await wired.user(services, "owner")
    organization = await wired.organization(services, owner)
    # The catalog's default is one seat, which the owner sits on.
    await execute(services.database, "UPDATE seat_pools SET used = 0")
    yield services, kept, owner, organization
    await services.aclose()


async def invite(services: Services, owner: Scope, organization: Organization) -> Invited:
    return await services.database.run(
        lambda s: services.invitations.invite(
            s, scope=owner, organization_id=organization.id, email=EMAIL, role=Role.MEMBER
        )
    )


async def waiting(services: Services) -> int:
    return int(await scalar(services.database, "SELECT count(*) FROM outbox_messages"))


async def test_the_invited_is_sent_a_link_with_the_token_once(room: Room) -> None:
    services, kept, owner, organization = room
    invited = await invite(services, owner, organization)

    await services.worker.round()
    await services.worker.round()

    (message,) = kept.messages
    link = f"https://app.example.com/front/invitations/accept?token={invited.token}"
    assert (message.to, message.subject, message.id) == (EMAIL, "Join Acme", invited.invitation.id)
    assert link in message.text
    assert link in message.html
    assert "owner has invited you to join Acme." in message.text
    assert "until 28 November 2026, 12:00 UTC" in message.text
    assert message.secrets == (invited.token,)
    assert await waiting(services) == 0


async def test_mail_that_is_not_taken_rolls_nothing_back_and_is_tried_again(room: Room, clock: FixedClock) -> None:
    services, kept, owner, organization = room
    kept.refusals.extend([OSError("away"), OSError("away")])
    invited = await invite(services, owner, organization)

    for seconds in (0, 1, 2):
        clock.forward(seconds=seconds)
        await services.worker.round()

    assert [message.id for message in kept.messages] == [invited.invitation.id]
    assert await waiting(services) == 0
    assert await scalar(services.database, "SELECT status FROM invitations") == "pending"


async def ended(services: Services, owner: Scope, invited: Invited, _: FixedClock) -> None:
    id = invited.invitation.id
    await services.database.run(lambda s: services.invitations.revoke(s, scope=owner, invitation_id=id))


async def expired(_: Services, __: Scope, ___: Invited, clock: FixedClock) -> None:
    clock.forward(days=7)


async def deleted(services: Services, *_: object) -> None:
    await execute(services.database, "UPDATE organizations SET deleted_at = created_at")


@pytest.mark.parametrize("happens", [ended, expired, deleted], ids=lambda happens: happens.__name__)
async def test_an_invitation_that_is_over_by_then_sends_nothing(room: Room, clock: FixedClock, happens: Any) -> None:
    services, kept, owner, organization = room
    await happens(services, owner, await invite(services, owner, organization), clock)

    await services.worker.round()

    assert kept.messages == []
    assert await waiting(services) == 0


async def test_inviting_again_sends_the_new_token_alone(room: Room) -> None:
    services, kept, owner, organization = room
    await invite(services, owner, organization)
    again = await invite(services, owner, organization)

    await services.worker.round()

    assert [message.secrets for message in kept.messages] == [(again.token,)]


async def test_a_system_that_invites_is_not_named(room: Room) -> None:
    services, kept, _, organization = room
    await invite(services, system("import"), organization)

    await services.worker.round()

    assert kept.messages[0].text.startswith("You have been invited to join Acme.")


@pytest.mark.parametrize("environment", ["development", "production"])
async def test_without_a_mail_server_the_log_shows_the_token_in_development_only(
    database_url: str, clock: FixedClock, caplog: pytest.LogCaptureFixture, environment: str
) -> None:
    caplog.set_level(logging.INFO)
    production = {
        "SEATGATE_ENV": "production",
        "SEATGATE_ALLOWED_HOSTS": "api.example.com",
        "SEATGATE_PROCESSORS": "stripe",
        "SEATGATE_STRIPE_API_KEY": f"sk_live_{wired.SECRET}",
        "SEATGATE_STRIPE_WEBHOOK_SECRETS": f"whsec_{wired.SECRET}",
    }
    services = wired.wired(database_url, clock, **(production if environment == "production" else {}))
    owner = await wired.user(services, "owner")
    organization = await wired.organization(services, owner)
    await execute(services.database, "UPDATE seat_pools SET used = 0")
    invited = await invite(services, owner, organization)

    await services.worker.jobs["mail"]()
    await services.aclose()

    assert f"mail to {EMAIL}: Join Acme" in caplog.text
    assert (invited.token in caplog.text) is (environment == "development")
    assert "enter this token" in caplog.text
