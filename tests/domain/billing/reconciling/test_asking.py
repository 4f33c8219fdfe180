"""Questions to a processor that asks to be left alone: waited for when it is short, and given up when it is not."""

import pytest

from domain.billing.processors import ProcessorUnavailable
from domain.billing.reconciling.asking import LONGEST_REST, TRIES, Asking
from domain.errors import UpstreamUnavailable
from tests.support.drifting import TEAM, OtherFake, Shop


class Rests:
    """Sleeps by moving the clock, and remembers how long."""

    def __init__(self, here: Shop) -> None:
        self.here = here
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.here.clock.forward(seconds=seconds)


async def two(here: Shop) -> set[str]:
    return {await here.buy(), await here.buy_unheard(TEAM, key="second")}


async def test_a_429_in_the_middle_of_a_list_is_waited_for_and_the_list_begun_again(here: Shop) -> None:
    bought = await two(here)
    fake, rests, began = (
        OtherFake(here, ProcessorUnavailable(retry_after=7), told_before=1),
        Rests(here),
        here.clock.now(),
    )

    listing = await Asking(processor=fake, clock=here.clock, rest=rests).listing()

    assert (rests.slept, fake.lists) == ([7], 2)
    assert [each.processor_id for each in listing.held] == sorted(bought)
    # The list is as of the question that was answered, not of the one that was not.
    assert (listing.asked_at - began).total_seconds() == 7


async def test_what_says_no_too_often_is_given_up_with_the_wait_that_it_asked_for_last(here: Shop) -> None:
    await two(here)
    fake, rests = OtherFake(here, *(ProcessorUnavailable(retry_after=n) for n in (1, 2, 3)), told_before=1), Rests(here)

    with pytest.raises(UpstreamUnavailable) as given_up:
        await Asking(processor=fake, clock=here.clock, rest=rests).listing()

    assert (rests.slept, fake.lists, given_up.value.retry_after_seconds) == ([1, 2], TRIES, 3)


@pytest.mark.parametrize("wait", [None, int(LONGEST_REST.total_seconds()) + 1])
async def test_who_names_no_wait_or_a_long_one_is_not_waited_for(here: Shop, wait: int | None) -> None:
    await two(here)
    fake, rests = OtherFake(here, ProcessorUnavailable(retry_after=wait), told_before=1), Rests(here)

    with pytest.raises(UpstreamUnavailable) as given_up:
        await Asking(processor=fake, clock=here.clock, rest=rests).listing()

    assert (rests.slept, fake.lists, given_up.value.retry_after_seconds) == ([], 1, wait)
