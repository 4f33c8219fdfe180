"""What every server of a benchmark is asked, and how big the world is that it is asked about."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

ORGANIZATIONS = 100
CANDIDATES = 1000
SEATS = 100_000
FEATURES = ("api", "audit", "exports", "reports", "sso", "webhooks")
PRICE = "price_team"
CATALOG = """
[plans.team]
features = ["api", "reports", "sso", "webhooks"]
limits = { seats = { per = "quantity" }, projects = 20 }
price_ids = ["price_team"]

[plans.enterprise]
features = ["audit", "exports"]
price_ids = ["price_enterprise"]
"""

ENTITLEMENTS = """query($id: ID!) { entitlements(customerId: $id) {
  plans features quantities { key value } decisions { feature granted reason }
} }"""
ADD_MEMBER = """mutation($id: ID!, $email: String!) {
  addMember(input: {organizationId: $id, email: $email}) { membership { id } errors { __typename } }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One organization as its owner asks about it; `token` is empty where nobody checks one."""

    organization_id: str
    customer_id: str
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Requests as they go over the wire, and what every single answer to them must hold."""

    requests: Iterator[bytes]
    expected: bytes


def hello() -> Workload:
    """Ask for nothing."""
    return Workload(requests=_forever([_post("", "{ hello }", {})]), expected=b'"hello"')


def reads(tenants: list[Tenant]) -> Workload:
    """Ask what each organization has paid for, in turn, each as its own owner."""
    requests = [_post(tenant.token, ENTITLEMENTS, {"id": tenant.customer_id}) for tenant in tenants]
    return Workload(requests=_forever(requests), expected=b'"plans":["team"]')


def writes(tenants: list[Tenant]) -> Workload:
    """Add members, each candidate to every organization once, in turn over all organizations."""
    return Workload(requests=_adds(tenants), expected=b'"membership":{"id"')


def _forever(requests: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def _adds(tenants: list[Tenant]) -> Iterator[bytes]:
    for candidate in range(CANDIDATES):
        for tenant in tenants:
            variables = {"id": tenant.organization_id, "email": email(candidate)}
            yield _post(tenant.token, ADD_MEMBER, variables)


def email(candidate: int) -> str:
    """Name the verified address of somebody who can be added."""
    return f"candidate-{candidate}@example.test"


def _post(token: str, document: str, variables: dict[str, str]) -> bytes:
    body = json.dumps({"query": document, "variables": variables}).encode()
    lines = ["POST /graphql HTTP/1.1", "host: bench", "content-type: application/json", f"content-length: {len(body)}"]
    lines += [f"authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode() + body
