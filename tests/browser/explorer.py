"""The explorer as somebody uses it: a token entered, operations run, answers read."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.browser.demo import Demo

STORED = """word => new Promise((done) => {
    const look = () => sessionStorage.getItem("graphiql:tabState")?.includes(word) ? done() : setTimeout(look, 20);
    look();
})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """One tab with the explorer in it."""

    page: Page
    server: Demo

    @classmethod
    def opened(cls, page: Page, server: Demo) -> "Explorer":
        page.goto(f"{server.url}/graphiql")
        explorer = cls(page=page, server=server)
        expect(explorer.query).to_contain_text("query")
        return explorer

    @property
    def token(self) -> Locator:
        return self.page.get_by_label("Token", exact=True)

    @property
    def who(self) -> Locator:
        return self.page.locator(".bar [role=status]")

    @property
    def alert(self) -> Locator:
        return self.page.locator(".notice")

    @property
    def query(self) -> Locator:
        return self.page.locator(".graphiql-query-editor .view-lines")

    @property
    def variables(self) -> Locator:
        return self.page.locator(".graphiql-editor-tool .view-lines").first

    @property
    def answer(self) -> Locator:
        return self.page.locator(".graphiql-response .view-lines")

    @property
    def tabs(self) -> Locator:
        return self.page.locator(".graphiql-tabs [role=tab]")

    @property
    def panel(self) -> Locator:
        return self.page.locator(".graphiql-plugin")

    def enter(self, token: str) -> None:
        self.token.fill(token)
        self.token.press("Enter")

    def enter_as(self, who: str) -> None:
        """Enter somebody's token, and wait until the schema is there."""
        with self.page.expect_response(lambda response: "__schema" in (response.request.post_data or "")):
            self.enter(self.server.tokens[who])
        expect(self.who).to_be_visible()
        expect(self.query).to_contain_text("query")

    def forget(self) -> None:
        self.page.get_by_role("button", name="Forget").click()
        expect(self.token).to_be_focused()

    def choose(self, tab: str) -> None:
        self.tabs.filter(has_text=tab).click()
        expect(self.query).to_contain_text(tab)

    def run(self) -> None:
        self.page.locator(".graphiql-execute-button").click()

    def open_panel(self, title: str) -> None:
        self.page.get_by_label(f"Show {title}").click()
        expect(self.panel).to_be_visible()

    def wait_until_stored(self, word: str) -> None:
        """Wait for the tabs in session storage to hold a word; GraphiQL stores them half a second after a change."""
        self.page.evaluate(STORED, word)

    def type(self, text: str) -> None:
        """Replace what the query editor holds."""
        self.replace(self.query, text)

    def replace(self, editor: Locator, text: str) -> None:
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)
