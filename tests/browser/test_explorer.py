"""What the explorer shows, to whom, and what it does with a token."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.demo import Demo
from tests.browser.explorer import Explorer
from tests.browser.watching import Watch

OWN = "query Mine { serverInfo { version } }"
ROLES = {
    "administrator": ("Ada Administrator · administrator", "Organizations", "Acme"),
    "owner": ("Olivia Owner · OWNER of Acme", "Viewer", "Olivia"),
    "member": ("Max Member · MEMBER of Acme", "Viewer", "Max"),
}
FOCUSED = """(({ ariaLabel, labels, innerText }) =>
    ariaLabel ?? labels?.[0]?.innerText ?? innerText)(document.activeElement)"""
KEPT = """() => JSON.stringify([
    {...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state, name,
    document.documentElement.outerHTML,
])"""


def test_the_watch_sees_a_request_elsewhere_and_a_script_in_the_page(page: Page, server: Demo, watch: Watch) -> None:
    page.goto(f"{server.url}/graphiql")
    page.evaluate("fetch('https://example.com/').catch(() => 0)")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))")

    assert watch.broken == ["connect-src https://example.com/", "script-src-elem inline"]
    assert [text for text in watch.said if "Content Security Policy" in text]
    page.evaluate("broken.length = 0")
    watch.said.clear()


def test_without_a_token_the_page_says_that_one_is_needed_and_shows_only_what_is_public(
    explorer: Explorer, watch: Watch, server: Demo
) -> None:
    expect(explorer.token).to_be_focused()
    expect(explorer.page.get_by_text("Enter a token to read the schema")).to_be_visible()
    explorer.open_panel("Documentation Explorer")
    expect(explorer.panel).to_contain_text("The schema is shown to those with a token.")
    assert [url for url in watch.asked if url.endswith("/graphql")] == []

    expect(explorer.tabs).to_contain_text(["ServerInfo", "Plans"])
    explorer.run()
    expect(explorer.answer).to_contain_text("catalogVersion")
    explorer.type("query Who { viewer { administrator } }")
    explorer.run()
    expect(explorer.answer).to_contain_text("UNAUTHENTICATED")
    explorer.type(f'subscription Seats {{ seatsChanged(organizationId: "{server.organization()["id"]}") {{ used }} }}')
    explorer.run()
    expect(explorer.answer).to_contain_text(re.compile(r'"seatsChanged":\snull|"path":\s\[\s*"seatsChanged"'))


def test_a_token_opens_the_schema_and_the_examples_of_its_role_and_forgetting_it_takes_all_away(
    explorer: Explorer,
) -> None:
    for role, (name, first, told) in ROLES.items():
        explorer.enter_as(role)
        expect(explorer.who).to_contain_text(name)
        expect(explorer.tabs.first).to_contain_text(first)
        expect(explorer.page.get_by_text("Enter a token")).to_have_count(0)
        explorer.run()
        expect(explorer.answer).to_contain_text(told)

        explorer.forget()
        expect(explorer.answer).not_to_contain_text(told)
        expect(explorer.tabs).to_contain_text(["ServerInfo", "Plans"])
    explorer.open_panel("Documentation Explorer")
    expect(explorer.panel).to_contain_text("shown to those with a token")


def test_the_examples_come_with_the_ids_of_whoever_has_entered_a_token_and_open_once(
    explorer: Explorer, server: Demo
) -> None:
    explorer.enter_as("administrator")
    explorer.choose("Entitlements")
    expect(explorer.variables).to_contain_text(server.organization()["customer"]["id"])
    explorer.run()
    expect(explorer.answer).to_contain_text("reports")

    explorer.open_panel("Examples")
    before = explorer.tabs.count()
    for _ in range(2):
        explorer.panel.get_by_role("button", name="Grant override").click()
        expect(explorer.query).to_contain_text("grantOverride")
        expect(explorer.variables).to_contain_text("Trying it out")
        explorer.panel.get_by_role("button", name="Explain").click()
        expect(explorer.query).to_contain_text("explain")

    expect(explorer.tabs).to_have_count(before + 1)


def test_the_docs_show_every_root_and_what_a_field_is_for(explorer: Explorer) -> None:
    explorer.enter_as("owner")
    explorer.open_panel("Documentation Explorer")
    expect(explorer.panel).to_contain_text(re.compile("query.*mutation.*subscription", re.DOTALL))

    explorer.panel.get_by_role("link", name="Query", exact=True).click()
    expect(explorer.panel).to_contain_text("Reads.")
    explorer.panel.get_by_role("link", name="entitlements", exact=True).click()

    expect(explorer.panel).to_contain_text("What the customer has paid for")
    expect(explorer.page.locator(".graphiql-execute-button title")).to_have_text("play icon")


def test_a_subscription_shows_the_state_and_then_what_another_has_changed(explorer: Explorer, server: Demo) -> None:
    explorer.enter_as("owner")
    explorer.choose("SeatsChanged")
    explorer.run()
    expect(explorer.answer).to_contain_text(re.compile(r'"reserved":\s0'))

    organization = server.organization()["id"]
    invited = server.ask(
        'mutation ($o: ID!) { inviteMember(input: { organizationId: $o, email: "gil@example.com" })'
        " { invitation { id } } }",
        o=organization,
    )["inviteMember"]["invitation"]["id"]
    expect(explorer.answer).to_contain_text(re.compile(r'"reserved":\s1'))
    server.ask(
        "mutation ($i: ID!) { revokeInvitation(input: { invitationId: $i }) { errors { __typename } } }", i=invited
    )

    expect(explorer.answer).to_contain_text(re.compile(r'"reserved":\s0'))
    explorer.run()
    expect(explorer.page.get_by_label("Execute query")).to_be_visible()


def test_a_token_is_in_the_page_s_memory_and_nowhere_else(explorer: Explorer, profile: BrowserContext) -> None:
    explorer.enter_as("owner")
    explorer.run()
    expect(explorer.answer).to_contain_text("Olivia")
    explorer.wait_until_stored("Viewer")
    kept = explorer.page.evaluate(KEPT)

    assert "Viewer" in kept
    for part in explorer.server.tokens["owner"].split("."):
        assert part not in kept
    assert profile.cookies() == []
    assert explorer.page.evaluate("indexedDB.databases()") == []

    explorer.page.reload()
    for each in (explorer, Explorer.opened(profile.new_page(), explorer.server)):
        expect(each.token).to_have_value("")
        expect(each.who).to_have_count(0)


def test_what_somebody_has_typed_stays_when_a_token_is_entered_and_when_the_page_is_loaded_again(
    explorer: Explorer,
) -> None:
    explorer.type(OWN)
    expect(explorer.tabs.first).to_contain_text("Mine")
    explorer.enter_as("owner")
    expect(explorer.query).to_contain_text("Mine")
    expect(explorer.tabs).to_contain_text(["Viewer", "AddMember", "Mine"])

    explorer.choose("AddMember")
    explorer.replace(explorer.variables, '{ "input": { "email": "otto@example.com" } }')
    explorer.wait_until_stored("otto@example.com")
    explorer.page.reload()

    expect(explorer.query).to_contain_text("AddMember")
    expect(explorer.variables).to_contain_text("otto@example.com")
    expect(explorer.tabs).to_contain_text(["ServerInfo", "Plans", "AddMember", "Mine"])


def test_the_keyboard_alone_is_enough(explorer: Explorer) -> None:
    keyboard, seen = explorer.page.keyboard, []
    for _ in range(4):
        seen.append(explorer.page.evaluate(FOCUSED))
        keyboard.press("Tab")
    for _ in range(4):
        keyboard.press("Shift+Tab")
    keyboard.insert_text(explorer.server.tokens["owner"])
    keyboard.press("Enter")
    expect(explorer.who).to_contain_text("Olivia")
    expect(explorer.page.locator(".graphiql-query-editor .monaco-editor.focused")).to_be_visible()
    keyboard.press("Control+Enter")

    expect(explorer.answer).to_contain_text("Olivia")
    keyboard.press("Escape")
    keyboard.press("Tab")
    assert explorer.page.evaluate(FOCUSED) == "Execute query (Ctrl-Enter)"
    assert seen == ["Token", "Use", "Licences", "Show Documentation Explorer"]
