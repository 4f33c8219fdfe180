"""What deeds take: roles of people, scopes of keys; and more scopes or a higher role never take anything away."""

import itertools
from collections.abc import Iterator

import pytest

from domain import rights
from domain.errors import Forbidden, NotFound
from domain.ids import OrganizationId, UserId
from domain.organizations import policy
from domain.rights import Right, change_of
from domain.scope import Actor, ActorKind, ApiScope, KeyRights, Role, Scope, system
from tests.support.scopes import EVERY, key

USER = Scope(actor=Actor(kind=ActorKind.USER, id="usr_1"))
RIGHTS = {name: made for name, made in vars(rights).items() if isinstance(made, Right)}
ACTING = [None, *Role]


@pytest.mark.parametrize(
    ("name", "role", "scope", "enough"),
    [
        ("UPDATE_ORGANIZATION", Role.ADMIN, "organizations:write", False),
        ("END_ORGANIZATION", Role.OWNER, "organizations:write", False),
        ("TAKE_PART", Role.MEMBER, "members:write", False),
        ("CHANGE_MEMBERS", Role.ADMIN, "members:write", False),
        ("CHANGE_ROLES", Role.OWNER, "members:write", False),
        ("BILL", Role.OWNER, "billing:write", True),
        ("READ_AUDIT", Role.OWNER, "audit:read", True),
        ("EXPLAIN", Role.OWNER, "entitlements:read", False),
    ],
)
def test_every_right_is_what_the_contract_says(name: str, role: Role, scope: str, enough: bool) -> None:
    assert RIGHTS[name] == Right(role=role, scope=ApiScope(scope), scope_is_enough=enough)


def test_there_is_no_right_besides() -> None:
    assert len(RIGHTS) == 8
    assert [change_of(role) for role in (Role.MEMBER, Role.ADMIN, Role.OWNER)] == [
        rights.CHANGE_MEMBERS,
        rights.CHANGE_ROLES,
        rights.CHANGE_ROLES,
    ]


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_a_user_needs_the_role_and_nothing_else(right: Right) -> None:
    for own in Role:
        assert right.held_by(USER, own) is (own.rank >= right.role.rank)
        # Acting for the same user with all scopes is the same; scopes never stand in for that user's role.
        assert right.held_by(key("usr_1"), own) is right.held_by(USER, own)
        assert not right.held_by(key("usr_1", but=right.scope), own)
    assert not right.held_by(USER, None)


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_a_key_needs_the_scope_and_the_rank_unless_the_scope_is_enough(right: Right) -> None:
    tenants, hosts = key(organization="org_1", only=right.scope), key(only=right.scope)

    assert right.held_by(hosts, hosts.rank_in("org_1"))
    assert right.held_by(tenants, tenants.rank_in("org_1")) is (right.role is not Role.OWNER or right.scope_is_enough)
    assert not right.held_by(tenants, tenants.rank_in("org_2"))
    for lacking in (key(but=right.scope), key(organization="org_1", but=right.scope)):
        assert not right.held_by(lacking, Role.OWNER)


def keys() -> Iterator[tuple[frozenset[ApiScope], OrganizationId | None, UserId | None]]:
    """Give every set of scopes, for the host, for an organization and for a user."""
    scopes = list(ApiScope)
    sets = (frozenset(chosen) for size in range(len(scopes) + 1) for chosen in itertools.combinations(scopes, size))
    whose = [(None, None), (OrganizationId("org_1"), None), (None, UserId("usr_1"))]
    yield from ((held, *of) for held, of in itertools.product(sets, whose))


def scope_of(held: frozenset[ApiScope], organization: OrganizationId | None, user: UserId | None) -> Scope:
    administrator = ApiScope.ADMIN in held and organization is None and user is None
    made = KeyRights(scopes=held, organization_id=organization)
    actor = Actor(kind=ActorKind.API_KEY, id="key_1")
    return Scope(actor=actor, key=made, on_behalf_of=user, administrator=administrator)


def held(scope: Scope, own: Role | None) -> set[str]:
    allowed = {f"may {needed}" for needed in ApiScope if scope.may(needed)}
    hosts = {f"is hosts {needed}" for needed in ApiScope if scope.is_hosts(needed)}
    return allowed | hosts | {name for name, right in RIGHTS.items() if right.held_by(scope, own)}


def test_another_scope_never_takes_anything_away_and_no_key_has_more_than_whom_it_stands_for() -> None:
    for scopes, organization, user in keys():
        for own in ACTING if user else [scope_of(scopes, organization, user).rank_in("org_1")]:
            has = held(scope_of(scopes, organization, user), own)
            for more in set(ApiScope) - scopes:
                assert has <= held(scope_of(scopes | {more}, organization, user), own)
            if user is not None:
                assert has <= held(USER, own)
            assert has <= held(system("an administrator"), Role.OWNER)


def test_a_higher_role_never_takes_anything_away() -> None:
    for scope in (USER, key("usr_1"), *(key("usr_1", only=needed) for needed in sorted(EVERY))):
        for lower, higher in itertools.pairwise([None, Role.MEMBER, Role.ADMIN, Role.OWNER]):
            assert held(scope, lower) <= held(scope, higher)


@pytest.mark.parametrize("right", RIGHTS.values(), ids=RIGHTS)
def test_a_key_without_the_scope_cannot_tell_one_organization_from_another(right: Right) -> None:
    lacking, having = key(organization="org_1", but=right.scope), key(organization="org_1")

    for own in ACTING:
        with pytest.raises(Forbidden):
            policy.require(lacking, own, right)
    with pytest.raises(NotFound) as caught:
        policy.require(having, None, right)
    assert caught.value.path == ["input", "organizationId"]
