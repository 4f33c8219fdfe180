"""What each deed in an organization takes: a role of whoever acts there, and a scope where an API key is asked. Pure.

Readers and commands ask here and decide nothing of it themselves. Who acts as what is told by memberships, and for a
credential that is no user's by its scope (`Scope.rank_in`).
"""

from dataclasses import dataclass

from domain.errors import Forbidden
from domain.scope import ApiScope, Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a deed takes: a role at least as high as `role`, and of an API key `scope` besides.

    With `scope_is_enough` a key that acts for nobody needs no role, so that one of an organization, which ranks as its
    ADMIN, may what only the OWNER may among people.
    """

    role: Role
    scope: ApiScope
    scope_is_enough: bool = False

    def held_by(self, scope: Scope, own: Role | None) -> bool:
        """Say whether a caller who acts as `own` has it; who acts as nobody has none."""
        if own is None or not scope.may(self.scope):
            return False
        return own.rank >= self.role.rank or (self.scope_is_enough and scope.acts_as_key)

    def require(self, scope: Scope, own: Role | None) -> None:
        """Let pass whoever has it.

        Raises:
            Forbidden: the role is too low, or the key lacks the scope.
        """
        if not self.held_by(scope, own):
            raise Forbidden


UPDATE_ORGANIZATION = Right(role=Role.ADMIN, scope=ApiScope.ORGANIZATIONS_WRITE)
END_ORGANIZATION = Right(role=Role.OWNER, scope=ApiScope.ORGANIZATIONS_WRITE)
"""Deleting it, and bringing it back."""
TAKE_PART = Right(role=Role.MEMBER, scope=ApiScope.MEMBERS_WRITE)
CHANGE_MEMBERS = Right(role=Role.ADMIN, scope=ApiScope.MEMBERS_WRITE)
"""Letting MEMBERs in and out, and everything about their invitations."""
CHANGE_ROLES = Right(role=Role.OWNER, scope=ApiScope.MEMBERS_WRITE)
"""Giving and taking the roles above MEMBER, and handing the organization on."""
BILL = Right(role=Role.OWNER, scope=ApiScope.BILLING_WRITE, scope_is_enough=True)
READ_AUDIT = Right(role=Role.OWNER, scope=ApiScope.AUDIT_READ, scope_is_enough=True)
EXPLAIN = Right(role=Role.OWNER, scope=ApiScope.ENTITLEMENTS_READ)
"""Being told why a customer has what it has, and what it had."""


def change_of(role: Role) -> Right:
    """Say what it takes to give or take a role: MEMBER is in the gift of ADMIN, the roles above it of OWNER."""
    return CHANGE_MEMBERS if role is Role.MEMBER else CHANGE_ROLES
