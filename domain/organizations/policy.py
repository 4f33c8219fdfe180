"""Who may do what inside an organization: pure, over the role that the caller acts as. No role means not in it."""

from domain.errors import Forbidden, NotFound
from domain.rights import Right
from domain.scope import Role, Scope


def require(scope: Scope, own: Role | None, right: Right) -> None:
    """Let pass whoever has the right in an organization, where the caller acts as `own`.

    A key's scope is asked before anything else, so that a key without it is told the same of every organization.

    Raises:
        NotFound: the caller is not in the organization, which looks the same as an organization that is not there.
        Forbidden: the caller is in it, without the right; or the key lacks the scope.
    """
    if not scope.may(right.scope):
        raise Forbidden
    if own is None:
        raise NotFound("organization", path=["input", "organizationId"])
    right.require(scope, own)
