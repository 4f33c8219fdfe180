"""From an HTTP request to one GraphQL request, or to the status that refuses it. Runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request

from graphql_api import edge
from graphql_api.transport import media, strict_json

MAX_BODY_BYTES = 256 * 1024
MAX_QUERY_STRING_BYTES = 60 * 1024
MAX_PARAMETERS = 32
PARAMETERS = frozenset({"query", "variables", "operationName", "extensions"})
STRUCTURED = ("variables", "extensions")
CLOSE = {"connection": "close"}


class HttpRefusal(Exception):
    """The request is refused before it is GraphQL. Holds the status, a text for the caller, and extra headers."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQLRequest:
    """What a client asks: a document, and what belongs to it."""

    query: str
    operation_name: str | None = None
    variables: dict[str, object] | None = None
    extensions: dict[str, object] | None = None


async def read(request: Request) -> GraphQLRequest:
    """Read a request by its method.

    Raises:
        HttpRefusal: 405, 413, 414, 415, 408 or 400.
    """
    if request.method == "GET":
        return request_of(_parameters(request))
    if request.method == "POST":
        return request_of(await _json_body(request))
    raise HttpRefusal(405, "GraphQL is served by GET and POST.", {"allow": "GET, POST"})


async def _json_body(request: Request) -> Mapping[str, object]:
    types = request.headers.getlist("content-type")
    if len(types) != 1 or not media.is_json(types[0]) or "content-encoding" in request.headers:
        raise HttpRefusal(415, "The body must be plain application/json in UTF-8.", CLOSE)
    try:
        content = await edge.body(request, limit=MAX_BODY_BYTES)
    except edge.TooLarge:
        raise HttpRefusal(413, f"The body may have {MAX_BODY_BYTES} bytes.", CLOSE) from None
    except edge.TooSlow:
        raise HttpRefusal(408, "The body did not arrive in time.", CLOSE) from None
    try:
        value = strict_json.loads(content.decode())
    except UnicodeDecodeError:
        raise HttpRefusal(400, "The body is not UTF-8.") from None
    except strict_json.Malformed as error:
        raise HttpRefusal(400, str(error)) from None
    if not isinstance(value, dict):
        raise HttpRefusal(400, "The body must be one JSON object.")
    return value


def _parameters(request: Request) -> Mapping[str, object]:
    """Read the query string; `variables` and `extensions` are JSON in it, and nothing may be given twice."""
    text: bytes = request.scope["query_string"]
    if len(text) > MAX_QUERY_STRING_BYTES:
        raise HttpRefusal(414, f"The query string may have {MAX_QUERY_STRING_BYTES} bytes.", CLOSE)
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
        found: dict[str, object] = {name: value for name, value in pairs if name in PARAMETERS}
        if len(found) < sum(name in PARAMETERS for name, _ in pairs) or "\0" in "".join(value for _, value in pairs):
            raise HttpRefusal(400, "The query string names a parameter twice or holds a NUL character.")
        structured = {name: strict_json.loads(str(found[name])) for name in STRUCTURED if found.get(name)}
    except strict_json.Malformed as error:
        raise HttpRefusal(400, str(error)) from None
    except ValueError:
        raise HttpRefusal(400, "The query string cannot be read.") from None
    return {name: value or None for name, value in found.items()} | structured


def request_of(values: Mapping[str, object]) -> GraphQLRequest:
    """Take one GraphQL request out of a JSON object, whichever way it came; other keys are nobody's.

    Raises:
        HttpRefusal: 400, a value has a wrong type, or the query is empty.
    """
    query, name = values.get("query"), values.get("operationName")
    if not isinstance(query, str) or not query:
        raise HttpRefusal(400, "`query` must be a text and not empty.")
    if name is not None and not isinstance(name, str):
        raise HttpRefusal(400, "`operationName` must be a text or null.")
    return GraphQLRequest(
        query=query,
        operation_name=name,
        variables=_object(values, "variables"),
        extensions=_object(values, "extensions"),
    )


def _object(values: Mapping[str, object], name: str) -> dict[str, object] | None:
    value = values.get(name)
    if value is not None and not isinstance(value, dict):
        raise HttpRefusal(400, f"`{name}` must be an object or null.")
    return value
