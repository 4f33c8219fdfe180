"""What schemathesis should give for scalars of our own; loaded by it, in an environment without Seatgate."""

import schemathesis
from hypothesis import strategies
from hypothesis_graphql import nodes

INSTANTS = ("2026-11-21T12:00:00Z", "2027-02-28T23:59:59.999999+14:00", "2026-11-21", "yesterday")
AMOUNTS = ("0", "-1", "99999999999999999999", "1.5")
VALUES = ("", "{}", "text")

schemathesis.graphql.scalar("DateTime", strategies.sampled_from(INSTANTS).map(nodes.String))
schemathesis.graphql.scalar("MinorUnits", strategies.sampled_from(AMOUNTS).map(nodes.String))
schemathesis.graphql.scalar("JSON", strategies.sampled_from(VALUES).map(nodes.String))
