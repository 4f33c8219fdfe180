"""Signed nonsense over HTTP: refused or recorded, never a failure of ours and never a grant."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.billing.processors.shapes import READERS
from tests.domain.billing.processors import stripe_json
from tests.domain.billing.processors.stripe_json import item, items, subscription
from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite

SURROGATE = b'"\\ud800"'
SENT = "an object of the event"
UNREAD: list[dict[str, Any]] = [
    {"customer": 7},
    {"customer": None},
    {"id": ""},
    {"id": "x" * 300},
    {"status": []},
    {"items": None},
    {"items": {"data": {}}},
    {"items": items(item(quantity=-1))},
    {"items": items(item(quantity=2**40))},
    {"items": items(item(quantity=1.5))},
    {"items": items(item(quantity="7"))},
    {"items": items(item(price=None))},
    {"items": items(item(current_period_end=10**18))},
    {"ended_at": "yesterday"},
    {"ended_at": -1},
    {"cancel_at_period_end": "no"},
    {"pause_collection": "void"},
    {"livemode": 0},
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("changes", UNREAD, ids=str)
async def test_an_object_in_no_known_shape_is_recorded_and_grants_nothing(api: Api, changes: dict[str, Any]) -> None:
    acme = await api.organization()
    await api.holds(acme["customer"], price="price_pro_monthly", quantity=1, status="canceled")
    before = await granted(api, acme)

    posted = await api.post_event(
        id="evt_bad", data={"object": subscription(customer=f"cus_{acme['customer']['id']}") | changes}
    )

    [bad] = [row for row in await api.rows("webhook_events") if row.event_id == "evt_bad"]
    assert posted.status_code == 200
    assert (bad.status, bad.last_error) == ("failed", "UnreadableEvent")
    assert await granted(api, acme) == before == {"plans": [], "features": []}


@pytest.mark.parametrize(
    "written",
    [b"NaN", b"9" * 5000, b'"\\u0000"', SURROGATE, b'{"a": 1, "a": 2}', b"[" * 100 + b"]" * 100],
    ids=["nan", "endless", "nul", "surrogate", "twice", "deep"],
)
async def test_what_cannot_be_stored_is_refused_wherever_it_stands(api: Api, written: bytes) -> None:
    body = stripe_json.body(data={"object": subscription(metadata=SENT)}).replace(f'"{SENT}"'.encode(), written)

    posted = await api.post_webhook(body)

    assert (posted.status_code, posted.json()) == (400, {"error": "invalid_payload"})
    assert await api.rows("webhook_events") == []


@pytest.fixture(scope="module")
def one(sqlite: Sqlite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Api]]:
    """Serve one application for every example."""
    folder: Path = tmp_path_factory.mktemp("nonsense")
    with asyncio.Runner() as loop:
        running = serving(sqlite.fresh(folder), folder, FixedClock())
        api = loop.run(running.__aenter__())
        yield loop, api
        loop.run(running.__aexit__(None, None, None))


@settings(max_examples=200)
@given(
    type=st.sampled_from([*sorted(READERS), "charge.refunded", "customer.subscription.exploded"]),
    document=st.dictionaries(st.sampled_from(sorted({*subscription(), "mode", "entitlements", "parent"})), values),
    whole=st.booleans(),
    number=st.integers(0, 10**12),
)
def test_any_object_of_any_type_is_answered_and_grants_nothing(
    one: tuple[asyncio.Runner, Api], type: str, document: dict[str, Any], whole: bool, number: int
) -> None:
    loop, api = one
    sent = (subscription() if whole else {}) | document

    posted = loop.run(api.post_event(id=f"evt_{number}", type=type, data={"object": sent}))

    assert posted.status_code in {200, 400}
    assert loop.run(api.rows("billing_subscriptions")) == []


async def granted(api: Api, organization: dict[str, Any]) -> Any:
    document = "query($id: ID!) { entitlements(customerId: $id) { plans features } }"
    return (await api.ask(document, id=organization["customer"]["id"])).data["entitlements"]
