"""The peer as a test holds it: an account, its API as an application, its faults, and what a person would do."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette

from domain.clock import Clock
from tests.peers.stripe import checkout, events, payments
from tests.peers.stripe.account import Account, Cause, Document, Dunning
from tests.peers.stripe.app import Call, Desk
from tests.peers.stripe.delivering import Delivered, Deliveries
from tests.peers.stripe.faults import Faults

SECRET_KEY = "sk_test_peer"
PUBLISHABLE_KEY = "pk_test_peer"


class Peer:
    """A Stripe account in test mode that lives in memory and whose time is the given clock's.

    Moving the clock lets nothing happen by itself; the next request does, or `settle`. `client` is what webhooks are
    sent with, so that an application can be reached without a socket.
    """

    def __init__(
        self, clock: Clock, *, dunning: Dunning | None = None, client: httpx.AsyncClient | None = None
    ) -> None:
        self.account = Account(clock, dunning=dunning or Dunning())
        self.faults = Faults()
        self.deliveries = Deliveries(self.account, self.faults)
        self.account.on_event = self.deliveries.heard
        self._woken = asyncio.Event()
        self._client = client or httpx.AsyncClient(timeout=30)
        self._desk = Desk(
            account=self.account,
            faults=self.faults,
            secret_key=SECRET_KEY,
            publishable_key=PUBLISHABLE_KEY,
            answered=self._woken.set,
        )
        self.app: Starlette = self._desk.app()

    @property
    def calls(self) -> list[Call]:
        """The requests that have come, in order."""
        return self._desk.calls

    def called(self, operation: str) -> list[Call]:
        """The requests of one operation, in order."""
        return [call for call in self.calls if call.operation == operation]

    def all(self, kind: str) -> list[Document]:
        """Every object of a kind, oldest first: `subscription`, `customer`, `invoice`."""
        return self.account.all(kind)

    @property
    def events(self) -> list[Document]:
        """Every event, oldest first."""
        return self.account.events

    def settle(self) -> None:
        """Let everything happen that is due by the clock."""
        with self._acting():
            pass

    def listen(self, url: str, *, types: tuple[str, ...] = ("*",), thin: bool = False) -> str:
        """Register an address for webhooks and give the secret that signs them; thin events tell no more than ids."""
        endpoint = events.endpoint_at(self.account, url, events=list(types))
        if thin:
            self.deliveries.thin.add(endpoint["id"])
        return events.secret_of(endpoint)

    async def deliver(self) -> list[Delivered]:
        """Send every webhook that is due, each once and in order, and give what the endpoints said."""
        self.settle()
        return await self.deliveries.deliver(self._client)

    def complete_checkout(self, session_id: str, *, card: str = "pm_card_visa", email: str | None = None) -> Document:
        """Pay on a checkout page, as a person does.

        Raises:
            Refusal: the session is not open, or the bank says no.
        """
        with self._acting():
            session = self.account.get(checkout.KIND, session_id)
            return checkout.complete(self.account, session, card=card, email=email)

    def confirm(self, client_secret: str, *, card: str = "pm_card_visa") -> Document:
        """Pay with a client secret, as the browser does.

        Raises:
            Refusal: the bank says no, or there is nothing to pay any more.
        """
        with self._acting():
            asked = payments.Confirm(payment_method=card, client_secret=client_secret)
            return payments.confirm(self.account, asked, client_secret.split("_secret", maxsplit=1)[0])

    def authenticate(self, payment_intent_id: str) -> Document:
        """Confirm a payment on the bank's page, as the owner of the card does."""
        with self._acting():
            return payments.authenticate(self.account, payment_intent_id)

    def _acting(self) -> AbstractContextManager[None]:
        return self._desk.acting(Cause())

    async def keep_delivering(self) -> None:
        """Send webhooks whenever there may be some, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.deliver()

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


@asynccontextmanager
async def serving(peer: Peer, *, delivering: bool = False) -> AsyncIterator[str]:
    """Serve the peer on a port of this machine and give its address; `delivering`: webhooks go out by themselves."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    peer.account.url = url
    config = uvicorn.Config(peer.app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    tasks = [asyncio.create_task(server.serve(sockets=[listener]))]
    if delivering:
        tasks.append(asyncio.create_task(peer.keep_delivering()))
    try:
        yield url
    finally:
        server.should_exit = True
        peer.faults.release()
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await peer.aclose()
