import hmac
import json
from hashlib import sha256

import pytest

from domain import audit
from domain.audit import BEGINNING, Head
from domain.db import Database
from domain.errors import InvalidInput
from tests.support import ledger
from tests.support.clock import FixedClock


async def export(database: Database, since: int = 0) -> list[str]:
    return [line async for line in audit.export(database, since=since, until=await audit.head(database))]


async def test_every_sealed_event_is_exported_and_the_head_comes_last(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 3)
    await ledger.seal(database)
    await ledger.write_many(database, clock, 1)

    lines = [json.loads(line) for line in await export(database)]

    assert [line["sequence"] for line in lines] == [1, 2, 3, 3]
    assert [line["event"]["id"] for line in lines[:3]] == (await ledger.ids_in_order(database))[:3]
    assert lines[3] == {"sequence": 3, "seal": lines[2]["seal"]}


async def test_an_export_goes_on_where_the_last_one_ended(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 2)
    await ledger.seal(database)

    assert [json.loads(line)["sequence"] for line in await export(database, since=1)] == [2, 2]
    assert [json.loads(line)["sequence"] for line in await export(database, since=2)] == [2]
    assert [json.loads(line)["sequence"] for line in await export(database, since=9)] == [2]


async def test_an_empty_ledger_exports_where_the_chain_begins(database: Database) -> None:
    assert list(audit.read_heads(await export(database))) == [BEGINNING]


async def test_an_export_is_as_long_as_the_chain(database: Database, clock: FixedClock) -> None:
    await ledger.write_many(database, clock, 1001)
    await ledger.seal(database)

    lines = await export(database)

    assert len(lines) == 1002
    assert (await ledger.verdict(database, heads=list(audit.read_heads(lines)))).fine


async def test_who_has_the_key_can_check_the_seals_from_the_lines_alone(database: Database, clock: FixedClock) -> None:
    await ledger.write_whole(database, clock.now(), 2)
    await ledger.seal(database)

    previous = bytes(32)
    for line in (await export(database))[:-1]:
        seal = json.loads(line)["seal"]
        event = line.partition('"event":')[2][:-1]
        assert hmac.digest(ledger.KEY.encode(), previous + event.encode(), sha256).hex() == seal
        previous = bytes.fromhex(seal)


async def test_names_do_not_leave_because_they_could_not_be_erased_outside(
    database: Database, clock: FixedClock
) -> None:
    await ledger.write(database, clock.now(), subject_label="bob@example.com")
    await ledger.seal(database)

    text = "".join(await export(database))

    assert "Ann" not in text
    assert "bob@example.com" not in text


@pytest.mark.parametrize(
    "line",
    ["x", "[]", "7", "{}", '{"sequence": 1}', '{"sequence": "1", "seal": "a"}', '{"sequence": true, "seal": "a"}'],
)
def test_lines_of_no_export_are_refused_by_their_number(line: str) -> None:
    lines = ['{"sequence":1,"seal":"a"}', "", line]

    with pytest.raises(InvalidInput, match="Line 3"):
        list(audit.read_heads(lines))
    assert next(audit.read_heads(lines)) == Head(sequence=1, seal="a")
