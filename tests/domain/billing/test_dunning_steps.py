"""When dunning is over: the truth table's columns, and every boundary to the microsecond."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing import lifecycle
from domain.billing.lifecycle import Dunning, DunningStep, TerminalAction, dunning_step
from domain.billing.states import PauseCollection, Status
from tests.domain.billing.test_lifecycle import CASES, NOW, instant, state, vector_state

FORTNIGHT = Dunning(days=14, action=TerminalAction.CANCEL)
SINCE = NOW - timedelta(days=14)
MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)

# The table asks for the status `unpaid`, which no processor can be asked for; ours cancels or pauses in its place.
ACTIONS = {"stripe_smart_retries": TerminalAction.CANCEL, "disabled": TerminalAction.NONE}
OVERRULED = {
    "lt-pd-grace-ended": (DunningStep.SKIP, "what has ended needs no end"),
    "lt-pd-dunning-cutoff-minus-1us": (DunningStep.SWEEP, "grace ends to the microsecond, and dunning with it"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_dunning_column_of_the_truth_table_holds(case: dict[str, Any]) -> None:
    subject, expect, config = vector_state(case["subscription"]), case["expect"], case["config"]
    dunning = Dunning(days=config["dunning_grace_days"], action=ACTIONS[config["dunning_mode"]])
    since, now = instant(case["subscription"]["past_due_since"]), datetime.fromisoformat(case["now"])
    wanted, _ = OVERRULED.get(case["id"], (DunningStep(expect["dunning_decision"].partition(":")[0]), ""))

    step = dunning_step(subject, since, now, dunning)

    assert step is wanted
    assert lifecycle.past_due(subject) == expect["dunning_sweepable"]
    if expect["dunning_exhausted_status"] is not None:
        assert (step, subject.status) == (DunningStep.SKIP, expect["dunning_exhausted_status"])


@pytest.mark.parametrize("by", [MICROSECOND, SECOND])
def test_the_last_instant_is_inside_and_the_next_is_not(by: timedelta) -> None:
    subject = state(Status.PAST_DUE)

    steps = [dunning_step(subject, SINCE, NOW + off, FORTNIGHT) for off in (-by, timedelta(), by)]

    assert steps == [DunningStep.HOLD, DunningStep.HOLD, DunningStep.SWEEP]


@pytest.mark.parametrize("by", [MICROSECOND, SECOND])
def test_an_announced_attempt_is_waited_for_until_an_hour_after_it(by: timedelta) -> None:
    subject, attempt = state(Status.PAST_DUE), NOW + timedelta(days=3)
    over = attempt + timedelta(hours=1)

    steps = [dunning_step(subject, SINCE, at, FORTNIGHT, next_attempt_at=attempt) for at in (attempt, over, over + by)]

    assert steps == [DunningStep.HOLD, DunningStep.HOLD, DunningStep.SWEEP]


def test_grace_that_lasts_as_long_as_dunning_ends_where_the_sweep_begins() -> None:
    subject, grace = state(Status.PAST_DUE), lifecycle.Grace(days=FORTNIGHT.days)

    for off in (-MICROSECOND, timedelta(), MICROSECOND):
        in_grace = lifecycle.in_grace(subject, SINCE, NOW + off, grace)
        assert in_grace != (dunning_step(subject, SINCE, NOW + off, FORTNIGHT) is DunningStep.SWEEP)


def test_a_pause_holds_it_up() -> None:
    subject = state(Status.PAST_DUE, pause_collection=PauseCollection())

    assert dunning_step(subject, SINCE - SECOND, NOW, FORTNIGHT) is DunningStep.HOLD


def test_days_beyond_the_calendar_never_end() -> None:
    endless = Dunning(days=2_147_483_646, action=TerminalAction.CANCEL)
    last = datetime.max.replace(tzinfo=UTC)

    assert dunning_step(state(Status.PAST_DUE), SINCE, NOW, endless) is DunningStep.HOLD
    assert (
        dunning_step(state(Status.PAST_DUE), SINCE - SECOND, NOW, FORTNIGHT, next_attempt_at=last) is DunningStep.HOLD
    )


@given(
    st.sampled_from(Status),
    st.sampled_from(TerminalAction),
    st.none() | st.integers(-20, 1),
    st.none() | st.integers(-9, 9),
)
def test_only_what_is_exactly_past_due_is_ever_swept(
    status: Status, action: TerminalAction, since: int | None, attempt: int | None
) -> None:
    began = None if since is None else NOW + timedelta(days=since)
    announced = None if attempt is None else NOW + timedelta(days=attempt)
    dunning = Dunning(days=14, action=action)

    step = dunning_step(state(status), began, NOW, dunning, next_attempt_at=announced)

    if step is DunningStep.SWEEP:
        assert status is Status.PAST_DUE
        assert action is not TerminalAction.NONE
        assert began is not None
        assert began < NOW - timedelta(days=14)
        assert announced is None or announced < NOW
    assert (step is DunningStep.SKIP) == (status is not Status.PAST_DUE or action is TerminalAction.NONE)
