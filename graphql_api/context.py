"""What every resolver is handed: who asks, for which request, and the services. Never a session or a loader.

Guards of routes are handed the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain.db import Database
from domain.errors import Unauthenticated
from domain.scope import Scope
from domain.wiring import Services
from graphql_api.connections import Cursors

if TYPE_CHECKING:
    from graphql_api.billables import BillableOf
    from graphql_api.limits import Allowance


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One operation's surroundings; cheap to make, closed over nothing that must be closed again.

    `remote_address` is the client's, as far as it is known. From `expires_at` (UTC) on the credential proves nothing.
    `allowance` is the bucket that the caller's operations are paid from; without one they are not counted.
    """

    request_id: str
    scope: Scope | None
    services: Services
    billable: "BillableOf | None" = None
    remote_address: str | None = None
    expires_at: datetime | None = None
    allowance: "Allowance | None" = None

    @property
    def anonymous(self) -> bool:
        """Say whether the caller showed no credential."""
        return self.scope is None

    @property
    def caller(self) -> Scope:
        """Who asks.

        Raises:
            Unauthenticated: nobody has shown a credential.
        """
        if self.scope is None:
            raise Unauthenticated
        return self.scope

    @property
    def database(self) -> Database:
        """Where reads open their short snapshots."""
        return self.services.database

    def cursors(self, list_name: str) -> Cursors:
        """Give the cursors of a list; they fit no other list."""
        return Cursors(self.services.settings.secret_keys, list_name=list_name)
