"""One merchant's account at Braintree, asked through the library: every method blocks, and is to run in a thread.

Answers are snapshots, read from the library's objects as a notification's would be. Commands say what shall be and not
what shall change, so that sending one again does no harm.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from domain.billing.lifecycle import terminal
from domain.billing.processors import ProcessorRefused, Purchase
from domain.billing.processors.braintree import shapes
from domain.billing.processors.braintree.calls import codes, done, unsupported
from domain.billing.states import Snapshot

TIMEOUT_SECONDS = 10
# A search of Braintree's ends here, and does not say that it left anything out.
MOST_FOUND = 10_000
CUSTOMER_ID_IN_USE, SUBSCRIPTION_ID_IN_USE = "91609", "81902"
NOBODYS = "customer_unknown"


class Merchant:
    """The account of `merchant_id`; `api_base` is another address than Braintree's that speaks as it does."""

    def __init__(
        self, *, merchant_id: str, public_key: str, private_key: str, live: bool, api_base: str | None
    ) -> None:
        import braintree  # noqa: PLC0415 - only a process that bills through Braintree pays for loading it

        self._livemode = live
        self._library = braintree
        environment = braintree.Environment.Production if live else braintree.Environment.Sandbox
        self._gateway = braintree.BraintreeGateway(
            braintree.Configuration(
                environment=_elsewhere(braintree, api_base) if api_base else environment,
                merchant_id=merchant_id,
                public_key=public_key,
                private_key=private_key,
                timeout=TIMEOUT_SECONDS,
                wrap_http_exceptions=True,
            )
        )

    def create_customer(self, id: str) -> str:
        """Make a customer with this id, or find that there is one."""
        result = self._gateway.customer.create({"id": id})
        if CUSTOMER_ID_IN_USE not in codes(result):
            done(result)
        return id

    def found_customer(self, id: str) -> str:
        """Find a customer by its id."""
        return str(self._gateway.customer.find(id).id)

    def subscribe(self, id: str, customer: str, items: Sequence[Purchase]) -> Snapshot:
        """Buy a plan with add-ons under this id, or hand back what has it, whatever became of the card since.

        Raises:
            ProcessorRefused: what has the id is another customer's; the customer is unknown or has no way to pay.
        """
        made = self._made_before(id, customer)
        if made is not None:
            return made
        plan, *add_ons = items
        bought = {"add": [{"inherited_from_id": one.price_id, "quantity": one.quantity} for one in add_ons]}
        order = {"id": id, "payment_method_token": self._default_token(customer), "plan_id": plan.price_id}
        result = self._gateway.subscription.create(order | ({"add_ons": bought} if add_ons else {}))
        if SUBSCRIPTION_ID_IN_USE in codes(result):
            # A twin was faster.
            return self.snapshot(id)
        return self._read(done(result).subscription, customer)

    def swap(self, id: str, plan_id: str, *, prorate: bool) -> Snapshot:
        """Put the subscription on another plan, at that plan's price: Braintree would keep the old amount."""
        before = self._gateway.subscription.find(id)
        if before.plan_id == plan_id:
            return self._read(before)
        price = self._gateway.plan.find(plan_id).price
        options = {"prorate_charges": prorate, "revert_subscription_on_proration_failure": True}
        return self._update(id, {"plan_id": plan_id, "price": price, "options": options})

    def end_now(self, id: str) -> Snapshot:
        """End the subscription; hand back as it is what has ended."""
        result = self._gateway.subscription.cancel(id)
        if result.is_success:
            return self._read(result.subscription)
        ended = self.snapshot(id)
        if not terminal(ended.state):
            done(result)
        return ended

    def end_with_period(self, id: str) -> Snapshot:
        """Make the running billing cycle the last one; hand back as it is what has ended.

        Raises:
            ProcessorRefused: in a trial, which is no billing cycle.
        """
        before = self._gateway.subscription.find(id)
        as_it_is = self._read(before)
        if terminal(as_it_is.state) or as_it_is.state.cancel_at_period_end:
            return as_it_is
        if not before.current_billing_cycle:
            raise unsupported("Braintree cannot end a trial with its period; end it now, or once it is paid for.")
        return self._update(id, {"number_of_billing_cycles": before.current_billing_cycle, "never_expires": False})

    def snapshot(self, id: str) -> Snapshot:
        """Read a subscription."""
        return self._read(self._gateway.subscription.find(id))

    def all(self) -> Iterator[Snapshot]:
        """Find every subscription there is; they are read while one walks through them.

        Raises:
            ProcessorRefused: there are so many that Braintree shows no more than some of them.
        """
        search, status = self._library.SubscriptionSearch, self._library.Subscription.Status
        every = [status.Active, status.Canceled, status.Expired, status.PastDue, status.Pending]
        found = self._gateway.subscription.search(search.status.in_list(every))
        if found.maximum_size >= MOST_FOUND:
            raise ProcessorRefused("Braintree does not list so many subscriptions.", code="too_many")
        return self._owned(found.items)

    def of_customer(self, customer: str) -> Iterator[Snapshot]:
        """Find every subscription on the payment methods that a customer has."""
        methods = self._gateway.customer.find(customer).payment_methods
        return iter([self._read(each, customer) for method in methods for each in method.subscriptions])

    def _made_before(self, id: str, customer: str) -> Snapshot | None:
        try:
            made = self.snapshot(id)
        except self._library.exceptions.not_found_error.NotFoundError:
            return None
        if made.customer_processor_id != customer:
            raise ProcessorRefused("This key was used for something else.", code="idempotency_error")
        return made

    def _default_token(self, customer: str) -> str:
        methods = self._gateway.customer.find(customer).payment_methods
        token = next((method.token for method in methods if method.default), None)
        if token is None:
            raise ProcessorRefused("The customer has no payment method at Braintree.", code="payment_method_missing")
        return str(token)

    def _update(self, id: str, changes: dict[str, Any]) -> Snapshot:
        return self._read(done(self._gateway.subscription.update(id, changes)).subscription)

    def _owned(self, subscriptions: Iterator[Any]) -> Iterator[Snapshot]:
        """Leave out what nobody can be told to own: it never took a payment, and its payment method is gone."""
        for subscription in subscriptions:
            try:
                yield self._read(subscription)
            except ProcessorRefused as refusal:
                if refusal.code != NOBODYS:
                    raise

    def _read(self, subscription: Any, customer: str | None = None) -> Snapshot:
        """Read one of the library's subscriptions; `customer` is whose it is, where that is known."""
        document = shapes.document(subscription)
        owner = customer or shapes.payer(document) or self._owner_of(subscription.payment_method_token)
        return Snapshot(
            processor_id=subscription.id,
            customer_processor_id=owner,
            livemode=self._livemode,
            state=shapes.state(document),
        )

    def _owner_of(self, token: str) -> str:
        """Find whose payment method it is: a subscription that has taken no payment yet tells no customer."""
        try:
            return str(self._gateway.payment_method.find(token).customer_id)
        except self._library.exceptions.not_found_error.NotFoundError as error:
            raise ProcessorRefused("Braintree does not say whose subscription this is.", code=NOBODYS) from error


def _elsewhere(library: Any, api_base: str) -> Any:
    parts = urlsplit(api_base)
    return library.Environment("elsewhere", parts.hostname, str(parts.port), api_base, False, None)  # noqa: FBT003
