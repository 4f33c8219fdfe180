"""What somebody reads when the explorer cannot do what they want."""

from typing import Any

import pytest
from playwright.sync_api import Route, WebSocketRoute, expect

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
CLOSES = {
    4403: ENDED,
    4429: "There are too many live connections.",
    4400: "The server did not understand what was sent",
}


def test_a_token_that_opens_nothing_is_refused_in_plain_words_and_can_be_put_right(explorer: Explorer) -> None:
    explorer.enter("eyJhbGciOiJIUzI1NiJ9.e30.x")

    expect(explorer.alert).to_contain_text("This token is refused")
    expect(explorer.token).to_be_focused()
    explorer.enter_as("member")
    expect(explorer.alert).to_be_empty()
    expect(explorer.who).to_contain_text("Max")


def test_a_token_that_is_no_token_is_not_sent(explorer: Explorer, watch: Watch) -> None:
    explorer.enter("two words")

    expect(explorer.token).to_be_focused()
    assert explorer.page.evaluate("document.querySelector('#token').validity.patternMismatch")
    assert [url for url in watch.asked if url.endswith("/graphql")] == []


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


def test_a_network_that_is_gone_and_back_is_told_and_forgotten(explorer: Explorer) -> None:
    explorer.page.context.set_offline(True)
    explorer.run()
    expect(explorer.alert).to_contain_text("The server cannot be reached.")
    expect(explorer.answer).to_contain_text("cannot be reached")

    explorer.page.context.set_offline(False)
    explorer.run()

    expect(explorer.answer).to_contain_text("catalogVersion")
    expect(explorer.alert).to_be_empty()


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_none_is_told_as_what_it_is(explorer: Explorer, answer: str) -> None:
    given, told = ANSWERS[answer]

    def refuse(route: Route) -> None:
        route.fulfill(**given)

    explorer.page.route("**/graphql", refuse)
    explorer.run()

    expect(explorer.alert).to_have_text(told)
    explorer.page.unroute("**/graphql")
    explorer.run()
    expect(explorer.answer).to_contain_text("catalogVersion")
    expect(explorer.alert).to_be_empty()


@pytest.mark.parametrize("code", CLOSES)
def test_a_socket_that_is_closed_says_why(explorer: Explorer, code: int) -> None:
    def close(socket: WebSocketRoute) -> None:
        socket.close(code=code, reason="told")

    explorer.page.route_web_socket("**/graphql", close)
    explorer.enter_as("owner")
    explorer.choose("SeatsChanged")
    explorer.run()

    expect(explorer.alert).to_contain_text(CLOSES[code])
    expect(explorer.answer).to_contain_text(CLOSES[code][:20])
    expect(explorer.token).to_have_count(1 if code == 4403 else 0)


def test_without_a_token_a_subscription_says_that_it_needs_one(explorer: Explorer, server: Demo) -> None:
    organization = server.organization()["id"]

    explorer.type(f'subscription Seats {{ seatsChanged(organizationId: "{organization}") {{ used }} }}')
    explorer.run()

    expect(explorer.answer).to_contain_text("UNAUTHENTICATED")
