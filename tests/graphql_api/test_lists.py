"""A list costs the same number of statements however long it is."""

import pytest

from tests.support.api import Api
from tests.support.statements import statements

DOCUMENTS = {
    "organizations": """{ organizations { totalCount nodes {
        name viewerRole seats { used } customer { entitlements { plans } owner { __typename }
        processorAccounts { livemode }
    } } } }""",
    "members": """{ organization(slug: "acme") { memberships { totalCount nodes {
        user { name customer { id } } organization { name } } } } }""",
    "invitations": """{ organization(slug: "acme") { invitations { totalCount nodes {
        email status organization { name } invitedBy { ... on User { name } } } } } }""",
    "memberships": """{ viewer { memberships { totalCount nodes {
        organization { name seats { used } } user { name } } } } }""",
}


async def count(api: Api, document: str) -> int:
    with statements(api.services.database) as sent:
        answer = await api.ask(document)
    assert answer.data
    return len(sent)


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_twelve_cost_as_many_statements_as_two(api: Api, name: str) -> None:
    document = DOCUMENTS[name]
    acme = await api.organization(slug="acme")
    await api.holds(acme["customer"], quantity=25)
    await api.organization()
    await api.join(acme, "bob")
    await api.do("inviteMember", "ann", organizationId=acme["id"], email="first@example.com")
    few = await count(api, document)
    for number in range(10):
        await api.organization()
        await api.join(acme, f"member{number}")
        await api.do("inviteMember", "ann", organizationId=acme["id"], email=f"guest{number}@example.com")

    many = await count(api, document)

    assert few == many
    assert few <= 10
