"""Whatever is lost, doubled and shuffled: one comparison ends with the truth, and a second finds nothing."""

import asyncio
import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.billing import DriftKind, PauseBehavior, ProcessorName, Purchase
from domain.billing.processors import ProcessorRefused
from tests.support.clock import FixedClock
from tests.support.databases import Engine
from tests.support.drifting import PRO, TEAM, Shop, shop
from tests.support.wired import wired

DEEDS = ["buy", "end", "end later", "items", "pause", "time"]
stories = st.lists(st.sampled_from(DEEDS), min_size=1, max_size=7)
# Two live base subscriptions stay two: only a person can say which one was meant.
STAYING = {DriftKind.DUPLICATE_LIVE_SUBSCRIPTION}


async def play(here: Shop, story: list[str], chance: random.Random) -> None:
    """Let things happen at the processor, and let each event arrive twice, out of order, or never."""
    since = await here.fake.now()
    await here.buy(PRO)
    owned = [each.processor_id async for each in here.fake.list_subscriptions()]
    for step, deed in enumerate(story):
        here.clock.forward(seconds=chance.choice([0.2, 3, 90]))
        target, key = chance.choice(owned), f"step {step}"
        try:
            match deed:
                case "buy":
                    owned.append(await here.buy_unheard(TEAM, key=key, quantity=chance.randint(1, 9)))
                case "end":
                    await here.fake.cancel(target, at_period_end=False, at=None, key=key)
                case "end later":
                    await here.fake.cancel(target, at_period_end=True, at=None, key=key)
                case "items":
                    await here.fake.replace_items(target, [Purchase(price_id=TEAM, quantity=chance.randint(1, 9))])
                case "pause":
                    await here.fake.pause(target, behavior=PauseBehavior.VOID, resumes_at=None, key=key)
                case "time":
                    await here.fake.advance(86400 * chance.choice([1, 31]))
        except ProcessorRefused:
            continue
    await here.lose()
    posted = [body async for body in here.fake.list_events(since=since)]
    kept = [body for body in posted for _ in range(chance.choice([0, 0, 1, 2]))]
    chance.shuffle(kept)
    for body in kept:
        await here.services.inbox.receive(ProcessorName.FAKE, body, here.fake.sign(body))


async def converge(url: str, story: list[str], seed: int) -> None:
    clock = FixedClock()
    services = wired(url, clock)
    try:
        here = await shop(services, clock)
        await play(here, story, random.Random(seed))
        clock.forward(minutes=10)

        await here.reconcile()
        clock.forward(seconds=1)
        again = await here.reconcile()

        assert await here.right()
        assert {drift.kind for drift in again} <= STAYING
    finally:
        await services.aclose()


def test_one_comparison_ends_with_the_processors_truth_and_a_second_finds_nothing(engine: Engine) -> None:
    @settings(max_examples=6, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    @given(story=stories, seed=st.integers(0, 2**16))
    def hold(story: list[str], seed: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(converge(engine.fresh(Path(folder)), story, seed))

    hold()
