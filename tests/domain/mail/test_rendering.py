"""Templates: escaped where they must be, and never half-filled; and what the log of a message shows."""

import logging
from typing import Any

import pytest
from jinja2 import UndefinedError

from domain import mail
from domain.mail import LogMailer, Message

VALUES: dict[str, Any] = {
    "organization": 'A <b> & "C"',
    "inviter": "<script>alert(1)</script>",
    "role": "Member",
    "email": "guest@example.com",
    "expires_on": "28 November 2026, 12:00 UTC",
    "token": "inv_1.secret",
    "link": "https://app.example.com/invitations/accept?token=inv_1.secret",
}


def render(**changes: Any) -> Message:
    return mail.render("invitation", to="guest@example.com", subject="Join A <b>", **(VALUES | changes))


def test_html_is_escaped_and_text_is_not() -> None:
    made = render()

    assert "<script>" not in made.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in made.html
    assert "<title>Join A &lt;b&gt;</title>" in made.html
    assert 'to join A <b> & "C".' in made.text


def test_with_a_link_there_is_no_bare_token_and_without_one_there_is_no_link() -> None:
    linked, bare = render(), render(link=None)

    for text in (linked.text, linked.html):
        assert VALUES["link"] in text
        assert "enter this token" not in text
    for text in (bare.text, bare.html):
        assert "enter this token" in text
        assert VALUES["token"] in text
    assert "href" not in bare.html


def test_an_inviter_without_a_name_is_left_out() -> None:
    made = render(inviter=None)

    assert made.text.startswith('You have been invited to join A <b> & "C".')
    assert "None" not in made.text + made.html


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_nobody_gives_is_a_fault(name: str) -> None:
    lacking = {key: value for key, value in VALUES.items() if key != name}
    # The token itself stands only where there is no link.
    lacking |= {"link": None} if name == "token" else {}

    with pytest.raises(UndefinedError):
        mail.render("invitation", to="guest@example.com", subject="Join", **lacking)


def test_the_html_asks_for_nothing_from_outside_and_follows_the_readers_colours() -> None:
    html = render(link=None).html

    assert not [word for word in ("src=", "http:", "https:", "@import", "<script", "url(") if word in html]
    assert "prefers-color-scheme: dark" in html
    assert 'lang="en"' in html


@pytest.mark.parametrize("shown", [True, False])
async def test_the_log_shows_a_secret_only_when_told_to(caplog: pytest.LogCaptureFixture, shown: bool) -> None:
    caplog.set_level(logging.INFO)
    message = mail.render("invitation", to="guest@example.com", subject="Join", secrets=("inv_1.secret",), **VALUES)

    await LogMailer(shows_secrets=shown).send(message)

    assert ("inv_1.secret" in caplog.text) is shown
    assert "guest@example.com: Join" in caplog.text
