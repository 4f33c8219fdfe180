"""Which summary counts, in every order in which they can arrive."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.entitlements.advisory import Place, SummarySource

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PULL, WEBHOOK = SummarySource.PULL, SummarySource.WEBHOOK

Learned = tuple[Place, int]
"""A summary's place, and which of Stripe's states it tells."""


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def told(seconds: float, event_id: str = "evt_1") -> Place:
    """Place an event as Stripe dates it, in whole seconds."""
    return Place.of(WEBHOOK, at(int(seconds)), event_id)


def asked(seconds: float) -> Place:
    return Place.of(PULL, at(seconds), "")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (told(1), told(2)),
        (told(1, "evt_1"), told(1, "evt_2")),
        (told(1, "evt_Z"), told(1, "evt_a")),
        (told(1), asked(2)),
        (asked(1.9), told(2)),
        (asked(1.5), told(1)),
        (asked(1.5), asked(1.6)),
        (asked(0.5), asked(1.5)),
    ],
)
def test_later_counts_and_within_a_second_the_webhook(older: Place, newer: Place) -> None:
    assert older < newer
    assert not newer < older


def test_what_stands_in_the_same_place_is_no_news() -> None:
    assert told(1) == told(1)
    assert asked(1.5) == asked(1.5)


def last(arriving: list[Learned]) -> int:
    """Let summaries arrive one after the other, as they are kept, and say which state is known in the end."""
    place, state = arriving[0]
    for each in arriving[1:]:
        if each[0] > place:
            place, state = each
    return state


TIMES = st.integers(min_value=0, max_value=40_000).map(lambda tenths: tenths / 1000)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Draw when Stripe's state changed, each time in a second of its own, and when it was asked."""
    seconds = sorted(draw(st.sets(st.integers(0, 39), min_size=1, max_size=6)))
    changes = [second + draw(st.integers(0, 999)) / 1000 for second in seconds]
    return changes, draw(st.lists(TIMES, max_size=6))


def learned(changes: list[float], pulls: list[float]) -> list[Learned]:
    webhooks = [(told(when, f"evt_{state}"), state) for state, when in enumerate(changes, start=1)]
    answers = [(asked(when), sum(change <= when for change in changes)) for when in pulls]
    return webhooks + answers


@given(histories(), st.randoms())
def test_whatever_the_order_the_newest_state_is_known_in_the_end(
    history: tuple[list[float], list[float]], random: Random
) -> None:
    changes, pulls = history
    arriving = learned(changes, pulls)
    random.shuffle(arriving)

    assert last(arriving) == len(changes)


@given(histories(), st.randoms(), st.data())
def test_one_question_after_the_last_change_makes_good_for_every_webhook_that_was_lost(
    history: tuple[list[float], list[float]], random: Random, data: st.DataObject
) -> None:
    changes, pulls = history
    arriving = [each for each in learned(changes, pulls) if data.draw(st.booleans())]
    arriving.append((asked(int(changes[-1]) + 1), len(changes)))
    random.shuffle(arriving)

    assert last(arriving) == len(changes)


@given(st.lists(st.one_of(TIMES.map(asked), TIMES.map(told)), min_size=2, max_size=8, unique=True))
def test_places_are_in_one_order(places: list[Place]) -> None:
    assert all(older < newer for older, newer in pairwise(sorted(places)))
