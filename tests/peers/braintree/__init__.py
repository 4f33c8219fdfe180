"""A small stateful peer of Braintree's gateway, in XML over HTTP; only the official library speaks to it.

It knows customers, cards, plans, add-ons and subscriptions, and what time does to them. Its answers are written from
Braintree's public documentation and from what the library reads; nothing here has seen the real gateway.
"""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from braintree.util.xml_util import XmlUtil
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.peers.braintree.account import Account, Card, Document, Fault, Missing, Plan
from tests.peers.braintree.xml import written

__all__ = ["Account", "Card", "Peer", "Plan", "serving"]

PAGE = 2  # small, so that lists have pages


@dataclass
class Peer:
    """The account behind an address, and what was asked there.

    `faults` are played in order, one per request: 0 is none; a status or a body to answer with, and nothing is done;
    `LOST`: it is done, and something between us and the gateway answers for it.
    """

    LOST = "lost"

    account: Account = field(default_factory=Account)
    url: str = ""
    heard: list[str] = field(default_factory=list)
    faults: list[int | str | bytes] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        path = request.url.path.removeprefix(f"/merchants/{self.account.merchant_id}")
        self.heard.append(f"{request.method} {path}")
        fault = self.faults.pop(0) if self.faults else 0
        if isinstance(fault, bytes):
            return Response(fault, 200)
        if isinstance(fault, int) and fault:
            return Response("", fault)
        if request.headers["authorization"] != self._authorization():
            return Response("", 401)
        said = self._answered(request.method, path, await request.body())
        # The gateway has done it, and what comes back is not its answer.
        return Response("<html>", 502) if fault == self.LOST else said

    def _authorization(self) -> str:
        keys = f"{self.account.public_key}:{self.account.private_key}"
        return f"Basic {base64.b64encode(keys.encode()).decode()}"

    def _answered(self, method: str, path: str, body: bytes) -> Response:
        asked = XmlUtil.dict_from_xml(body) if body else {}
        try:
            name, value = self._done(method, path.strip("/").split("/"), asked)
        except Missing:
            return Response("", 404)
        except Fault as fault:
            return Response(written("api_error_response", _error(fault)), 422)
        return Response(written(name, value), 201 if method == "POST" else 200)

    def _done(self, method: str, path: list[str], asked: Document) -> tuple[str, Any]:
        account = self.account
        match method, path:
            case _, ["subscriptions", *rest]:
                return self._subscriptions(method, rest, asked)
            case "POST", ["customers"]:
                return "customer", self._customer(account.create_customer(asked["customer"]["id"]))
            case "GET", ["customers", id]:
                return "customer", self._customer(id)
            case "GET", ["plans", id] if id in account.plans:
                return "plan", {"id": id, "price": account.plans[id].price}
            case "GET", ["payment_methods", "any", token] if token in account.cards:
                return "credit_card", self._card(token)
        raise Missing

    def _subscriptions(self, method: str, path: list[str], asked: Document) -> tuple[str, Any]:
        account = self.account
        match method, path:
            case "POST", []:
                return "subscription", account.create(asked["subscription"])
            case "GET", [id]:
                return "subscription", account.find(id)
            case "PUT", [id]:
                return "subscription", account.update(id, asked["subscription"])
            case "PUT", [id, "cancel"]:
                return "subscription", account.cancel(id)
            case "POST", ["advanced_search_ids"]:
                wanted = asked["search"]["status"]
                ids = [id for id, held in account.subscriptions.items() if held["status"] in wanted]
                return "search_results", {"page_size": PAGE, "ids": ids}
            case "POST", ["advanced_search"]:
                found = [account.subscriptions[id] for id in asked["search"]["ids"]]
                return "subscriptions", {"page_size": PAGE, "subscription": tuple(found)}
        raise Missing

    def _customer(self, id: str) -> Document:
        if id not in self.account.customers:
            raise Missing
        own = [token for token, card in self.account.cards.items() if card.customer == id]
        return {"id": id, "credit_cards": [self._card(token) for token in own]}

    def _card(self, token: str) -> Document:
        card, subscriptions = self.account.cards[token], self.account.subscriptions.values()
        return {
            "token": token,
            "customer_id": card.customer,
            "default": card.default,
            "expired": False,
            "subscriptions": [each for each in subscriptions if each["payment_method_token"] == token],
        }


def _error(fault: Fault) -> Document:
    """Write what was wrong; a payment that was declined is shown instead of a code."""
    found = [] if fault.transaction else [{"code": fault.code, "attribute": "base", "message": "It is wrong."}]
    error: Document = {"errors": {"errors": [], fault.of: {"errors": found}}, "message": "It is wrong."}
    return error | ({"transaction": fault.transaction} if fault.transaction else {})


@asynccontextmanager
async def serving(account: Account | None = None) -> AsyncIterator[Peer]:
    """Serve an account on a port of this machine."""
    peer = Peer(account=account or Account())

    async def answer(request: Request) -> Response:
        return await peer.answer(request)

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT", "DELETE"])])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    peer.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield peer
    finally:
        server.should_exit = True
        await running
