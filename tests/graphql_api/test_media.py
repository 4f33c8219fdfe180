"""Which media type an answer takes, by what the client says that it accepts."""

import pytest

from graphql_api.transport import media

JSON, RESPONSE_JSON = media.JSON, media.RESPONSE


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE_JSON, RESPONSE_JSON),
        (f"{JSON}, {RESPONSE_JSON}", RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON}, text/event-stream, multipart/mixed", RESPONSE_JSON),
        (f"{RESPONSE_JSON};q=0.5, {JSON}", JSON),
        (f"{RESPONSE_JSON}, */*", RESPONSE_JSON),
        (f"{JSON};q=0, */*", RESPONSE_JSON),
        ("text/html, */*;q=0.1", JSON),
        (f"{RESPONSE_JSON}; charset=utf-8", RESPONSE_JSON),
        ("text/html", None),
        ("text/event-stream", None),
        (f"{JSON}; charset=utf-16", None),
        (f"{JSON};q=0", None),
        (f"{JSON};q=nan", None),
        ("application/jsonfoo", None),
        ("," * 2000, None),
    ],
)
def test_the_answer_takes_the_media_type_that_the_client_likes_best(accept: str, expected: str | None) -> None:
    assert media.chosen(accept) == expected
