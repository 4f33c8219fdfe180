from typing import Any

import pytest

from domain import audit
from domain.audit.host import FORBIDDEN, RESERVED
from domain.db import Database
from domain.errors import InvalidInput
from tests.support import ledger
from tests.support.clock import FixedClock
from tests.support.tables import scalar, unchanged


async def log(database: Database, clock: FixedClock, action: str = "report.exported", **given: Any) -> None:
    values: dict[str, Any] = {"scope": ledger.ANN, "at": clock.now(), "subject_id": "report-7"} | given
    async with database.transaction() as session:
        await audit.log(session, action, **values)


@pytest.mark.parametrize(
    "action", ["report.exported", "a.b", "organization.archived", "billing.note_added", "a1.b_2.c"]
)
async def test_a_host_writes_rows_of_its_own(database: Database, clock: FixedClock, action: str) -> None:
    await log(database, clock, action, metadata={"pages": 3, "to": ["a", {"b": None}]})

    assert await scalar(database, "SELECT action FROM audit_events") == action
    await ledger.seal(database)
    assert (await ledger.verdict(database)).fine


@pytest.mark.parametrize(
    "action",
    ["report", "Report.made", "report.", ".made", "report..made", "report.1", "report.made\n", "a." + "b" * 260],
)
async def test_an_action_is_lower_case_words_with_dots(database: Database, clock: FixedClock, action: str) -> None:
    async with unchanged(database):
        with pytest.raises(InvalidInput, match="lower-case words"):
            await log(database, clock, action)


@pytest.mark.parametrize("prefix", RESERVED)
async def test_a_host_may_not_speak_for_whoever_knows_who_people_are(
    database: Database, clock: FixedClock, prefix: str
) -> None:
    async with unchanged(database):
        with pytest.raises(InvalidInput, match="reserved"):
            await log(database, clock, f"{prefix}login")


@pytest.mark.parametrize("key", sorted(FORBIDDEN))
@pytest.mark.parametrize("metadata", ["{}", "[{}]", "[1, [{}]]"])
async def test_a_key_that_names_a_secret_is_refused_at_any_depth(
    database: Database, clock: FixedClock, key: str, metadata: str
) -> None:
    inner = {key.upper(): "x"}
    given: dict[str, Any] = inner if metadata == "{}" else {"list": [inner] if metadata == "[{}]" else [1, (inner,)]}

    async with unchanged(database):
        with pytest.raises(InvalidInput, match="may not hold"):
            await log(database, clock, metadata=given)


@pytest.mark.parametrize(
    "metadata",
    [
        {"a": object()},
        {"a": float("nan")},
        {"a": "\0"},
        {"a\0": 1},
        {"a": "\ud800"},
        {1: "a"},
        {"a": {2: "b"}},
        [("a", "b", "c")],
    ],
)
async def test_metadata_that_is_no_json_object_is_refused(database: Database, clock: FixedClock, metadata: Any) -> None:
    async with unchanged(database):
        with pytest.raises(InvalidInput, match="JSON object"):
            await log(database, clock, metadata=metadata)


async def test_metadata_that_never_ends_is_refused(database: Database, clock: FixedClock) -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless

    with pytest.raises(InvalidInput, match="JSON object"):
        await log(database, clock, metadata=endless)


@pytest.mark.parametrize(("letter", "fits"), [("a", 8184), ("ä", 4092)])
async def test_metadata_has_at_most_8192_bytes(database: Database, clock: FixedClock, letter: str, fits: int) -> None:
    await log(database, clock, metadata={"a": letter * fits})

    async with unchanged(database):
        with pytest.raises(InvalidInput, match="8192"):
            await log(database, clock, metadata={"a": letter * (fits + 1)})


@pytest.mark.parametrize("name", ["subject_id", "organization_id", "subject_person"])
@pytest.mark.parametrize("text", ["", "a" * 256, "a\0"])
async def test_texts_that_no_column_holds_are_refused(
    database: Database, clock: FixedClock, name: str, text: str
) -> None:
    async with unchanged(database):
        with pytest.raises(InvalidInput, match="no text"):
            await log(database, clock, **{name: text})
