"""Whoever bills, the same story comes to the same decisions; what a processor cannot do is declared, not imitated."""

from pathlib import Path

import pytest

from domain.billing.processors import Label
from domain.billing.states import ProcessorName
from domain.db import Database
from tests.parity.__main__ import played
from tests.parity.playing import OVER, UNABLE, staged
from tests.parity.scenarios import NEEDS, Scenario, scenarios
from tests.parity.table import PLACE, page
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
async def test_every_processor_tells_a_story_that_ends_in_the_same_decisions(
    database: Database, clock: FixedClock, scenario: Scenario
) -> None:
    async with staged(database, clock) as stage:
        streams = await stage.play(scenario)

    for name, stream in streams.items():
        told = [step.expect for step in scenario.steps]
        ends = next((number for number, step in enumerate(scenario.steps) if name in step.unable), len(told))
        over = [UNABLE, *[OVER] * (len(told) - ends - 1)] if ends < len(told) else []
        assert stream == told[:ends] + over, name


async def test_a_processor_is_left_out_where_it_says_that_it_is_unable_and_nowhere_else(
    database: Database, clock: FixedClock
) -> None:
    async with staged(database, clock) as stage:
        able = {name: teller.capabilities for name, (teller, _) in stage.told.items()}

    for scenario in scenarios():
        for step in scenario.steps:
            needed = NEEDS.get(step.deed)
            unable = {name for name in ProcessorName if needed and able[name][needed] is Label.UNSUPPORTED}
            assert step.unable == unable, f"{scenario.name}: {step}"


async def test_the_page_of_the_documentation_is_what_the_stories_come_to(sqlite: Sqlite, tmp_path: Path) -> None:
    assert page(await played(sqlite, tmp_path)) == PLACE.read_text(), "make parity"
