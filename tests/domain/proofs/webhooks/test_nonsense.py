"""Nonsense and forgeries: each is another event, and none is what Stripe would send."""

import hashlib
import hmac
import time

import pytest
import stripe

from domain.billing import ProcessorName, UnreadableEvent
from domain.billing.processors import shapes
from domain.proofs.webhooks import Plan, signing
from domain.proofs.webhooks.nonsense import CLAIMS, SUBSCRIPTIONS, Nonsense, nonsense_about

NOW = 1_800_000_000_000
SECRET = "whsec_1"
BODY = b'{"id": "evt_1", "status":"active"}'


def sent() -> list[Nonsense]:
    story = Plan(tag="t").lied_about(NOW)
    return list(nonsense_about([change.document for change in story.changes], created=NOW // 1000))


def test_every_body_and_every_name_is_another() -> None:
    bodies = sent()

    assert len({nonsense.body for nonsense in bodies}) == len(bodies)
    assert len({nonsense.name for nonsense in bodies}) == len(bodies)


def test_no_event_is_hidden_behind_the_id_of_another() -> None:
    read = []
    for nonsense in sent():
        try:
            read.append(shapes.event(nonsense.body, processor=ProcessorName.STRIPE).event_id)
        except UnreadableEvent:
            continue

    assert len(read) > len(CLAIMS)
    assert len(set(read)) == len(read)


def test_every_claim_has_a_subscription_of_its_own_that_grants_nothing() -> None:
    story = Plan(tag="t").lied_about(NOW)
    claimed = [nonsense.claimed for nonsense in sent() if nonsense.claimed]

    assert len(set(claimed)) == len(CLAIMS) == SUBSCRIPTIONS - 1
    assert set(claimed) < set(story.subscriptions)
    assert {change.document["status"] for change in story.changes} == {"incomplete"}


def test_the_signature_is_the_one_that_stripe_documents() -> None:
    second = int(time.time())
    digest = hmac.new(SECRET.encode(), f"{second}.".encode() + BODY, hashlib.sha256).hexdigest()

    header = signing.sign(BODY, SECRET, second)

    assert header == f"t={second},v1={digest}"
    assert stripe.WebhookSignature.verify_header(BODY.decode(), header, SECRET, tolerance=300)


def test_stripes_own_library_takes_no_forgery() -> None:
    forged = list(signing.forgeries(BODY, SECRET, int(time.time())))

    for request in forged:
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(request.body.decode(), request.signature or "", SECRET, tolerance=300)
    assert len({(request.body, request.signature) for request in forged}) == len(forged)
