"""Who may do what inside an organization: pure functions over roles. No role means not in it, and no administrator."""

from domain.errors import Forbidden, NotFound
from domain.scope import Role


def require(own: Role | None, needed: Role) -> None:
    """Let pass whoever ranks at least as high as needed.

    Raises:
        NotFound: the caller is not in the organization, which looks the same as an organization that is not there.
        Forbidden: the caller is in it, without the right.
    """
    if own is None:
        raise NotFound("organization", path=["input", "organizationId"])
    if own.rank < needed.rank:
        raise Forbidden


def require_change_of(own: Role | None, changed: Role) -> None:
    """Let ADMIN and OWNER give or take the role MEMBER, and only OWNER the roles above it.

    Raises:
        NotFound: the caller is not in the organization, which looks the same as an organization that is not there.
        Forbidden: the caller is in it, without the right.
    """
    require(own, Role.ADMIN if changed is Role.MEMBER else Role.OWNER)
