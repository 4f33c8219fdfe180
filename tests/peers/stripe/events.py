"""The log of events, in snapshots and thin, and the endpoints that are told of them."""

from datetime import UTC, datetime

from tests.peers.stripe.account import API_VERSION, Account, Document
from tests.peers.stripe.forms import Asked, Noted, Paged, noted
from tests.peers.stripe.operations import Operation, page
from tests.peers.stripe.periods import DAY
from tests.peers.stripe.refusals import Refusal, missing

KEPT = 30 * DAY
MOST_TYPES = 20
THIN = "evt_thin_"
PATHS = {
    "customer": "customers",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "invoiceitem": "invoiceitems",
    "test_helpers.test_clock": "test_helpers/test_clocks",
    "checkout.session": "checkout/sessions",
    "payment_intent": "payment_intents",
    "payment_method": "payment_methods",
    "product": "products",
    "price": "prices",
}


class ListEvents(Paged):
    type: str | None = None
    types: list[str] | None = None


class CreateEndpoint(Noted):
    url: str
    enabled_events: list[str]
    api_version: str | None = None
    description: str | None = None


class UpdateEndpoint(Noted):
    disabled: bool | None = None
    enabled_events: list[str] | None = None
    url: str | None = None


def kept(account: Account) -> list[Document]:
    """List the events of the last 30 days, oldest first; older ones are forgotten."""
    return [event for event in account.events if event["created"] > account.now() - KEPT]


def listed(account: Account, params: ListEvents) -> Document:
    if params.types is not None and (params.type is not None or len(params.types) > MOST_TYPES):
        raise Refusal(f"You may give `type`, or at most {MOST_TYPES} `types`.", param="types")
    wanted = params.types if params.types is not None else [params.type or "*"]
    found = [event for event in kept(account) if any(matches(event["type"], pattern) for pattern in wanted)]
    return page(found, params, url="/v1/events")


def matches(type: str, pattern: str) -> bool:
    """Say whether an event's type is meant by a pattern such as `*` or `invoice.*`."""
    return pattern in {"*", type} or (pattern.endswith(".*") and type.startswith(pattern[:-1]))


def retrieve(account: Account, _: Asked, id: str) -> Document:
    for event in kept(account):
        if event["id"] == id:
            return event
    raise missing("event", id)


def thin(event: Document) -> Document:
    """Give the event as a thin one: what it is about, and nothing of how that is."""
    subject = event["data"]["object"]
    request = event["request"]
    because = {"type": "request", "request": request} if request["id"] and request["idempotency_key"] else None
    told: Document = {
        "id": thin_id(event),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": False,
        "reason": because,
        "type": f"v1.{event['type']}",
    }
    path = PATHS.get(subject["object"])
    if path is not None:
        url = f"/v1/{path}/{subject['id']}"
        told["related_object"] = {"id": subject["id"], "type": subject["object"], "url": url}
    return told


def thin_id(event: Document) -> str:
    """Give the id under which the event is known as a thin one."""
    return f"{THIN}{event['id'].removeprefix('evt_')}"


def retrieve_thin(account: Account, _: Asked, id: str) -> Document:
    """Give a thin event, which tells its snapshot only when it is fetched."""
    for event in kept(account):
        if thin_id(event) == id:
            return thin(event) | {"snapshot_event": event["id"]}
    raise missing("event", id)


def create_endpoint(account: Account, params: CreateEndpoint) -> Document:
    """Register an address for webhooks; only this answer tells its secret."""
    endpoint = endpoint_at(account, params.url, events=params.enabled_events, api_version=params.api_version)
    endpoint |= {"description": params.description, "metadata": noted({}, params.metadata)}
    return endpoint | {"secret": secret_of(endpoint)}


def endpoint_at(account: Account, url: str, *, events: list[str], api_version: str | None = None) -> Document:
    """Register an address."""
    return account.add(
        {
            "id": account.new_id("we"),
            "object": "webhook_endpoint",
            "api_version": api_version or API_VERSION,
            "application": None,
            "created": account.now(),
            "description": None,
            "enabled_events": events,
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": url,
        }
    )


def secret_of(endpoint: Document) -> str:
    """Give the secret that signs what goes to this endpoint."""
    return f"whsec_peer{endpoint['id'].removeprefix('we_')}"


def get_endpoint(account: Account, _: Asked, id: str) -> Document:
    return account.get("webhook_endpoint", id)


def update_endpoint(account: Account, params: UpdateEndpoint, id: str) -> Document:
    endpoint = account.get("webhook_endpoint", id)
    if params.disabled is not None:
        endpoint["status"] = "disabled" if params.disabled else "enabled"
    endpoint["enabled_events"] = params.enabled_events or endpoint["enabled_events"]
    endpoint["url"] = params.url or endpoint["url"]
    endpoint["metadata"] = noted(endpoint["metadata"], params.metadata)
    return endpoint


def delete_endpoint(account: Account, _: Asked, id: str) -> Document:
    del account.tables["webhook_endpoint"][account.get("webhook_endpoint", id)["id"]]
    return {"id": id, "object": "webhook_endpoint", "deleted": True}


def list_endpoints(account: Account, params: Paged) -> Document:
    return page(account.all("webhook_endpoint"), params, url="/v1/webhook_endpoints")


OPERATIONS = (
    Operation("events.list", "GET", "/v1/events", listed, ListEvents),
    Operation("events.retrieve", "GET", "/v1/events/{id}", retrieve),
    Operation("v2.core.events.retrieve", "GET", "/v2/core/events/{id}", retrieve_thin),
    Operation("webhook_endpoints.create", "POST", "/v1/webhook_endpoints", create_endpoint, CreateEndpoint),
    Operation("webhook_endpoints.list", "GET", "/v1/webhook_endpoints", list_endpoints, Paged),
    Operation("webhook_endpoints.retrieve", "GET", "/v1/webhook_endpoints/{id}", get_endpoint),
    Operation("webhook_endpoints.update", "POST", "/v1/webhook_endpoints/{id}", update_endpoint, UpdateEndpoint),
    Operation("webhook_endpoints.delete", "DELETE", "/v1/webhook_endpoints/{id}", delete_endpoint),
)
