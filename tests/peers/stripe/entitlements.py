"""Features, the products that carry them, and who may use them: what a live subscription pays for."""

from tests.peers.stripe.account import INLINE, Account, Document
from tests.peers.stripe.forms import Asked, Noted, Paged, noted
from tests.peers.stripe.operations import Operation, page, retrieving
from tests.peers.stripe.refusals import Refusal, missing

LIVE = {"active", "trialing", "past_due"}
KIND = "entitlements.active_entitlement"
SUMMARY = "entitlements.active_entitlement_summary"


class CreateFeature(Noted):
    lookup_key: str
    name: str


class UpdateFeature(Noted):
    active: bool | None = None
    name: str | None = None


class ListFeatures(Paged):
    archived: bool | None = None
    lookup_key: str | None = None


class AttachFeature(Asked):
    entitlement_feature: str


class ListEntitlements(Paged):
    customer: str


def create_feature(account: Account, params: CreateFeature) -> Document:
    if any(feature["lookup_key"] == params.lookup_key for feature in account.all("entitlements.feature")):
        raise Refusal(f"A feature with the lookup_key {params.lookup_key} already exists.", param="lookup_key")
    return account.add(
        {
            "id": account.new_id("feat"),
            "object": "entitlements.feature",
            "active": True,
            "livemode": False,
            "lookup_key": params.lookup_key,
            "metadata": noted({}, params.metadata),
            "name": params.name,
        }
    )


def update_feature(account: Account, params: UpdateFeature, id: str) -> Document:
    feature = account.get("entitlements.feature", id)
    if params.active is not None:
        feature["active"] = params.active
    if params.name is not None:
        feature["name"] = params.name
    feature["metadata"] = noted(feature["metadata"], params.metadata)
    return feature


def list_features(account: Account, params: ListFeatures) -> Document:
    found = [
        feature
        for feature in account.all("entitlements.feature")
        if params.lookup_key in {None, feature["lookup_key"]} and params.archived in {None, not feature["active"]}
    ]
    return page(found, params, url="/v1/entitlements/features")


def attach(account: Account, params: AttachFeature, product: str) -> Document:
    """Let a product carry a feature; whoever has the product may use it from now on."""
    account.get("product", product)
    feature = account.get("entitlements.feature", params.entitlement_feature, param="entitlement_feature")
    carried = account.tables.setdefault(_carrying(product), {})
    if any(held["entitlement_feature"]["id"] == feature["id"] for held in carried.values()):
        raise Refusal("This feature is already attached to the product.", param="entitlement_feature")
    id = account.new_id("prodft")
    carried[id] = {"id": id, "object": "product_feature", "entitlement_feature": feature, "livemode": False}
    _touch_everybody(account)
    return carried[id]


def detach(account: Account, _: Asked, product: str, id: str) -> Document:
    carried = account.tables.get(_carrying(product), {})
    if id not in carried:
        raise missing("product_feature", id)
    del carried[id]
    _touch_everybody(account)
    return {"id": id, "object": "product_feature", "deleted": True}


def list_carried(account: Account, params: Paged, product: str) -> Document:
    return page(account.all(_carrying(product)), params, url=f"/v1/products/{product}/features", newest_first=False)


def _carrying(product: str) -> str:
    return f"product_feature {product}"


def _touch_everybody(account: Account) -> None:
    account.touched |= {subscription["customer"] for subscription in account.all("subscription")}


def active(account: Account, customer: str) -> list[Document]:
    """List what a customer may use now, in the order in which it became so."""
    return [held for held in account.all(f"{KIND} {customer}") if not held.get("deleted")]


def refresh(account: Account) -> None:
    """Give and take entitlements of the customers whose subscriptions have changed, and tell of each change."""
    for customer in sorted(account.touched):
        held = account.tables.setdefault(f"{KIND} {customer}", {})
        due = _due(account, customer)
        if held.keys() != due.keys():
            for gone in held.keys() - due.keys():
                del held[gone]
            for lookup_key in sorted(due.keys() - held.keys()):
                held[lookup_key] = _entitlement(account, due[lookup_key])
            account.emit("entitlements.active_entitlement_summary.updated", _summary(account, customer))
    account.touched.clear()


def _due(account: Account, customer: str) -> dict[str, Document]:
    products = {
        item["price"]["product"]
        for subscription in account.all("subscription")
        if subscription["customer"] == customer and subscription["status"] in LIVE
        for item in subscription["items"]["data"]
    }
    return {
        carried["entitlement_feature"]["lookup_key"]: carried["entitlement_feature"]
        for product in products
        for carried in account.all(_carrying(product))
    }


def _entitlement(account: Account, feature: Document) -> Document:
    return {
        "id": account.new_id("ent"),
        "object": KIND,
        "feature": feature["id"],
        "livemode": False,
        "lookup_key": feature["lookup_key"],
    }


def _summary(account: Account, customer: str) -> Document:
    held = active(account, customer)
    url = f"/v1/customer/{customer}/entitlements"
    inline = {"object": "list", "data": held[:INLINE], "has_more": len(held) > INLINE, "url": url}
    return {"object": SUMMARY, "customer": customer, "entitlements": inline, "livemode": False}


def listed(account: Account, params: ListEntitlements) -> Document:
    account.customer(params.customer, param="customer")
    url = "/v1/entitlements/active_entitlements"
    return page(active(account, params.customer), params, url=url, newest_first=False)


OPERATIONS = (
    Operation("features.create", "POST", "/v1/entitlements/features", create_feature, CreateFeature),
    Operation("features.list", "GET", "/v1/entitlements/features", list_features, ListFeatures),
    Operation("features.retrieve", "GET", "/v1/entitlements/features/{id}", retrieving("entitlements.feature")),
    Operation("features.update", "POST", "/v1/entitlements/features/{id}", update_feature, UpdateFeature),
    Operation("products.features.create", "POST", "/v1/products/{product}/features", attach, AttachFeature),
    Operation("products.features.list", "GET", "/v1/products/{product}/features", list_carried, Paged),
    Operation("products.features.delete", "DELETE", "/v1/products/{product}/features/{id}", detach),
    Operation("active_entitlements.list", "GET", "/v1/entitlements/active_entitlements", listed, ListEntitlements),
)
