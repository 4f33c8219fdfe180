"""The explorer with an API key of the host: by its scopes, for itself or on behalf of a user."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.demo import Demo
from tests.browser.explorer import Explorer

CREATE = """mutation ($scopes: [ApiScope!]!) {
    createApiKey(input: { label: "Support desk", scopes: $scopes }) { apiKey { id } secret errors { __typename } }
}"""
REVOKE = "mutation ($id: ID!) { revokeApiKey(input: { apiKeyId: $id }) { errors { __typename } } }"
SCOPES = ["ORGANIZATIONS_READ", "ENTITLEMENTS_READ"]


@pytest.fixture
def key(server: Demo) -> Iterator[Any]:
    made = server.ask(CREATE, scopes=SCOPES)["createApiKey"]
    assert made["errors"] == []
    yield made
    revoke(server, made)


def revoke(server: Demo, key: Any) -> None:
    assert server.ask(REVOKE, id=key["apiKey"]["id"])["revokeApiKey"]["errors"] == []


def on_behalf_of(explorer: Explorer) -> Locator:
    return explorer.page.get_by_label("On behalf of a user")


def test_a_key_is_called_by_its_label_and_offered_what_its_scopes_allow_until_it_is_revoked(
    explorer: Explorer, server: Demo, key: Any
) -> None:
    explorer.enter(key["secret"])
    expect(explorer.who).to_contain_text("Support desk · key of the host")
    expect(explorer.tabs).to_contain_text(["Viewer", "Organizations", "Entitlements", "SeatsChanged"])
    explorer.choose("Organizations")
    explorer.run()
    expect(explorer.answer).to_contain_text("Acme")
    explorer.choose("SeatsChanged")
    explorer.run()
    expect(explorer.answer).to_contain_text("overLimit")

    revoke(server, key)

    # The socket hears of it by itself.
    expect(explorer.alert).to_contain_text("The token is not accepted any more")
    expect(explorer.token).to_be_visible()


def test_a_key_speaks_for_a_user_who_is_named_with_it(explorer: Explorer, server: Demo, key: Any) -> None:
    user = server.ask("{ viewer { actor { ... on User { id } } } }", "member")["viewer"]["actor"]["id"]
    expect(on_behalf_of(explorer)).to_have_count(0)
    explorer.token.fill(key["secret"])
    on_behalf_of(explorer).fill(f"usr_{'0' * 32}")
    explorer.token.press("Enter")
    expect(explorer.alert).to_contain_text("This token is refused")

    on_behalf_of(explorer).fill(user)
    explorer.token.press("Enter")

    expect(explorer.who).to_contain_text("Max Member · by a key · MEMBER of Acme")
    explorer.choose("SeatsChanged")
    explorer.run()
    expect(explorer.answer).to_contain_text("overLimit")
