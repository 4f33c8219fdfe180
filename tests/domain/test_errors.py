"""Contained work: its outcome comes back whatever it was, and only leaving early passes through."""

import asyncio
import logging

import pytest

from domain.errors import contained

log = logging.getLogger(__name__)


async def test_what_succeeds_comes_back_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    outcome = await contained(asyncio.sleep(0, result=7), log=log, where="here")

    assert (outcome.value, outcome.error) == (7, None)
    assert caplog.records == []


async def test_what_fails_comes_back_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("secret")

    outcome = await contained(fail(), log=log, where="here")

    assert outcome.value is None
    assert isinstance(outcome.error, ZeroDivisionError)
    assert [record.getMessage() for record in caplog.records] == ["here failed: ZeroDivisionError"]


@pytest.mark.parametrize("leaving", [asyncio.CancelledError, GeneratorExit])
async def test_leaving_passes_through(leaving: type[BaseException]) -> None:
    async def leave() -> None:
        raise leaving

    with pytest.raises(leaving):
        await contained(leave(), log=log, where="here")
