"""What is for sale: products, prices, and the features that come with a product."""

from decimal import Decimal
from typing import Literal

from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Cleared, Noted, Paged, Params, noted
from tests.peers.stripe.operations import Operation, page, retrieving
from tests.peers.stripe.refusals import Refusal


class CreateProduct(Noted):
    name: str
    id: str | None = None
    description: str | None = None
    active: bool = True


class UpdateProduct(Noted):
    name: str | None = None
    description: str | Cleared | None = None
    active: bool | None = None


class Recurring(Params):
    interval: Literal["day", "week", "month", "year"]
    interval_count: int = 1
    usage_type: Literal["licensed"] = "licensed"


class ProductData(Params):
    name: str


class CreatePrice(Noted):
    currency: str
    unit_amount: int
    recurring: Recurring | None = None
    product: str | None = None
    product_data: ProductData | None = None
    lookup_key: str | None = None
    nickname: str | None = None
    active: bool = True


class UpdatePrice(Noted):
    active: bool | None = None
    nickname: str | Cleared | None = None


class ListProducts(Paged):
    active: bool | None = None
    ids: list[str] | None = None


class ListPrices(Paged):
    active: bool | None = None
    product: str | None = None
    lookup_keys: list[str] | None = None


def create_product(account: Account, params: CreateProduct) -> Document:
    if params.id is not None and account.find("product", params.id):
        raise Refusal(f"Product already exists: {params.id}", code="resource_already_exists", param="id")
    product: Document = {
        "id": params.id or account.new_id("prod"),
        "object": "product",
        "active": params.active,
        "created": account.now(),
        "default_price": None,
        "description": params.description,
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": noted({}, params.metadata),
        "name": params.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": account.now(),
        "url": None,
    }
    account.add(product)
    account.emit("product.created", product)
    return product


def update_product(account: Account, params: UpdateProduct, id: str) -> Document:
    with account.changing(account.get("product", id)) as product:
        if params.name is not None:
            product["name"] = params.name
        if params.description is not None:
            product["description"] = params.description or None
        if params.active is not None:
            product["active"] = params.active
        product["metadata"] = noted(product["metadata"], params.metadata)
        product["updated"] = account.now()
    return product


def create_price(account: Account, params: CreatePrice) -> Document:
    if (params.product is None) == (params.product_data is None):
        raise Refusal("You must specify either `product` or `product_data` when creating a price.", param="product")
    if params.product is not None:
        product = account.get("product", params.product, param="product")["id"]
    else:
        assert params.product_data is not None
        product = create_product(account, CreateProduct(name=params.product_data.name))["id"]
    if params.lookup_key is not None and _by_lookup_key(account, params.lookup_key):
        raise Refusal(f"A price (`{params.lookup_key}`) already uses that lookup key.", param="lookup_key")
    price = account.add(_price(account, params, product))
    account.emit("price.created", price)
    return price


def _price(account: Account, params: CreatePrice, product: str) -> Document:
    recurring = params.recurring and {
        **params.recurring.model_dump(),
        "meter": None,
        "trial_period_days": None,
    }
    return {
        "id": account.new_id("price"),
        "object": "price",
        "active": params.active,
        "billing_scheme": "per_unit",
        "created": account.now(),
        "currency": params.currency.lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": params.lookup_key,
        "metadata": noted({}, params.metadata),
        "nickname": params.nickname,
        "product": product,
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": params.unit_amount,
        "unit_amount_decimal": str(Decimal(params.unit_amount)),
    }


def _by_lookup_key(account: Account, key: str) -> list[Document]:
    return [price for price in account.all("price") if price["lookup_key"] == key]


def update_price(account: Account, params: UpdatePrice, id: str) -> Document:
    with account.changing(account.get("price", id)) as price:
        if params.active is not None:
            price["active"] = params.active
        if params.nickname is not None:
            price["nickname"] = params.nickname or None
        price["metadata"] = noted(price["metadata"], params.metadata)
    return price


def plan(price: Document) -> Document:
    """Give a recurring price in the older shape that still stands beside it in every item."""
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": price["recurring"]["usage_type"],
    }


def list_products(account: Account, params: ListProducts) -> Document:
    found = [
        product
        for product in account.all("product")
        if params.active in {None, product["active"]} and (params.ids is None or product["id"] in params.ids)
    ]
    return page(found, params, url="/v1/products")


def list_prices(account: Account, params: ListPrices) -> Document:
    found = [
        price
        for price in account.all("price")
        if params.active in {None, price["active"]}
        and params.product in {None, price["product"]}
        and (params.lookup_keys is None or price["lookup_key"] in params.lookup_keys)
    ]
    return page(found, params, url="/v1/prices")


OPERATIONS = (
    Operation("products.create", "POST", "/v1/products", create_product, CreateProduct),
    Operation("products.list", "GET", "/v1/products", list_products, ListProducts),
    Operation("products.retrieve", "GET", "/v1/products/{id}", retrieving("product")),
    Operation("products.update", "POST", "/v1/products/{id}", update_product, UpdateProduct),
    Operation("prices.create", "POST", "/v1/prices", create_price, CreatePrice),
    Operation("prices.list", "GET", "/v1/prices", list_prices, ListPrices),
    Operation("prices.retrieve", "GET", "/v1/prices/{id}", retrieving("price")),
    Operation("prices.update", "POST", "/v1/prices/{id}", update_price, UpdatePrice),
)
