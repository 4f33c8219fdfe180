"""What `make run` prints: where to look, who to be, and three lines to paste."""

from domain.clock import SystemClock
from domain.settings import Settings
from graphql_api import explorer
from graphql_api.demo.people import ADMINISTRATOR, JOINER, LATECOMER, MEMBER, OWNER, Person, token

ADD = 'mutation {{ addMember(input: {{ organizationId: "{team}", email: "{email}" }}) {{ {answer} }} }}'
ANSWER = "membership { user { name } } seats { used limit } errors { __typename ... on UserError { code message } }"


def lines(settings: Settings, *, address: str, team_id: str) -> str:
    """Write the welcome."""
    tokens = [
        f"  {label:<14} {token(person, settings, SystemClock())}"
        for label, person in (("administrator", ADMINISTRATOR), ("owner", OWNER), ("member", MEMBER))
    ]
    where = f"{address}/graphiql" if explorer.built() else "not built; run `make explorer` (the API works without it)"
    return "\n".join(
        [
            "",
            f"Seatgate serves at {address}/graphql",
            f"Explorer: {where}",
            "",
            "Bearer tokens, for seven days:",
            *tokens,
            "",
            "Acme has bought three seats and two are taken. Paste these into another terminal, in this folder:",
            "",
            f"  {_ask(team_id, JOINER)}",
            f"  {_ask(team_id, LATECOMER)}",
            "  .venv/bin/seatgate demo upgrade",
            "",
            "The first adds a member, the second is refused for want of a seat; the third sends a signed webhook",
            "that raises the limit, and then the second succeeds. Stop with Ctrl-C.",
            "",
        ]
    )


def _ask(team_id: str, person: Person) -> str:
    return f".venv/bin/seatgate demo ask '{ADD.format(team=team_id, email=person.email, answer=ANSWER)}'"
