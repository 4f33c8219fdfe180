"""What somebody reads when the explorer cannot do what they want."""

from functools import partial
from typing import Any

from playwright.sync_api import Route, expect

from tests.browser.demo import Demo
from tests.browser.explorer import Explorer
from tests.browser.signing import signed
from tests.browser.watching import Watch

ENDED = "The token is not accepted any more"
# What the server and what stands before it answer when a test cannot bring them to it.
ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "too much": (
        {
            "status": 429,
            "headers": {"retry-after": "12"},
            "json": {"errors": [{"message": "Too many requests.", "extensions": {"code": "RATE_LIMITED"}}]},
        },
        "That was too much at once. Try again in 12 seconds.",
    ),
    "no database": (
        {
            "status": 503,
            "json": {"errors": [{"message": "The database is away.", "extensions": {"code": "UNAVAILABLE"}}]},
        },
        "The server could not answer (503): The database is away.",
    ),
    "a proxy": (
        {"status": 502, "body": "<h1>Bad Gateway</h1>", "content_type": "text/html"},
        "What answered is no Seatgate, or something between you and it failed: it says 502, and no JSON.",
    ),
}
REFUSED = 4403
CLOSES = {
    1009: "What was sent is too large",
    4400: "The server did not understand what was sent",
    REFUSED: ENDED,
}


def test_a_token_that_opens_nothing_is_refused_in_plain_words_and_can_be_put_right(
    explorer: Explorer, watch: Watch
) -> None:
    explorer.enter("two words")
    expect(explorer.token).to_be_focused()
    assert explorer.page.evaluate("document.querySelector('#token').validity.patternMismatch")
    assert [url for url in watch.asked if url.endswith("/graphql")] == []

    explorer.enter("eyJhbGciOiJIUzI1NiJ9.e30.x")
    expect(explorer.alert).to_contain_text("This token is refused")
    expect(explorer.token).to_be_focused()

    explorer.enter_as("member")
    expect(explorer.alert).to_be_empty()
    expect(explorer.who).to_contain_text("Max")


def test_a_token_that_ends_meanwhile_is_asked_for_again_and_nothing_else_is_lost(
    explorer: Explorer, server: Demo
) -> None:
    gone = signed("gwen")
    explorer.enter(gone)
    expect(explorer.who).to_contain_text("gwen")
    user = server.ask("{ viewer { actor { ... on User { id } } } }", gone)["viewer"]["actor"]["id"]
    explorer.run()
    expect(explorer.answer).to_contain_text(user)
    delete = "mutation ($u: ID!) { deleteUser(input: { userId: $u }) { deletion { status } errors { __typename } } }"
    assert server.ask(delete, u=user)["deleteUser"]["errors"] == []
    explorer.type("query Still { viewer { administrator } }")

    explorer.run()

    expect(explorer.alert).to_contain_text(ENDED)
    expect(explorer.answer).to_contain_text("UNAUTHENTICATED")
    expect(explorer.query).to_contain_text("Still")
    explorer.enter_as("member")
    expect(explorer.alert).to_be_empty()
    expect(explorer.query).to_contain_text("Still")


def test_an_answer_that_is_none_is_told_as_what_it_is_and_forgotten_with_the_next(explorer: Explorer) -> None:
    explorer.page.context.set_offline(True)
    explorer.run()
    expect(explorer.alert).to_contain_text("The server cannot be reached.")
    expect(explorer.answer).to_contain_text("cannot be reached")
    explorer.page.context.set_offline(False)

    for given, told in ANSWERS.values():
        explorer.page.route("**/graphql", partial(answered, given))
        explorer.run()
        expect(explorer.alert).to_have_text(told)
        explorer.page.unroute("**/graphql")

        explorer.run()
        expect(explorer.answer).to_contain_text("catalogVersion")
        expect(explorer.alert).to_be_empty()


def answered(given: dict[str, Any], route: Route) -> None:
    route.fulfill(**given)


def test_a_socket_that_is_closed_says_why(explorer: Explorer) -> None:
    codes = iter(CLOSES)
    explorer.page.route_web_socket("**/graphql", lambda socket: socket.close(code=next(codes), reason="told"))
    explorer.enter_as("owner")
    explorer.choose("SeatsChanged")

    for code, told in CLOSES.items():
        explorer.run()
        expect(explorer.alert).to_contain_text(told)
        expect(explorer.answer).to_contain_text(told)
        expect(explorer.token).to_have_count(1 if code == REFUSED else 0)
