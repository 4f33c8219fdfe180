"""Reading messages: one of five kinds, or a plain word why not."""

import json

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.transport.reading import GraphQLRequest
from graphql_api.transport.sockets.frames import Complete, Init, Malformed, Ping, Pong, Subscribe, read

KINDS = (Init, Ping, Pong, Subscribe, Complete)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(("id", "type", "payload", "query", "variables", "operationName", "extensions"))
TYPES = st.sampled_from(("connection_init", "ping", "pong", "subscribe", "complete", "next", ""))
MESSAGES = st.fixed_dictionaries(
    {}, optional={"type": TYPES | VALUES, "id": VALUES, "payload": VALUES | st.dictionaries(NAMES, VALUES, max_size=4)}
)


def outcome(text: str) -> object:
    try:
        return read(text)
    except Malformed as error:
        return str(error)


@given(st.text() | VALUES.map(json.dumps) | MESSAGES.map(json.dumps))
def test_whatever_is_said_is_a_message_or_is_refused_in_few_words(text: str) -> None:
    found = outcome(text)

    assert isinstance(found, KINDS) or (isinstance(found, str) and 1 <= len(found.encode()) <= 123)


def test_a_subscribe_holds_the_same_request_as_a_body_over_http() -> None:
    payload = {"query": "{ name }", "variables": {"a": 1}, "operationName": "A", "extensions": {"b": []}, "other": 5}

    assert read(json.dumps({"id": "x" * 128, "type": "subscribe", "payload": payload})) == Subscribe(
        id="x" * 128,
        asked=GraphQLRequest(query="{ name }", variables={"a": 1}, operation_name="A", extensions={"b": []}),
    )


def test_the_payload_of_an_introduction_may_be_left_out_or_null() -> None:
    shown = {"authorization": "Bearer x"}

    assert read('{"type": "connection_init"}') == read('{"type": "connection_init", "payload": null}')
    assert read(json.dumps({"type": "connection_init", "payload": shown})) == Init(payload=shown)
