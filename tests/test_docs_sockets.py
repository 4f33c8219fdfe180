"""The guide on sockets: its code is run, its numbers and codes are those of the code."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from graphql_api.edge import INTERNAL_ERROR
from graphql_api.transport.sockets import Terms
from graphql_api.transport.sockets.closing import CloseCode
from graphql_api.transport.sockets.frames import MAX_FRAME_BYTES, MAX_ID_LENGTH
from graphql_api.transport.sockets.wire import MAX_FRAGMENTS, OPTIONS
from tests.support.api import serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.talking import served
from tests.test_docs import DOCS, blocks

TEXT = (DOCS / "sockets.md").read_text()
OF_THE_WIRE = {1007, INTERNAL_ERROR}


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "socket_guide.py").write_text("\n".join(blocks("sockets.md", "python")))
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("socket_guide")


async def test_its_code_asks_over_a_socket(sqlite: Sqlite, tmp_path: Path, clock: FixedClock, guide: Any) -> None:
    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api, served(api.app) as place:
        address = f"ws://{place}/graphql"
        bearer = f"Bearer {api.token('ann')}"
        told = await guide.ask(address, bearer, "{ viewer { actor { ... on User { name } } } }")
        [refused] = await guide.ask(address, bearer, "{ nothing }")
        with pytest.raises(ConnectionClosed, match="4403"):
            await guide.ask(address, "Bearer x", "{ __typename }")

    assert [said["data"] for said in told] == [{"viewer": {"actor": {"name": "Ann"}}}]
    assert refused["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_its_codes_are_all_there_are() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d{4}) \|", TEXT, flags=re.MULTILINE)} == {*CloseCode} | OF_THE_WIRE


def test_its_numbers_are_those_of_the_code() -> None:
    terms = Terms()
    limits = TEXT.partition("## Limits")[2].partition("##")[0]
    numbers = [int(number) for number in re.findall(r"\| (\d+) \|$", limits, flags=re.MULTILINE)]

    assert numbers == [
        terms.init_seconds,
        terms.age_seconds,
        terms.send_seconds,
        terms.sockets_per_caller,
        terms.anonymous_per_address,
        terms.strangers_per_address,
        terms.sockets,
        terms.operations_per_socket,
        terms.operations_per_caller,
        terms.starts_per_second,
        terms.frames_per_second,
        terms.frames_at_once,
    ]
    for words in (
        f"every {terms.proof_seconds} seconds",
        f"every {terms.idle_proof_seconds} seconds",
        f"for {terms.doubt_seconds} seconds at most",
        f"have {terms.leave_seconds} seconds to answer",
        f"1 to {MAX_ID_LENGTH} characters",
        f"{MAX_FRAME_BYTES // 1024} KiB, and {MAX_FRAGMENTS} parts",
        f"pings every {OPTIONS['ws_ping_interval']:.0f} seconds",
        f"within {OPTIONS['ws_ping_timeout']:.0f} seconds",
    ):
        assert words in TEXT, words
