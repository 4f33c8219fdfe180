"""The worker's rounds and its end."""

import asyncio

from domain.worker import Worker


async def test_a_worker_that_is_woken_in_the_moment_it_is_cancelled_stops() -> None:
    async def nothing() -> int:
        return 0

    worker = Worker(jobs={"nothing": nothing})
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.01)

    worker.wake()
    running.cancel()
    await asyncio.wait([running], timeout=1)

    assert running.cancelled()
