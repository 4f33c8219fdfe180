"""The HTTP of the peer: who is asking, with which key, what goes wrong, and only then what is asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.peers.stripe import (
    cancelling,
    cards,
    catalog,
    checkout,
    clocks,
    customers,
    due,
    entitlements,
    events,
    expanding,
    forms,
    invoicing,
    pausing,
    payments,
    subscriptions,
    updating,
)
from tests.peers.stripe.account import API_VERSION, Account, Cause
from tests.peers.stripe.faults import Fault, Faults
from tests.peers.stripe.idempotency import Answer, Keys, fingerprint
from tests.peers.stripe.operations import Operation
from tests.peers.stripe.refusals import Refusal

OPERATIONS = (
    *cancelling.OPERATIONS,
    *cards.OPERATIONS,
    *catalog.OPERATIONS,
    *checkout.OPERATIONS,
    *clocks.OPERATIONS,
    *customers.OPERATIONS,
    *entitlements.OPERATIONS,
    *events.OPERATIONS,
    *invoicing.OPERATIONS,
    *pausing.OPERATIONS,
    *payments.OPERATIONS,
    *subscriptions.OPERATIONS,
    *updating.OPERATIONS,
)
CONFIRMING = {"payment_intents.confirm", "payment_intents.retrieve"}  # what a browser may do
DOWN = Answer(status=500, body={"error": {"type": "api_error", "message": "An unknown error occurred"}})
DOWN_FOR_GOOD = Answer(status=DOWN.status, body=DOWN.body)
SAID_INSTEAD: dict[Fault | None, Answer] = {Fault.ERROR_AFTER: DOWN, Fault.ERROR_KEPT: DOWN_FOR_GOOD}
SLOWER = Answer(
    status=429,
    body={"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Request rate limit exceeded."}},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that has come, and how it was answered; status 0 and no body when nobody was there to hear it."""

    operation: str
    path: str
    params: dict[str, Any]
    key: str | None
    status: int
    body: dict[str, Any]
    replayed: bool = False


@dataclass(slots=True, kw_only=True)
class Desk:
    """Takes requests to the account and remembers them."""

    account: Account
    faults: Faults
    secret_key: str
    publishable_key: str
    answered: Callable[[], None]  # called after every request: there may be something to deliver
    keys: Keys = field(default_factory=Keys)
    calls: list[Call] = field(default_factory=list)

    def app(self) -> Starlette:
        """Give the API as an application, and the pages on which a person pays or is authenticated."""
        fixed_first = sorted(OPERATIONS, key=lambda operation: "{" in operation.path)
        routes = [Route(each.path, self._endpoint(each), methods=[each.method]) for each in fixed_first]
        pages = [
            Route("/pay/{id}", self._paying, methods=["POST"]),
            Route("/authenticate/{id}", self._authenticating, methods=["POST"]),
        ]
        return Starlette(routes=[*routes, *pages], exception_handlers={404: _unknown, 405: _unknown})

    def _endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await self._take(operation, request)

        return answer

    async def _take(self, operation: Operation, request: Request) -> Response:
        # Stripe reads the key of a POST alone: whoever deletes twice deletes once anyway.
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        cause = Cause(id=self.account.new_id("req"), idempotency_key=key)
        given: dict[str, Any] = {}
        replayed, answer = False, None
        try:
            given = await _given(request)
            cause.api_version = self._admit(operation, request)
            due.settle(self.account)
            print_ = fingerprint(request.method, request.url.path, given)
            kept = self.keys.begin(key, request=print_, now=self.account.time) if key else None
            replayed = kept is not None
            answer = kept or await self._fresh(operation, request, given, cause)
        except Refusal as refusal:
            answer = _refused(refusal)
        self.calls.append(
            Call(
                operation=operation.name,
                path=request.url.path,
                params=given,
                key=key,
                status=answer.status if answer else 0,
                body=answer.body if answer else {},
                replayed=replayed,
            )
        )
        self.answered()
        return Broken() if answer is None else _response(answer, cause, self.faults, replayed=replayed)

    def _admit(self, operation: Operation, request: Request) -> str:
        """Say in which version to answer.

        Raises:
            Refusal: the key opens nothing here, or the version has other shapes.
        """
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        allowed = {self.secret_key} | ({self.publishable_key} if operation.name in CONFIRMING else set())
        if key not in allowed:
            raise Refusal("Invalid API Key provided.", status=401)
        version = request.headers.get("stripe-version", API_VERSION)
        if version.split(".")[-1] != API_VERSION.split(".")[-1]:
            raise Refusal(f"Invalid Stripe API version: {version}")
        return version

    async def _fresh(
        self, operation: Operation, request: Request, given: dict[str, Any], cause: Cause
    ) -> Answer | None:
        """Answer what was not asked before; None when the caller is never to hear of it."""
        key = cause.idempotency_key
        fault = self.faults.take(operation.name)
        if fault is Fault.ERROR_BEFORE or fault is Fault.TOO_MANY:
            self._release(key)
            return DOWN if fault is Fault.ERROR_BEFORE else SLOWER
        if fault is Fault.ERROR_KEPT_UNDONE:
            if key:
                self.keys.keep(key, DOWN_FOR_GOOD)
            return DOWN_FOR_GOOD
        if fault is Fault.HANG_BEFORE and not await self._released(request):
            self._release(key)
            return None
        answer = self._answer(operation, request, given, cause)
        if key:
            self.keys.keep(key, DOWN_FOR_GOOD if fault is Fault.ERROR_KEPT else answer)
        unheard = fault is Fault.LOST_ANSWER or (fault is Fault.HANG_AFTER and not await self._released(request))
        return None if unheard else SAID_INSTEAD.get(fault, answer)

    def _release(self, key: str | None) -> None:
        if key:
            self.keys.release(key)

    async def _released(self, request: Request) -> bool:
        """Wait until the test lets the request go on, or the caller has gone."""
        with self.faults.hang() as until:
            released = asyncio.ensure_future(until.wait())
            gone = asyncio.ensure_future(request.receive())
            done, left = await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
        for waiting in left:
            waiting.cancel()
        return released in done

    def _answer(self, operation: Operation, request: Request, given: dict[str, Any], cause: Cause) -> Answer:
        try:
            params = forms.typed(operation.params, given)
        except Refusal:
            # Nothing has begun, so the key is free for the corrected request.
            self._release(cause.idempotency_key)
            raise
        try:
            with self.acting(cause):
                made = operation.answer(self.account, params, *request.path_params.values())
                expand = params.expand if isinstance(params, forms.Asked) else []
                return Answer(status=200, body=expanding.expanded(self.account, made, expand))
        except Refusal as refusal:
            return _refused(refusal)

    @contextmanager
    def acting(self, cause: Cause) -> Iterator[None]:
        """Do something to the account after everything that is due before it, and tell what follows from it."""
        due.settle(self.account)
        self.account.cause = cause
        try:
            yield
        finally:
            self.account.cause = Cause()
            entitlements.refresh(self.account)

    async def _paying(self, request: Request) -> Response:
        form = await _given(request)
        try:
            with self.acting(Cause()):
                session = self.account.get(checkout.KIND, request.path_params["id"])
                checkout.complete(self.account, session, card=form.get("card", "pm_card_visa"), email=form.get("email"))
        except Refusal as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)
        self.answered()
        return RedirectResponse(session["success_url"], 303)

    async def _authenticating(self, request: Request) -> Response:
        try:
            with self.acting(Cause()):
                payments.authenticate(self.account, request.path_params["id"])
        except Refusal as refusal:
            return JSONResponse({"error": refusal.error}, refusal.status)
        self.answered()
        return Response(status_code=204)


class Broken(Response):
    """An answer that breaks off: the connection is closed before the promised body has come."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise and do not keep."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _given(request: Request) -> dict[str, Any]:
    pairs = parse_qsl(request.url.query, keep_blank_values=True)
    body = (await request.body()).decode()
    given = forms.decode([*pairs, *parse_qsl(body, keep_blank_values=True)])
    if request.method == "GET":
        # The library sends with what a thin event leads to how it came to ask.
        given.pop("usage", None)
    return given


def _refused(refusal: Refusal) -> Answer:
    return Answer(status=refusal.status, body={"error": refusal.error})


def _response(answer: Answer, cause: Cause, faults: Faults, *, replayed: bool) -> Response:
    headers = {"request-id": cause.id or "", "stripe-version": cause.api_version}
    if cause.idempotency_key is not None:
        headers["idempotency-key"] = cause.idempotency_key
    if replayed:
        headers["idempotent-replayed"] = "true"
    if answer is DOWN_FOR_GOOD:
        headers["stripe-should-retry"] = "false"
    if answer is SLOWER:
        headers["retry-after"] = str(faults.retry_after_seconds)
    return JSONResponse(answer.body, answer.status, headers)


async def _unknown(request: Request, _: Exception) -> Response:
    told = f"Unrecognized request URL ({request.method}: {request.url.path})."
    return JSONResponse({"error": Refusal(told).error}, 404)
