"""The streams as a table for the documentation."""

from collections.abc import Mapping
from pathlib import Path

from domain.billing.states import ProcessorName
from tests.parity.playing import OVER, UNABLE, Streams
from tests.parity.scenarios import Scenario, Step

PLACE = Path(__file__).parents[2] / "docs" / "parity.md"
COLUMNS = (ProcessorName.STRIPE, ProcessorName.BRAINTREE, ProcessorName.FAKE)
HEAD = """\
# The same story, whoever bills

Each story below is told three times through the ordinary inbox: in the documents that Stripe sends, by Braintree's \
adapter with a gateway of our own behind it, and by the Fake. After every step we look at how the mirror has the \
subscription, and ask for two features and the seats. `same`: this processor's customer has what the step says. \
`unsupported`: the processor has no such command and says so in `serverInfo`; its story is over there, because nothing \
is imitated.

The stories are data in `tests/vectors/scenarios`; `make parity` plays them and writes this page, and a test fails \
when it is not what they come to. Neither the real Stripe nor the real Braintree took part.

The catalog: *pro* has `api` and 3 seats, *team* `api`, `sso` and 5, *crew* `api` and a seat for each, *seat pack* is \
an add-on of 5 seats; without a plan there is one seat. Grace is 7 days. *mystery* is in no catalog.
"""


def page(played: Mapping[str, tuple[Scenario, Streams]]) -> str:
    """Write the whole page."""
    return "\n".join([HEAD, *(_section(scenario, streams) for scenario, streams in played.values())])


def _section(scenario: Scenario, streams: Streams) -> str:
    names = " | ".join(name.title() for name in COLUMNS)
    rows = [_row(number, step, streams) for number, step in enumerate(scenario.steps)]
    return "\n".join(
        [f"## {scenario.title}\n", f"| step | what the customer has | {names} |", "|---|---|---|---|---|", *rows, ""]
    )


def _row(number: int, step: Step, streams: Streams) -> str:
    cells = [_cell(streams[name][number], step) for name in COLUMNS]
    return f"| {step} | {step.expect} | {' | '.join(cells)} |"


def _cell(heard: str, step: Step) -> str:
    if heard == step.expect:
        return "same"
    return heard if heard in {UNABLE, OVER} else f"**{heard}**"
