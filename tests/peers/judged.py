"""The peer before a judge that is not ours: `python -m tests.peers.judged` plays the scenarios of billing-e2e on it.

They come with that package, which is installed beside us and not with us: `make test-peer`.
"""

import asyncio
import sys
from importlib.resources import as_file, files
from pathlib import Path

import stripe
from billing_e2e.report import Console
from billing_e2e.runner import Runner
from billing_e2e.safety import check_key, confirm_test_mode
from billing_e2e.scenario import Config, load_scenario

from domain.clock import SystemClock
from tests.peers.stripe import SECRET_KEY, Peer, serving


def main() -> None:
    """Play every scenario and exit with 1 unless all have passed."""
    sys.exit(asyncio.run(_judged()))


async def _judged() -> int:
    # The judge dates events by its own clock, so the peer goes by the same.
    async with serving(Peer(SystemClock())) as url:
        return await asyncio.to_thread(_play, url)


def _play(url: str) -> int:
    client = stripe.StripeClient(SECRET_KEY, base_addresses={"api": url})
    check_key(SECRET_KEY)
    confirm_test_mode(client)
    prices = {"monthly_price": 1000, "upgrade_price": 3000}
    runner = Runner(
        Config(stripe_key=SECRET_KEY, vars={name: _price(client, of) for name, of in prices.items()}), client
    )
    console, results = Console(), []
    with as_file(files("billing_e2e") / "scenarios") as folder:
        for path in sorted(Path(folder).glob("*.yml")):
            scenario = load_scenario(path)
            console.scenario(scenario.name)
            result = runner.run(scenario, on_step=console.step)
            console.outcome(result)
            results.append(result)
    console.summary(results)
    return 0 if results and all(result.passed for result in results) else 1


def _price(client: stripe.StripeClient, amount: int) -> str:
    product = client.v1.products.create({"name": f"Plan for {amount}"})
    asked: stripe.params.PriceCreateParams = {
        "product": product.id,
        "currency": "usd",
        "unit_amount": amount,
        "recurring": {"interval": "month"},
    }
    return client.v1.prices.create(asked).id


if __name__ == "__main__":
    main()
