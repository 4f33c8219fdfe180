"""Who may see the operators' pages: administrators, as the adapter says, asked anew for every page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from domain.errors import Forbidden, InvalidCursor, NotFound, RateLimited, Unauthenticated, Unavailable
from graphql_api import auth, edge
from graphql_api.admin import pages
from graphql_api.admin.cookies import Cookies
from graphql_api.context import Context
from graphql_api.recognition import Shown
from graphql_api.transport import Recognizing

SIGN_IN = "/admin/sign-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An administrator who looks at a page. `signed_in`: by our own form, so that we can sign them out again."""

    context: Context
    signed_in: bool

    @property
    def label(self) -> str:
        """What the page calls them."""
        return self.context.caller.label or self.context.caller.actor.id


Handler = Callable[[Request, Operator], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Lets administrators in. The request's own credential counts before the cookie of our form."""

    recognition: Recognizing
    cookies: Cookies

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Make the endpoint of a page that administrators alone reach; what it raises becomes a page too."""

        async def endpoint(request: Request) -> Response:
            try:
                return await handler(request, await self.operator(request))
            except Unauthenticated:
                return self._sent_to_sign_in(request)
            except (Forbidden, NotFound, InvalidCursor, RateLimited, Unavailable) as refusal:
                return _refused(refusal)

        return endpoint

    async def operator(self, request: Request) -> Operator:
        """Recognize who asks.

        Raises:
            Unauthenticated: nobody whom the adapter knows, or a user who is no more.
            RateLimited: the same, too often from this address.
            Forbidden: no administrator.
            Unavailable: the database could not be reached.
        """
        visitor, signed_in = await self.recognize(request), False
        if visitor is None and (token := self.cookies.take(request)) is not None:
            visitor, signed_in = await self.recognize(request, token=token), True
        return await self.admit(request, visitor, signed_in=signed_in)

    async def recognize(self, request: Request, *, token: str | None = None) -> Shown | None:
        """Let the adapter tell who asks, as if the token had come in the request's header.

        Raises:
            Unauthenticated: the credential proves nothing.
            RateLimited: the same, too often from this address.
        """
        asking = auth.asking_of(request)
        if token is not None:
            asking = replace(asking, headers={**asking.headers, "authorization": f"Bearer {token}"})
        return await self.recognition.visitor(asking)

    async def admit(self, request: Request, visitor: Shown | None, *, signed_in: bool) -> Operator:
        """Let a visitor in who is an administrator.

        Raises:
            Unauthenticated: there is none, or a user who is no more.
            Forbidden: no administrator.
            Unavailable: the database could not be reached.
        """
        if visitor is None:
            raise Unauthenticated
        asking = auth.asking_of(request)
        context = await self.recognition.context(request_id=edge.request_id(request), visitor=visitor, asking=asking)
        context.caller.require_administrator()
        return Operator(context=context, signed_in=signed_in)

    def _sent_to_sign_in(self, request: Request) -> Response:
        query = request.scope["query_string"].decode("latin-1")
        wanted = quote(request.scope["path"]) + (f"?{query}" if query else "")
        response = pages.redirect(f"{SIGN_IN}?{urlencode({'next': wanted})}")
        if self.cookies.take(request) is not None:
            # It opens nothing any more.
            self.cookies.clear(response, request)
        return response


def _refused(refusal: Forbidden | NotFound | InvalidCursor | RateLimited | Unavailable) -> Response:
    match refusal:
        case Forbidden():
            return pages.message("Not for you", "These pages are for administrators.", status=403)
        case NotFound():
            return pages.message("Nothing here", refusal.message, status=404)
        case InvalidCursor():
            return pages.message("No such page", "This list cannot be continued from there.", status=400)
        case RateLimited():
            advice = {"retry-after": str(refusal.retry_after_seconds)}
            return pages.message("Too many tries", refusal.message, status=429, headers=advice)
        case Unavailable():
            return unavailable(refusal)


def unavailable(refusal: Unavailable) -> Response:
    """Say that the database does not answer; nobody is let in without it."""
    return pages.message("Not right now", refusal.message, status=503, headers={"retry-after": "1"})
