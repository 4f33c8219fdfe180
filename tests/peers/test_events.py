"""The peer's log of events and its webhooks, those that go astray included."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.peers.conftest import QUIET, Shop, client_of
from tests.peers.stripe import Mishap, Peer, serving
from tests.support.clock import FixedClock

pytestmark = pytest.mark.filterwarnings(QUIET)

HOOK = "http://host.example.com/hook"


@dataclass(slots=True)
class Endpoint:
    """A host's endpoint: keeps what it gets and answers what it was told to."""

    statuses: list[int] = field(default_factory=list)
    got: list[tuple[bytes, str]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.got.append((await request.body(), request.headers["stripe-signature"]))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)

    def app(self) -> Starlette:
        async def answer(request: Request) -> Response:
            return await self(request)

        return Starlette(routes=[Route("/hook", answer, methods=["POST"])])

    def types(self) -> list[str]:
        return [stripe.Event.construct_from(_json(body), None).type for body, _ in self.got]


def _json(body: bytes) -> dict[str, object]:
    found: dict[str, object] = httpx.Response(200, content=body).json()
    return found


@dataclass(slots=True, kw_only=True)
class Post:
    """A peer whose webhooks reach an endpoint without a socket."""

    peer: Peer
    clock: FixedClock
    endpoint: Endpoint
    client: stripe.StripeClient

    async def make(self, *names: str) -> None:
        for name in names:
            await self.client.v1.customers.create_async({"name": name})

    def names(self) -> list[object]:
        return [_json(body)["data"]["object"]["name"] for body, _ in self.endpoint.got]  # type: ignore[index]


@asynccontextmanager
async def posting() -> AsyncIterator[Post]:
    endpoint, clock = Endpoint(), FixedClock()
    peer = Peer(clock, client=httpx.AsyncClient(transport=httpx.ASGITransport(app=endpoint.app())))
    async with serving(peer) as url, client_of(url) as client:
        yield Post(peer=peer, clock=clock, endpoint=endpoint, client=client)


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    async with posting() as post:
        yield post


async def test_events_are_listed_newest_first_by_type_and_instant_page_by_page(shop: Shop) -> None:
    first = await shop.customer(None)
    since = int(shop.clock.forward(hours=1).timestamp())
    second, third = await shop.customer(None), await shop.customer(None)

    listed = await shop.v1.events.list_async(
        {"created": {"gte": since}, "types": ["customer.created", "customer.deleted"], "limit": 1}
    )
    everything = await shop.v1.events.list_async({"type": "customer.*"})

    assert [event.data.object["id"] async for event in listed.auto_paging_iter()] == [third, second]
    assert [event.data.object["id"] for event in everything.data] == [third, second, first]


async def test_events_are_forgotten_after_thirty_days(shop: Shop) -> None:
    shop.clock.forward(days=31)

    assert (await shop.v1.events.list_async()).data == []


async def test_an_event_tells_which_request_caused_it(shop: Shop) -> None:
    await shop.v1.customers.create_async({}, {"idempotency_key": "k1"})
    [caused] = (await shop.v1.events.list_async({"type": "customer.created"})).data
    made = await shop.subscribe(await shop.customer())
    shop.passes(days=31)
    [renewed, *_] = (await shop.v1.events.list_async({"type": "customer.subscription.updated"})).data

    assert caused.request is not None
    assert renewed.request is not None
    assert caused.request.idempotency_key == "k1"
    assert (renewed.data.object["id"], renewed.request.id) == (made.id, None)
    assert caused.api_version == stripe.api_version


async def test_a_webhook_is_signed_and_verified_by_the_library(post: Post) -> None:
    secret = post.peer.listen(HOOK, types=("customer.created",))
    await post.make("Ann")

    said = await post.peer.deliver()

    [(body, signature)] = post.endpoint.got
    assert [(each.type, each.status) for each in said] == [("customer.created", 200)]
    assert stripe.WebhookSignature.verify_header(body.decode(), signature, secret)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), signature, "whsec_other")
    assert await post.peer.deliver() == []


async def test_an_endpoint_made_by_the_client_gets_the_types_that_it_wants_and_tells_its_secret_once(
    post: Post,
) -> None:
    made = await post.client.v1.webhook_endpoints.create_async({"url": HOOK, "enabled_events": ["product.created"]})
    await post.make("Ann")
    await post.client.v1.products.create_async({"name": "Team"})

    await post.peer.deliver()

    [(body, signature)] = post.endpoint.got
    assert made.secret is not None
    assert stripe.WebhookSignature.verify_header(body.decode(), signature, made.secret)
    assert post.endpoint.types() == ["product.created"]
    read = await post.client.v1.webhook_endpoints.retrieve_async(made.id)
    assert "secret" not in read.to_dict()


async def test_what_an_endpoint_refuses_comes_again_later(post: Post) -> None:
    post.peer.listen(HOOK)
    post.endpoint.statuses = [500, 503]
    await post.make("Ann")

    said = [await post.peer.deliver()]
    for _ in range(3):
        post.clock.forward(hours=2)
        said.append(await post.peer.deliver())

    assert [[each.status for each in once] for once in said] == [[500], [503], [200], []]
    [event] = (await post.client.v1.events.list_async()).data
    assert event.pending_webhooks == 0


@pytest.mark.parametrize(
    ("mishap", "at_once", "in_the_end"),
    [
        (Mishap.DUPLICATE, ["a", "b", "b", "c"], ["a", "b", "b", "c"]),
        (Mishap.REORDER, ["a", "c", "b"], ["a", "c", "b"]),
        (Mishap.DELAY, ["a", "c"], ["a", "c", "b"]),
        (Mishap.DROP, ["a", "c"], ["a", "c"]),
    ],
)
async def test_webhooks_go_astray_when_told_to(
    post: Post, mishap: Mishap, at_once: list[str], in_the_end: list[str]
) -> None:
    post.peer.listen(HOOK)

    await post.make("a")
    post.peer.faults.next_webhook(mishap, type="customer.created")
    await post.make("b", "c")
    await post.peer.deliver()
    first = post.names()
    post.clock.forward(hours=1)
    await post.peer.deliver()

    assert (first, post.names()) == (at_once, in_the_end)


async def test_a_thin_event_names_its_object_and_is_fetched_for_more(post: Post) -> None:
    secret = post.peer.listen(HOOK, thin=True)
    await post.make("Ann")
    await post.peer.deliver()

    [(body, signature)] = post.endpoint.got
    notice = post.client.parse_event_notification(body, signature, secret, tolerance=10**9)
    assert isinstance(notice, stripe.events.V1CustomerCreatedEventNotification)
    whole = await notice.fetch_event_async()
    customer = await notice.fetch_related_object_async()

    [event] = post.peer.events
    assert whole.snapshot_event == event["id"]
    assert (customer.id, customer.name) == (notice.related_object.id, "Ann")


async def test_webhooks_go_out_by_themselves_when_asked_to() -> None:
    endpoint = Endpoint()
    peer = Peer(FixedClock(), client=httpx.AsyncClient(transport=httpx.ASGITransport(app=endpoint.app())))
    peer.listen(HOOK)
    async with serving(peer, delivering=True) as url, client_of(url) as client:
        await client.v1.customers.create_async({"name": "Ann"})
        while not endpoint.got:
            await client.v1.customers.list_async()

    assert endpoint.types() == ["customer.created"]
