"""Braintree's notifications over HTTP: what is stored, what is applied, and that no nonsense ends in a 500."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing import ProcessorName
from domain.billing.customers import link_account
from domain.billing.processors.braintree import BraintreeProcessor
from domain.ids import CustomerId
from tests.domain.billing.processors.braintree_xml import ACCOUNT, KEYS, subscription
from tests.graphql_api.conftest import Serve
from tests.peers.braintree import Card, Peer, serving
from tests.peers.braintree.xml import written
from tests.support.api import Api
from tests.support.clock import FixedClock

OK = (200, {"ok": True})
UNSIGNED = (400, {"error": "signature_verification_failed"})
UNREADABLE = (400, {"error": "invalid_payload"})
BRAINTREE = {
    "PROCESSORS": "fake,braintree",
    "BRAINTREE_MERCHANT_ID": ACCOUNT.merchant_id,
    "BRAINTREE_PUBLIC_KEY": ACCOUNT.public_key,
    "BRAINTREE_PRIVATE_KEY": ACCOUNT.private_key,
    "BRAINTREE_ENVIRONMENT": "sandbox",
}


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving() as peer:
        yield peer


@pytest.fixture
async def api(serve: Serve, peer: Peer, clock: FixedClock) -> AsyncIterator[Api]:
    async with serve(BRAINTREE) as api:
        # The settings know Braintree's own two addresses only.
        processors = api.services.processors
        assert isinstance(processors, dict)
        await processors[ProcessorName.BRAINTREE].aclose()
        processors[ProcessorName.BRAINTREE] = BraintreeProcessor(**KEYS, live=False, clock=clock, api_base=peer.url)
        yield api


async def post(api: Api, body: bytes) -> tuple[int, Any]:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await api.client.post("/webhooks/braintree", content=body, headers=headers)
    return answer.status_code, answer.json()


def signed(api: Api, kind: str = "subscription_went_active", **changes: Any) -> bytes:
    return ACCOUNT.signed(kind, written("subject", {"subscription": subscription(**changes)}), api.clock.now())


async def customer(api: Api) -> str:
    """Make an organization whose customer has the account `cus_1` at Braintree."""
    found = str((await api.organization())["customer"]["id"])
    async with api.services.database.transaction() as session:
        await link_account(
            session,
            customer_id=CustomerId(found),
            processor=ProcessorName.BRAINTREE,
            livemode=False,
            processor_id="cus_1",
            at=api.clock.now(),
        )
    return found


async def features(api: Api, customer_id: str) -> list[str]:
    document = "query($id: ID!) { entitlements(customerId: $id) { features } }"
    return list((await api.ask(document, id=customer_id)).data["entitlements"]["features"])


async def test_a_notification_grants_and_its_repetition_changes_nothing(api: Api) -> None:
    id = await customer(api)
    body = signed(api, plan_id="price_pro_monthly")
    first = await post(api, body)
    before = await api.everything()

    api.clock.forward(hours=3)
    second = await post(api, body)

    assert (first, second) == (OK, OK)
    assert await api.everything() == before
    assert await features(api, id) == ["api", "reports"]


async def test_a_later_notification_takes_away_and_an_earlier_one_gives_nothing_back(api: Api) -> None:
    id = await customer(api)
    earlier = signed(api, plan_id="price_pro_monthly")
    api.clock.forward(seconds=60)

    await post(api, signed(api, "subscription_canceled", plan_id="price_pro_monthly", status="Canceled"))
    late = await post(api, earlier)

    assert late == OK
    assert await features(api, id) == []


async def test_a_notification_for_somebody_unknown_is_kept(api: Api) -> None:
    assert await post(api, signed(api)) == OK

    (row,) = await api.rows("webhook_events")
    assert (row.processor, row.status, row.waiting_for) == ("braintree", "received", "cus_1")


async def test_a_notification_that_shows_only_an_id_leads_to_a_fetch(api: Api, peer: Peer) -> None:
    id = await customer(api)
    peer.account.cards["token_1"] = Card(customer="cus_1")
    peer.account.subscriptions["bt_1"] = subscription(plan_id="price_pro_monthly", transactions=[])
    told = written("subject", {"subscription": {"id": "bt_1", "transactions": [], "add_ons": []}})

    assert await post(api, ACCOUNT.signed("subscription_went_active", told, api.clock.now())) == OK
    await api.settled()

    assert await features(api, id) == ["api", "reports"]
    assert "GET /subscriptions/bt_1" in peer.heard


async def test_braintrees_own_test_notification_is_kept_and_ignored(api: Api) -> None:
    assert await post(api, ACCOUNT.signed("check", written("subject", {"check": True}), api.clock.now())) == OK

    (row,) = await api.rows("webhook_events")
    assert (row.type, row.status) == ("check", "ignored")


async def test_a_subscription_that_cannot_be_read_is_kept_for_another_try(api: Api) -> None:
    assert await post(api, signed(api, add_ons="none")) == OK

    (row,) = await api.rows("webhook_events")
    assert (row.status, row.last_error, row.attempts) == ("failed", "UnreadableEvent", 1)


@pytest.mark.parametrize("body", [b"", b"bt_signature=x&bt_payload=AAAA", b"\xff\xfe", b'{"id": "evt_1"}'])
async def test_what_nobody_has_signed_is_refused(api: Api, body: bytes) -> None:
    before = await api.everything()

    assert await post(api, body) == UNSIGNED
    assert await api.everything() == before


@pytest.mark.parametrize("age", [timedelta(hours=25), timedelta(minutes=-6)])
async def test_a_notification_of_another_day_is_refused(api: Api, age: timedelta) -> None:
    body = ACCOUNT.signed("check", "", api.clock.now() - age)

    assert await post(api, body) == UNSIGNED
    assert await api.rows("webhook_events") == []


@pytest.mark.parametrize("xml", [b"", b"<a>", b"<!DOCTYPE a []><a/>", b"<notification/>", b"<a>" * 50])
async def test_what_is_signed_but_no_notification_is_refused(api: Api, xml: bytes) -> None:
    assert await post(api, ACCOUNT.form(xml)) == UNREADABLE
    assert await api.rows("webhook_events") == []


OTHERS = subscription().keys() - {"status"}
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(subscription())), inner),
    max_leaves=8,
)


async def test_signed_nonsense_is_kept_or_refused_and_never_grants(api: Api) -> None:
    id = await customer(api)
    nonsense: list[dict[str, Any]] = []
    _collect(nonsense.append)

    answers = {(await post(api, signed(api, **{"plan_id": "price_pro_monthly"} | changes)))[0] for changes in nonsense}

    assert answers <= {200, 400}
    assert await features(api, id) == []


def _collect(keep: Callable[[dict[str, Any]], None]) -> None:
    @settings(max_examples=60)
    @given(st.fixed_dictionaries({"status": NONSENSE}, optional=dict.fromkeys(OTHERS, NONSENSE)))
    def collect(changes: dict[str, Any]) -> None:
        keep(changes)

    collect()
