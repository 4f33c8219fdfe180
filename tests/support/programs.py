"""Programs: API keys of a running application, and what is asked with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.ids import ApiKeyId
from domain.scope import ApiScope
from tests.support.api import Answer, Api
from tests.support.seating import ADMINISTRATOR

ON_BEHALF_OF = "x-seatgate-on-behalf-of"
ME = """{ viewer { administrator scopes
    actor { __typename ... on ApiKey { id label } }
    effectiveActor { __typename ... on User { id } ... on ApiKey { id } } } }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Whoever has a key's secret."""

    api: Api
    id: ApiKeyId
    secret: str

    async def ask(self, document: str = ME, /, *, on_behalf_of: str | None = None, **variables: object) -> Answer:
        headers = {"accept": "application/graphql-response+json", "authorization": f"Bearer {self.secret}"}
        if on_behalf_of is not None:
            headers[ON_BEHALF_OF] = on_behalf_of
        content = {"query": document, "variables": variables}
        return Answer(response=await self.api.client.post("/graphql", json=content, headers=headers))

    async def is_known(self, **shown: str) -> bool:
        """Say whether the key opens anything; whatever is wrong, the answer is one and the same."""
        answer = await self.ask(**shown)
        if answer.response.status_code != 401:
            assert answer.data["viewer"]["actor"]["id"] == self.id
            return True
        assert answer.codes == ["UNAUTHENTICATED"]
        assert answer.response.headers["www-authenticate"] == "Bearer"
        return False


async def program(api: Api, *scopes: ApiScope, of: Mapping[str, Any] | None = None, **wish: Any) -> Program:
    """Make a key of an organization, or of the host, as the command line does."""

    async def work(session: Any) -> Program:
        made = await api.services.keys.create(
            session,
            scope=ADMINISTRATOR,
            organization_id=None if of is None else of["id"],
            **({"label": "a program", "scopes": scopes or (ApiScope.ORGANIZATIONS_READ,)} | wish),
        )
        return Program(api=api, id=made.key.id, secret=made.secret)

    return await api.services.database.run(work)
