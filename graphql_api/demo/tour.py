"""What `make run` prints: where to look, who to be, and three lines to paste."""

from domain.clock import SystemClock
from domain.entitlements import SeatUsage
from domain.settings import Settings
from graphql_api.demo.people import ADMINISTRATOR, JOINER, LATECOMER, MEMBER, OWNER, Person, token

SEATS_TAKEN = 2
ADD = (
    ".venv/bin/seatgate demo ask 'mutation ($acme: ID!) {{"
    ' addMember(input: {{ organizationId: $acme, email: "{email}" }}) {{'
    " membership {{ user {{ name }} }} seats {{ used limit }} errors {{ __typename }} }} }}'"
)


def add_line(person: Person) -> str:
    """Write the line that adds somebody to Acme."""
    return ADD.format(email=person.email)


def lines(settings: Settings, *, address: str, explorer: str, seats: SeatUsage) -> str:
    """Write the welcome."""
    played = seats.used > SEATS_TAKEN
    people = (("administrator", ADMINISTRATOR), ("owner", OWNER), ("member", MEMBER))
    return "\n".join(
        [
            "",
            f"Seatgate serves at {address}/graphql",
            explorer,
            f"Operators' pages at {address}/admin, for the administrator's token",
            "",
            "Bearer tokens, good for seven days:",
            "",
            *(f"  {label:<14} {token(person, settings, SystemClock())}" for label, person in people),
            "",
            f"Acme has bought {seats.limit} seats and {seats.used} are taken."
            + (" The tour was played before: delete seatgate.db to play it anew." if played else ""),
            "Paste these into another terminal, in this folder:",
            "",
            f"  {add_line(JOINER)}",
            f"  {add_line(LATECOMER)}",
            "  .venv/bin/seatgate demo upgrade",
            "",
            "The first adds a member; the second is refused for want of a seat. The third sends a signed webhook that",
            "raises the limit, and then the second succeeds. Stop with Ctrl-C.",
            "",
        ]
    )
