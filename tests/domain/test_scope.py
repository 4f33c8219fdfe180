"""Who is asking: users act for themselves, the system for nobody."""

import pytest

from domain.errors import Forbidden
from domain.scope import Actor, ActorKind, Role, Scope, system


def test_owners_stand_over_admins_over_members() -> None:
    assert Role.OWNER.rank > Role.ADMIN.rank > Role.MEMBER.rank


def test_the_system_is_an_administrator_and_no_user() -> None:
    scope = system("worker")

    assert (scope.user_id, scope.actor.kind, scope.actor.id) == (None, ActorKind.SYSTEM, "worker")
    scope.require_administrator()


def test_a_user_is_no_administrator_unless_said_so() -> None:
    scope = Scope(actor=Actor(kind=ActorKind.USER, id="usr_1"))

    assert scope.user_id == "usr_1"
    with pytest.raises(Forbidden):
        scope.require_administrator()
