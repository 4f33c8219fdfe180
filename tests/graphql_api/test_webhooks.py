"""Webhooks over HTTP: each answer's exact status and body, and that what was refused was not stored."""

import json

import pytest
from starlette.requests import Request
from starlette.types import Message

from graphql_api import webhooks
from tests.domain.billing.processors import stripe_json
from tests.support.api import Api

OK = (200, {"ok": True})
UNSIGNED = (400, {"error": "signature_verification_failed"})
UNREADABLE = (400, {"error": "invalid_payload"})
BODY = stripe_json.body()


async def test_a_signed_event_is_stored_and_a_duplicate_changes_nothing(either: Api) -> None:
    body = stripe_json.body(created=either.now())
    first = await either.post_webhook(body)
    before = await either.everything()

    second = await either.post_webhook(body)

    assert [(answer.status_code, answer.json()) for answer in (first, second)] == [OK, OK]
    assert await either.everything() == before
    (row,) = await either.rows("webhook_events")
    assert (row.event_id, row.status, row.waiting_for, row.body) == ("evt_1", "received", "cus_1", body)


async def refused(api: Api, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, object]:
    """Post what is refused, and insist that nothing is stored and nothing told."""
    before = await api.everything()
    answer = await api.client.post("/webhooks/fake", content=body, headers=headers or {})
    assert await api.everything() == before
    assert len(answer.headers["x-request-id"]) == 32
    assert "Traceback" not in answer.text
    return answer.status_code, answer.json()


@pytest.mark.parametrize("header", [None, "", "t=1", "v1=abc", "t=x,v1=abc", "nonsense", "t=1795000000,v1=" + "0" * 64])
async def test_what_nobody_has_signed_is_refused(api: Api, header: str | None) -> None:
    assert await refused(api, BODY, {} if header is None else {"stripe-signature": header}) == UNSIGNED


@pytest.mark.parametrize(("late", "answer"), [(-300, OK), (-301, UNSIGNED), (300, OK), (301, UNSIGNED)])
async def test_a_signature_holds_for_five_minutes_before_and_after(
    api: Api, late: int, answer: tuple[int, object]
) -> None:
    posted = await api.post_webhook(BODY, late=late)

    assert (posted.status_code, posted.json()) == answer
    assert len(await api.rows("webhook_events")) == (answer == OK)


async def test_another_secret_signs_nothing(api: Api) -> None:
    posted = await api.post_webhook(BODY, secret="a-secret-that-nobody-has-configured-here")

    assert (posted.status_code, posted.json()) == UNSIGNED
    assert await api.rows("webhook_events") == []


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in stripe_json.event().items() if key != name}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b'{"id": NaN}',
        b"[" * 5000,
        without("id"),
        without("type"),
        without("created"),
        without("data"),
        stripe_json.body(id=7),
        stripe_json.body(created="today"),
        stripe_json.body(created=-1),
        stripe_json.body(id="x" * 256),
    ],
    ids=lambda body: body[:24].decode(errors="replace"),
)
async def test_what_is_signed_but_no_event_is_refused(api: Api, body: bytes) -> None:
    posted = await api.post_webhook(body)

    assert (posted.status_code, posted.json()) == UNREADABLE
    assert await api.rows("webhook_events") == []


async def test_a_body_over_a_mebibyte_is_refused_and_one_of_a_mebibyte_is_not(api: Api) -> None:
    padding = 1024 * 1024 - len(stripe_json.body(padding=""))
    most, more = stripe_json.body(padding="x" * padding), stripe_json.body(id="evt_2", padding="x" * (padding + 1))

    answers = [await api.post_webhook(body) for body in (most, more)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [OK, (413, {"error": "too_large"})]
    assert len(await api.rows("webhook_events")) == 1


@pytest.mark.parametrize("name", ["stripe", "braintree", "nobody", "Fake"])
async def test_a_processor_that_is_not_configured_is_not_there(api: Api, name: str) -> None:
    answer = await api.client.post(f"/webhooks/{name}", content=BODY)

    assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})


async def test_webhooks_are_only_posted(api: Api) -> None:
    assert (await api.client.get("/webhooks/fake")).status_code == 405


async def test_an_event_of_an_unknown_type_or_the_other_mode_is_kept_and_ignored(api: Api) -> None:
    answers = [
        await api.post_event(id="evt_1", type="product.created"),
        await api.post_event(id="evt_2", livemode=True),
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [row.status for row in await api.rows("webhook_events")] == ["ignored", "ignored"]
    assert await api.rows("subscription_facts") == []


async def test_an_event_that_cannot_be_applied_is_kept_for_another_try(api: Api) -> None:
    posted = await api.post_event(data={"object": {"object": "subscription", "id": "sub_1"}})

    (row,) = await api.rows("webhook_events")
    assert (posted.status_code, posted.json()) == OK
    assert (row.status, row.last_error, row.attempts) == ("failed", "UnreadableEvent", 1)


async def test_a_sender_that_leaves_before_the_end_is_no_fault_of_ours(api: Api) -> None:
    async def leave() -> Message:
        return {"type": "http.disconnect"}

    (route,) = webhooks.routes(api.services)
    scope = {"type": "http", "method": "POST", "headers": [], "path_params": {"processor": "fake"}}

    answer = await route.endpoint(Request(scope, leave))

    assert answer.status_code == 400
    assert await api.rows("webhook_events") == []
