"""A host's callbacks refuse: at every step, with the host's own reason, and nothing is left."""

from typing import Any

import pytest

from domain.db import Session
from domain.errors import Refused
from domain.organizations import Membership, OrganizationCallbacks
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_invitations import invite
from tests.graphql_api.test_memberships import paid, refused
from tests.support.api import user_error as error


class Blocked(Refused):
    """A host's own kind of refusal."""


class Host(OrganizationCallbacks):
    """Refuses at one step, in one way."""

    def __init__(self, refusal: type[Refused]) -> None:
        self.step, self.refusal = "", refusal

    async def _at(self, step: str) -> None:
        if step == self.step:
            raise self.refusal("blocked_domain")

    async def before_create_organization(self, **_: Any) -> None:
        await self._at("before_create_organization")

    async def after_create_organization(self, **_: Any) -> None:
        await self._at("after_create_organization")

    async def before_add_member(self, **_: Any) -> None:
        await self._at("before_add_member")

    async def after_add_member(self, *, session: Session, membership: Membership, **_: Any) -> None:
        assert await session.get(Membership, membership.id) is membership
        await self._at("after_add_member")

    async def after_member_remove(self, **_: Any) -> None:
        await self._at("after_member_remove")

    async def before_role_change(self, **_: Any) -> None:
        await self._at("before_role_change")

    async def before_delete_organization(self, **_: Any) -> None:
        await self._at("before_delete_organization")

    async def after_delete_organization(self, **_: Any) -> None:
        await self._at("after_delete_organization")

    async def before_invite(self, **_: Any) -> None:
        await self._at("before_invite")

    async def after_invitation_end(self, **_: Any) -> None:
        await self._at("after_invitation_end")


STEPS = [
    ("createOrganization", "before_create_organization"),
    ("createOrganization", "after_create_organization"),
    ("addMember", "before_add_member"),
    ("addMember", "after_add_member"),
    ("removeMember", "after_member_remove"),
    ("leaveOrganization", "after_member_remove"),
    ("changeMemberRole", "before_role_change"),
    ("transferOwnership", "before_role_change"),
    ("deleteOrganization", "before_delete_organization"),
    ("deleteOrganization", "after_delete_organization"),
    ("inviteMember", "before_invite"),
    ("revokeInvitation", "after_invitation_end"),
    ("deleteOrganization", "after_invitation_end"),
    ("acceptInvitation", "before_add_member"),
    ("acceptInvitation", "after_invitation_end"),
]


@pytest.mark.parametrize("refusal", [Refused, Blocked])
@pytest.mark.parametrize(("mutation", "step"), STEPS)
async def test_a_callback_refuses_with_its_reason_and_nothing_is_left(
    serve: Serve, mutation: str, step: str, refusal: type[Refused]
) -> None:
    host = Host(refusal)
    async with serve(callbacks=[host]) as api:
        organization = await paid(api)
        bobs = await api.join(organization, "bob")
        cy = await api.user("cy")
        invited = await invite(api, organization, "ada@example.com")
        host.step = step
        inputs: dict[str, dict[str, object]] = {
            "createOrganization": {"name": "Next"},
            "addMember": {"organizationId": organization["id"], "userId": cy},
            "removeMember": {"membershipId": bobs},
            "leaveOrganization": {"organizationId": organization["id"]},
            "changeMemberRole": {"membershipId": bobs, "role": "ADMIN"},
            "transferOwnership": {"organizationId": organization["id"], "membershipId": bobs},
            "deleteOrganization": {"organizationId": organization["id"]},
            "inviteMember": {"organizationId": organization["id"], "email": "dee@example.com"},
            "revokeInvitation": {"invitationId": invited["invitation"]["id"]},
            "acceptInvitation": {"token": invited["token"]},
        }
        who = "bob" if mutation == "leaveOrganization" else "ada"
        facts = "errors { ... on CallbackRefusedError { operation step reason } }"

        found = await refused(api, mutation, who, facts, **inputs[mutation])

    expected = error("CallbackRefused", "CALLBACK_REFUSED", "This was refused.")
    assert found == expected | {"operation": mutation, "step": step, "reason": "blocked_domain"}
