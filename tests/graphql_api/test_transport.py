"""GraphQL over HTTP: media types, statuses, methods, and every body that is not a request."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graphql_api.toy import RESPONSE_JSON, ask, client, codes, token

JSON = "application/json"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["query", "variables", "operationName", "extensions", "x"]), inner)
    ),
)


async def post(content: bytes, **headers: str) -> httpx.Response:
    async with client() as toy:
        return await toy.post("/graphql", content=content, headers={"content-type": JSON} | headers)


async def get(query: str, **headers: str) -> httpx.Response:
    async with client() as toy:
        return await toy.get(f"/graphql?{query}", headers=headers)


def is_refused(response: httpx.Response, status: int, code: str = "BAD_USER_INPUT") -> bool:
    """Say whether an answer is one error of the code, without data and without a word of Python."""
    assert response.status_code == status
    assert response.json().keys() == {"errors"}
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": code, "requestId": response.headers["x-request-id"]}
    assert "Traceback" not in response.text
    return True


async def test_a_query_is_answered() -> None:
    response = await post(b'{"query":"{ name }"}')

    assert (response.status_code, response.json()) == (200, {"data": {"name": "toy"}})
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"5",
        b'"x"',
        b"true",
        b"[]",
        b'[{"query":"{ name }"}]',
        b"{",
        b"\xff\xfe",
        b'{"query":"{ name }\xff"}',
        '{"query":"{ name }"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"query":"{ name }"}',
        b'{"query":"{ name }","variables":{"a":' + b"9" * 5000 + b"}}",
        b'{"query":"{ name }","variables":{"a":' + b"9" * 21 + b"}}",
        b'{"query":"{ name }","variables":{"a":1e999}}',
        b'{"query":"{ name }","variables":{"a":NaN}}',
        b'{"query":"{ name }","variables":{"a":-Infinity}}',
        b'{"query":"{ name }","query":"{ item { name } }"}',
        b'{"query":"{ name }","variables":{"a":1,"a":2}}',
        b'{"query":"{ name }","variables":{"a":"\\ud800"}}',
        b'{"query":"{ name }","variables":{"\\udc00":1}}',
        b'{"query":"{ name }","variables":{"a":"\\u0000"}}',
        b'{"query":"{ name }","variables":{"a":"\x00"}}',
        b'{"query":"{ name }\\u0000"}',
        b"[" * 100_000,
        b'{"query":"{ name }","variables":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"query":"{ name }","variables":{"a":' + b"[" * 65 + b"]" * 65 + b"}}",
        b"{}",
        b'{"query":null}',
        b'{"query":""}',
        b'{"query":5}',
        b'{"query":"{ name }","variables":"{}"}',
        b'{"query":"{ name }","variables":[]}',
        b'{"query":"{ name }","operationName":5}',
        b'{"query":"{ name }","extensions":"x"}',
    ],
    ids=lambda content: repr(content[:60]),
)
@pytest.mark.parametrize("accept", [JSON, RESPONSE_JSON])
async def test_a_malformed_body_is_refused(content: bytes, accept: str) -> None:
    assert is_refused(await post(content, accept=accept), 400)


async def test_characters_beyond_the_basic_plane_pass_as_escapes_and_as_bytes() -> None:
    response = await ask("query($a: String!) { echo(text: $a) }", a="\U0001f600")
    escaped = await post(b'{"query":"query($a: String!) { echo(text: $a) }","variables":{"a":"\\ud83d\\ude00"}}')

    assert response.json() == escaped.json() == {"data": {"echo": "\U0001f600"}}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/jsonfoo",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "application/json; charset=utf-8; x=y",
    ],
)
async def test_another_content_type_is_refused(content_type: str) -> None:
    response = await post(b'{"query":"{ name }"}', **{"content-type": content_type})

    assert is_refused(response, 415)


async def test_no_two_and_encoded_content_types_are_refused() -> None:
    async with client() as toy:
        missing = await toy.post("/graphql", content=b'{"query":"{ name }"}')
        twice = await toy.post("/graphql", content=b"{}", headers=[("content-type", JSON), ("content-type", JSON)])
    encoded = await post(b'{"query":"{ name }"}', **{"content-encoding": "gzip"})

    assert all(is_refused(response, 415) for response in (missing, twice, encoded))


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"'])
async def test_json_in_utf8_is_taken_however_it_is_written(content_type: str) -> None:
    assert (await post(b'{"query":"{ name }"}', **{"content-type": content_type})).status_code == 200


@pytest.mark.parametrize(("accept", "status"), [("*/*", 200), (RESPONSE_JSON, 200), ("text/html", 406), ("", 200)])
async def test_the_answer_says_its_media_type(accept: str, status: int) -> None:
    response = await post(b'{"query":"{ name }"}', accept=accept)

    expected = RESPONSE_JSON if accept == RESPONSE_JSON else JSON
    assert response.status_code == status
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"


@given(st.one_of(st.binary(max_size=80), JSON_VALUES.map(json.dumps).map(str.encode)))
async def test_no_body_is_a_server_error(content: bytes) -> None:
    assert (await post(content)).status_code in {200, 400}


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query($a: Int!) { bounded(count: $a) }", {"a": "x"}, "BAD_USER_INPUT"),
        ("query($a: Int!) { bounded(count: $a) }", {}, "BAD_USER_INPUT"),
        ("query A { name } query B { name }", {}, "BAD_USER_INPUT"),
        ("fragment F on Query { name }", {}, "BAD_USER_INPUT"),
        ("subscription { ticks }", {}, "BAD_USER_INPUT"),
        ("{" + " a" * 301 + "}", {}, "QUERY_TOO_COMPLEX"),
    ],
)
async def test_a_request_error_is_400_or_for_plain_json_200_and_has_no_data(
    document: str, variables: dict[str, Any], code: str
) -> None:
    modern = await ask(document, **variables)
    legacy = await ask(document, accept=JSON, **variables)

    assert (modern.status_code, "data" in modern.json(), set(codes(modern))) == (400, False, {code})
    assert (legacy.status_code, "data" in legacy.json(), set(codes(legacy))) == (200, False, {code})


@pytest.mark.parametrize("accept", [JSON, RESPONSE_JSON])
async def test_a_field_that_fails_leaves_the_status_at_200(accept: str) -> None:
    partial = await ask('{ name fail(what: "unexpected") }', accept=accept)
    whole = await ask("{ requiredFailure }", accept=accept)

    assert (partial.status_code, partial.json()["data"]) == (200, {"name": "toy", "fail": None})
    assert (whole.status_code, whole.json()["data"]) == (200, None)


async def test_an_unknown_operation_name_is_refused() -> None:
    async with client() as toy:
        response = await toy.post(
            "/graphql", json={"query": "query A { name }", "operationName": "B"}, headers={"accept": RESPONSE_JSON}
        )

    assert is_refused(response, 400)


async def test_a_named_operation_among_several_runs() -> None:
    document = {"query": "query A { name } query B { item { name } }", "operationName": "B", "extensions": {"x": 1}}

    response = await post(json.dumps(document).encode())

    assert response.json() == {"data": {"item": {"name": "item"}}}


async def test_mutations_run_by_post() -> None:
    assert (await ask("mutation { touch }")).json() == {"data": {"touch": True}}


@pytest.mark.parametrize("accept", [JSON, RESPONSE_JSON])
@pytest.mark.parametrize("document", ["mutation { touch }", "subscription { ticks }"])
async def test_get_runs_queries_only(document: str, accept: str) -> None:
    response = await get(f"query={quote(document)}", accept=accept)

    assert is_refused(response, 405)
    assert response.headers["allow"] == "POST"


async def test_a_mutation_hidden_behind_a_query_does_not_run_by_get() -> None:
    document = quote("query A { name } mutation B { touch }")

    assert is_refused(await get(f"query={document}&operationName=B"), 405)
    assert is_refused(await get(f"query={document}", accept=RESPONSE_JSON), 400)


async def test_get_takes_variables_as_json() -> None:
    document, variables = quote("query($a: Int!) { bounded(count: $a) }"), quote('{"a":5}')

    response = await get(f"query={document}&variables={variables}&operationName=&extensions=&unknown=1")

    assert response.json() == {"data": {"bounded": 5}}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "query=",
        "variables={}",
        "query=%7Bname%7D&query=%7Bname%7D",
        "query=%7Bname%7D&variables=5",
        "query=%7Bname%7D&variables=[]",
        "query=%7Bname%7D&variables=%7B",
        "query=%7Bname%7D&variables=%7B%22a%22:1,%22a%22:2%7D",
        "query=%7Bname%7D%00",
        "query=%7Bname%7D%ff",
        "query=%7Bname%7D&extensions=x",
        "query=%7Bname%7D" + "&a=1" * 40,
    ],
)
async def test_a_malformed_query_string_is_refused(query: str) -> None:
    assert is_refused(await get(query), 400)


async def test_a_query_string_over_60_kib_is_refused() -> None:
    assert (await get(f"query=%7Bname%7D&x={'y' * 60_000}")).status_code == 200
    assert is_refused(await get(f"query=%7Bname%7D&x={'y' * 61_440}"), 414)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_other_methods_are_refused_and_told_which_ones_serve(method: str) -> None:
    async with client() as toy:
        response = await toy.request(method, "/graphql")

    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_a_body_over_256_kib_is_refused_whatever_it_announces() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"query":"{ name }","x":"'
        for _ in range(256):
            yield b"x" * 1024
        yield b'"}'

    async with client() as toy:
        counted = await toy.post("/graphql", content=chunks(), headers={"content-type": JSON})
    announced = await post(b'{"query":"{ name }","x":"' + b"x" * 262_144 + b'"}')
    lying = await post(b'{"query":"{ name }"}', **{"content-length": "-1"})
    fitting = await post(b'{"query":"{ name }","x":"' + b"x" * 262_000 + b'"}')

    assert is_refused(counted, 413)
    assert is_refused(announced, 413)
    assert is_refused(lying, 413)
    assert fitting.status_code == 200


@pytest.mark.parametrize("accept", [JSON, RESPONSE_JSON])
@pytest.mark.parametrize("header", ["Bearer x", "Basic YTpi", "", "Bearer a.b.c", f"Bearer {token('x' * 40)}"])
async def test_a_bad_credential_is_401_before_anything_is_read(header: str, accept: str) -> None:
    response = await post(b"null", authorization=header, accept=accept)

    assert is_refused(response, 401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_context_may_refuse_the_user_or_say_that_the_database_is_away() -> None:
    deleted = await post(b'{"query":"{ name }"}', authorization=f"Bearer {token(sub='deleted')}")
    unlucky = await post(b'{"query":"{ name }"}', authorization=f"Bearer {token(sub='unlucky')}")

    assert is_refused(deleted, 401, "UNAUTHENTICATED")
    assert is_refused(unlucky, 503, "UNAVAILABLE")
    assert unlucky.headers["retry-after"] == "1"
