"""GraphQL over HTTP: one operation per request, by POST, or by GET for queries. No batches, uploads or explorer.

Media types, statuses and the shape of refusals follow the GraphQL over HTTP specification; what the operation means
is none of this room's business.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from domain.errors import RateLimited, Unauthenticated, Unavailable
from domain.identity import Asking
from graphql_api import auth, edge
from graphql_api.context import Context
from graphql_api.errors import Code, MaskingSchema, OperationNotAllowed
from graphql_api.limits import ASKING, Allowance
from graphql_api.recognition import Shown
from graphql_api.transport import media
from graphql_api.transport.reading import HttpRefusal, read

__all__ = ["Recognizing", "Transport"]

SERVED = {"GET": frozenset({OperationType.QUERY}), "POST": frozenset({OperationType.QUERY, OperationType.MUTATION})}
STATUSES = {Code.UNAUTHENTICATED: 401, Code.INTERNAL: 500, Code.UNAVAILABLE: 503, Code.TIMEOUT: 504}
ADVICE = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}


class Recognizing(Protocol):
    """Tells who is asking; `Recognition` for one."""

    async def visitor(self, asking: Asking) -> Shown | None:
        """Prove what is shown without the database; None without a credential.

        May raise Unauthenticated (401), RateLimited (429) where there were too many of those, or Unavailable (503)
        where nobody can say.
        """

    async def context(self, *, request_id: str, visitor: Shown | None, asking: Asking) -> Context:
        """Make an operation's context: cheap, holding nothing that must be closed.

        May raise Unauthenticated (401), RateLimited (429) or Unavailable (503).
        """

    def payer(self, remote_address: str | None) -> Allowance | None:
        """Find the bucket from which an address pays for what nobody else does; None where nothing is counted."""


class Transport:
    """The `/graphql` endpoint: an ASGI application that stands behind `Edge`."""

    def __init__(self, schema: MaskingSchema, *, recognition: Recognizing) -> None:
        self._schema = schema
        self._recognition = recognition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a client that leaves before it has asked gets no answer."""
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accept = ", ".join(request.headers.getlist("accept"))
        payer = self._recognition.payer(request.client and request.client.host)
        answer = _Answer(media=media.chosen(accept), request_id=edge.request_id(request), payer=payer)
        try:
            return await self._run(request, answer)
        except HttpRefusal as refusal:
            return answer.refuse_paid(refusal)
        except RateLimited as refusal:
            return answer.limited(refusal)
        except Unauthenticated as refusal:
            return answer.refuse(401, refusal.message, Code.UNAUTHENTICATED, {})
        except Unavailable as refusal:
            return answer.refuse(503, refusal.message, Code.UNAVAILABLE, {})

    async def _run(self, request: Request, answer: "_Answer") -> Response:
        if answer.media is None:
            raise HttpRefusal(406, f"The answer is {media.RESPONSE} or {media.JSON}.")
        asking = auth.asking_of(request)
        visitor = await self._recognition.visitor(asking)
        asked = await read(request)
        context = await self._recognition.context(request_id=answer.request_id, visitor=visitor, asking=asking)
        result = await self._schema.execute(
            asked.query,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            allowed_operation_types=SERVED[request.method],
            operation_extensions=asked.extensions,
        )
        return replace(answer, payer=context.allowance).give(result, method=request.method)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """How answers to one request look: its media type, None when the client takes none of ours, its id, who pays."""

    media: str | None
    request_id: str
    payer: Allowance | None

    def give(self, result: ExecutionResult, *, method: str) -> Response:
        """Encode a result. One that never ran has no data, and a status of its own unless the client speaks plain JSON.

        Codes that concern the server or the credential, not the document, have their status under both media types.
        """
        errors = result.errors or []
        never_ran = result.data is None and any(error.path is None for error in errors)
        content: dict[str, object] = {} if never_ran else {"data": result.data}
        if errors:
            content["errors"] = [error.formatted for error in errors]
        if result.extensions:
            content["extensions"] = result.extensions
        if method == "GET" and any(isinstance(error.original_error, OperationNotAllowed) for error in errors):
            return self._response(content, 405, {"allow": "POST"})
        return self._response(content, self._status(errors) if never_ran else 200, _advice(errors))

    def _status(self, errors: Sequence[GraphQLError]) -> int:
        codes = {(error.extensions or {}).get("code") for error in errors}
        telling = [status for code, status in STATUSES.items() if code in codes]
        refused = 429 if Code.RATE_LIMITED in codes else 400
        return max(telling, default=200 if self.media == media.JSON else refused)

    def refuse_paid(self, refusal: HttpRefusal) -> Response:
        """Refuse what is no GraphQL request, for which its address pays."""
        try:
            if self.payer is not None:
                self.payer.take(ASKING)
        except RateLimited as limited:
            return self.limited(limited)
        return self.refuse(refusal.status, refusal.message, Code.BAD_USER_INPUT, refusal.headers)

    def limited(self, refusal: RateLimited) -> Response:
        """Refuse what comes too often to be read."""
        seconds = refusal.retry_after_seconds
        told = {"retryAfterSeconds": seconds}
        return self.refuse(429, refusal.message, Code.RATE_LIMITED, {"retry-after": str(seconds)}, told)

    def refuse(
        self,
        status: int,
        message: str,
        code: Code,
        headers: Mapping[str, str],
        told: Mapping[str, object] | None = None,
    ) -> Response:
        """Refuse in the shape of a GraphQL response without data."""
        error = {"message": message, "extensions": {"code": code, "requestId": self.request_id, **(told or {})}}
        return self._response({"errors": [error]}, status, headers)

    def _budget(self) -> dict[str, str]:
        """Tell what is left to whoever pays, in the fields of an Internet-Draft that clients know."""
        if self.payer is None:
            return {}
        standing = self.payer.standing()
        return {
            "ratelimit-limit": str(standing.limit),
            "ratelimit-remaining": str(standing.remaining),
            "ratelimit-reset": str(standing.seconds),
        }

    def _response(self, content: Mapping[str, object], status: int, headers: Mapping[str, str]) -> Response:
        return Response(
            json.dumps(content, separators=(",", ":"), allow_nan=False),
            status_code=status,
            headers={"cache-control": "no-store", **self._budget(), **ADVICE.get(status, {}), **headers},
            media_type=f"{self.media or media.JSON}; charset=utf-8",
        )


def _advice(errors: Sequence[GraphQLError]) -> dict[str, str]:
    """Say when to come back, where an error knows."""
    waits = [(error.extensions or {}).get("retryAfterSeconds") for error in errors]
    seconds = max((wait for wait in waits if isinstance(wait, int)), default=None)
    return {} if seconds is None else {"retry-after": str(seconds)}
