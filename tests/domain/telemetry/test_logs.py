"""Log lines as they are written."""

import json
import logging
import logging.config
import sys

import pytest

from domain.telemetry import logs


def record(message: str, *arguments: object, facts: dict[str, object] | None = None) -> logging.LogRecord:
    made = logging.LogRecord("domain.room", logging.WARNING, "room.py", 1, message, arguments, None)
    if facts is not None:
        made.facts = facts
    return made


def failing(error: Exception) -> logging.LogRecord:
    try:
        raise error
    except type(error):
        made = record("it failed")
        made.exc_info = sys.exc_info()
        return made


def test_a_line_of_json_tells_when_how_bad_where_and_for_which_request() -> None:
    token = logs.request_id.set("req-1")
    line = json.loads(logs.JsonLines().format(record("so many: %s", 3)))
    logs.request_id.reset(token)

    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "domain.room",
        "message": "so many: 3",
        "request_id": "req-1",
    }


def test_facts_stand_by_their_names_and_replace_nothing() -> None:
    line = json.loads(logs.JsonLines().format(record("x", facts={"signal": "drift", "level": "none", "odd": {1}})))

    assert (line["signal"], line["level"], line["request_id"]) == ("drift", "warning", None)


def test_an_exception_is_in_the_line_without_addresses() -> None:
    written = logs.JsonLines().format(failing(ValueError("'ann.example@mail.example.com' is taken")))

    assert "ann.example" not in written
    assert "\n" not in written
    assert "ValueError: '[address]' is taken" in json.loads(written)["exception"]


def test_a_message_is_without_addresses_too() -> None:
    line = json.loads(logs.JsonLines().format(record("mail to %s: hello", "ann@example.com")))

    assert line["message"] == "mail to [address]: hello"


def test_a_readable_line_names_the_request_and_shows_the_exception() -> None:
    token = logs.request_id.set("req-1")
    written = logs.Readable().format(failing(ValueError("no")))
    logs.request_id.reset(token)

    assert written.startswith("WARNING domain.room [req-1]: it failed\nTraceback")
    assert written.endswith("ValueError: no")


@pytest.mark.parametrize(("as_json", "formatter"), [(True, logs.JsonLines), (False, logs.Readable)])
def test_the_configuration_is_one(*, as_json: bool, formatter: type[logging.Formatter]) -> None:
    made = logging.config.DictConfigurator(logs.configuration(as_json=as_json))

    assert isinstance(made.configure_formatter(made.config["formatters"]["line"]), formatter)
