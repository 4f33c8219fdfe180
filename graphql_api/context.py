"""What every resolver is handed: who asks, for which request, and the services. Never a session or a loader."""

from dataclasses import dataclass

from domain.scope import Scope
from graphql_api.auth import Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One operation's surroundings; cheap to make, closed over nothing that must be closed again."""

    request_id: str
    claims: Claims | None
    scope: Scope | None = None
    services: object = None

    @property
    def anonymous(self) -> bool:
        """Say whether the caller showed no credential."""
        return self.claims is None and self.scope is None
