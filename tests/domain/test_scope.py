"""Who is asking: users act for themselves, keys for themselves or for a user, the system for nobody."""

import itertools

import pytest

from domain.errors import Forbidden
from domain.ids import OrganizationId, UserId
from domain.scope import Actor, ActorKind, ApiScope, KeyRights, Role, Scope, system
from tests.support.scopes import EVERY, key

USER = Actor(kind=ActorKind.USER, id="usr_1")
KEY = Actor(kind=ActorKind.API_KEY, id="key_1")
ADMINS = KeyRights(scopes=frozenset({ApiScope.ADMIN}), organization_id=None)
OF_ACME = KeyRights(scopes=frozenset(ApiScope), organization_id=OrganizationId("org_1"))
KINDS = [
    Scope(actor=USER),
    Scope(actor=USER, administrator=True),
    Scope(actor=KEY, key=ADMINS, administrator=True),
    Scope(actor=KEY, key=ADMINS, on_behalf_of=UserId("usr_1")),
    Scope(actor=KEY, key=OF_ACME),
    Scope(actor=KEY),
    system("worker"),
    key(),
    key("usr_1"),
    key(organization="org_1"),
]


def test_owners_stand_over_admins_over_members() -> None:
    assert Role.OWNER.rank > Role.ADMIN.rank > Role.MEMBER.rank


def test_the_system_is_an_administrator_and_no_user() -> None:
    scope = system("worker")

    assert (scope.user_id, scope.actor.kind, scope.actor.id) == (None, ActorKind.SYSTEM, "worker")
    scope.require_administrator()


def test_a_user_is_no_administrator_unless_said_so() -> None:
    scope = Scope(actor=USER)

    assert scope.user_id == "usr_1"
    with pytest.raises(Forbidden):
        scope.require_administrator()


def test_a_users_credential_allows_all_but_what_is_administrators() -> None:
    assert {needed for needed in ApiScope if Scope(actor=USER).may(needed)} == EVERY
    assert {needed for needed in ApiScope if Scope(actor=USER, administrator=True).may(needed)} == set(ApiScope)


@pytest.mark.parametrize("needed", ApiScope)
def test_a_key_allows_its_scopes_and_nothing_else(needed: ApiScope) -> None:
    for scope in (key(only=needed), key("usr_1", only=needed), key(organization="org_1", only=needed)):
        allowed = {each for each in ApiScope if scope.may(each)}

        # The scope admin makes an administrator of a host key alone, and that is told by `administrator`.
        assert allowed == ({needed} if needed is not ApiScope.ADMIN else EVERY if scope.on_behalf_of else set())


def test_what_was_written_down_of_a_key_has_no_rights() -> None:
    remembered = Scope(actor=KEY, on_behalf_of=UserId("usr_1"))

    assert not any(remembered.may(needed) for needed in ApiScope)
    assert not remembered.everywhere
    assert remembered.rank_in("org_1") is None


@pytest.mark.parametrize(
    ("scope", "user_id", "everywhere", "looks_as", "ranks"),
    [
        (Scope(actor=USER), "usr_1", False, "usr_1", (None, None)),
        (Scope(actor=USER, administrator=True), "usr_1", True, "usr_1", (Role.OWNER, Role.OWNER)),
        (key(), None, True, None, (Role.OWNER, Role.OWNER)),
        (key("usr_2"), "usr_2", False, "usr_2", (None, None)),
        (key(organization="org_1"), None, False, "org_1", (Role.ADMIN, None)),
        (system("worker"), None, True, None, (Role.OWNER, Role.OWNER)),
    ],
)
def test_where_somebody_stands(
    scope: Scope, user_id: str | None, everywhere: bool, looks_as: str | None, ranks: tuple[Role | None, Role | None]
) -> None:
    assert (scope.user_id, scope.everywhere, scope.looks_as) == (user_id, everywhere, looks_as)
    assert (scope.rank_in("org_1"), scope.rank_in("org_2")) == ranks


def test_two_users_of_one_key_and_the_key_itself_have_three_names() -> None:
    names = [scope.name for scope in (key(), key("usr_1"), key("usr_2"), Scope(actor=USER))]

    assert names[-1] == "usr_1"
    assert len(set(names)) == 4


@pytest.mark.parametrize("needed", sorted(EVERY))
def test_only_the_host_itself_speaks_for_the_host(needed: ApiScope) -> None:
    others = [Scope(actor=USER), key("usr_1"), key(organization="org_1"), key(but=needed)]

    for scope in (key(only=needed), system("worker"), Scope(actor=USER, administrator=True)):
        scope.require_host(needed)
    for scope in others:
        with pytest.raises(Forbidden):
            scope.require_host(needed)


@pytest.mark.parametrize("needed", sorted(EVERY))
def test_a_user_is_given_only_where_there_is_one_and_the_key_may(needed: ApiScope) -> None:
    assert Scope(actor=USER).require_user(needed) == "usr_1"
    assert key("usr_1", only=needed).require_user(needed) == "usr_1"
    for scope in (key(), key(organization="org_1"), key("usr_1", but=needed), system("worker")):
        with pytest.raises(Forbidden):
            scope.require_user(needed)


@pytest.mark.parametrize(
    "made",
    [
        {"actor": USER, "key": ADMINS},
        {"actor": USER, "on_behalf_of": UserId("usr_2")},
        {"actor": KEY, "key": OF_ACME, "on_behalf_of": UserId("usr_2")},
        {"actor": KEY, "key": OF_ACME, "administrator": True},
        {"actor": KEY, "key": KeyRights(scopes=EVERY, organization_id=None), "administrator": True},
        {"actor": KEY, "key": ADMINS, "administrator": True, "on_behalf_of": UserId("usr_2")},
        {"actor": system("worker").actor, "administrator": True, "on_behalf_of": UserId("usr_2")},
    ],
)
def test_no_credential_makes_what_nobody_gave(made: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="only"):
        Scope(**made)  # type: ignore[arg-type]  # each row is what a mistake would make


@pytest.mark.parametrize(("scope", "needed"), list(itertools.product(KINDS, ApiScope)))
def test_whoever_speaks_for_the_host_may_and_is_everywhere(scope: Scope, needed: ApiScope) -> None:
    assert scope.is_hosts(needed) <= (scope.may(needed) and scope.everywhere)
    assert (needed is ApiScope.ADMIN and scope.may(needed)) <= scope.administrator
