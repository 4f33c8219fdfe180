"""Everything that Seatgate tells operators, as data: spans, metrics, signals and what each of them carries.

A closed list: nothing is told that does not stand here, and `docs/telemetry.md` is compared with it. Never in it: an
address, a name, a token, an amount, or anything else that a person could be found by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Attribute(StrEnum):
    """What a span, a signal or a metric can carry, by the name under which it does."""

    ACCESS = "access"
    BOX = "box"
    CUSTOMER_ID = "customer_id"
    FEATURE = "feature"
    KIND = "kind"
    LIMIT = "limit"
    MESSAGE_ID = "message_id"
    ORGANIZATION_ID = "organization_id"
    PRICE_ID = "price_id"
    PROCESSOR = "processor"
    REASON = "reason"
    RESOLVER = "resolver"
    RESULT = "result"
    SIGNAL = "signal"
    SOURCE = "source"
    STATE = "state"
    SUBJECT_ID = "subject_id"
    SUBJECT_TYPE = "subject_type"
    SURFACE = "surface"
    TAKEN = "taken"


ATTRIBUTES: Mapping[Attribute, str] = {
    Attribute.ACCESS: "what a drift did to access: `wrongly_granted`, `wrongly_withheld`, `unchanged`",
    Attribute.BOX: "where a message was given up: `inbox`, `outbox`",
    Attribute.CUSTOMER_ID: "our id of the customer; absent where nobody here is",
    Attribute.FEATURE: "what was asked for: a feature, a plan or price, a limit; absent when all features were",
    Attribute.KIND: "how a drift came about, as in `driftReport`",
    Attribute.LIMIT: "how many seats there are",
    Attribute.MESSAGE_ID: "our id of the webhook event or outbox message",
    Attribute.ORGANIZATION_ID: "our id of the organization",
    Attribute.PRICE_ID: "the processor's id of the price",
    Attribute.PROCESSOR: "`stripe`, `braintree`, `fake`",
    Attribute.REASON: "why, from the closed list of reasons; `error` is the one that means that nobody could say",
    Attribute.RESOLVER: "who answered",
    Attribute.RESULT: "whether it was granted; of all features whether there is one, of a limit whether it is above 0",
    Attribute.SIGNAL: "which signal",
    Attribute.SOURCE: "the processor of an event, the topic of a message",
    Attribute.STATE: "how far a stored event is",
    Attribute.SUBJECT_ID: "our id of the billable; what is no id is shown by its type alone",
    Attribute.SUBJECT_TYPE: "the name of the billable's type; absent where there was none",
    Attribute.SURFACE: "which guard asked: `field`, `subscription`, `route`, `websocket`; absent for a direct call",
    Attribute.TAKEN: "how many seats are taken",
}


class Span(StrEnum):
    """The spans."""

    CHECK = "seatgate.entitlements.check"
    SIGNAL = "seatgate.signal"


class Kind(StrEnum):
    """What kind of metric: a counter, a histogram, or a gauge."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Metric(StrEnum):
    """The metrics, by the names under which Prometheus reads them."""

    CHECKS = "seatgate_entitlement_checks_total"
    CHECK_SECONDS = "seatgate_entitlement_check_seconds"
    DEAD_LETTERS = "seatgate_dead_letters_total"
    DRIFTS = "seatgate_drifts_total"
    KEYS_NOT_RENEWED = "seatgate_keys_not_renewed_total"
    OUTBOX_DUE = "seatgate_outbox_due"
    OUTBOX_GIVEN_UP = "seatgate_outbox_given_up"
    OUTBOX_LAG = "seatgate_outbox_lag_seconds"
    SEATS_OVER_LIMIT = "seatgate_seat_pools_gone_over_limit_total"
    TRUNCATED_SUMMARIES = "seatgate_truncated_summaries_total"
    UNMAPPED_PRICES = "seatgate_unmapped_prices_total"
    WEBHOOK_EVENTS = "seatgate_webhook_events"
    WORKER_ROUND = "seatgate_worker_last_round_timestamp_seconds"


class Signal(StrEnum):
    """What somebody should look at, told once when it happens."""

    DEAD_LETTER = "dead_letter"
    DRIFT = "drift"
    KEYS_NOT_RENEWED = "keys_not_renewed"
    SEATS_OVER_LIMIT = "seats_over_limit"
    TRUNCATED_SUMMARY = "truncated_summary"
    UNMAPPED_PRICE = "unmapped_price"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEntry:
    """What a span stands for and carries."""

    description: str
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEntry:
    """What a metric counts or measures. No label holds an id, so that their number stays small."""

    kind: Kind
    description: str
    labels: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalEntry:
    """What a signal means and carries, and the metric that counts it."""

    description: str
    metric: Metric
    attributes: tuple[Attribute, ...]


SPANS: Mapping[Span, SpanEntry] = {
    Span.CHECK: SpanEntry(
        description="one question about what a billable has paid for, from before the read to the decision",
        attributes=(
            Attribute.FEATURE,
            Attribute.RESULT,
            Attribute.RESOLVER,
            Attribute.REASON,
            Attribute.SURFACE,
            Attribute.SUBJECT_TYPE,
            Attribute.SUBJECT_ID,
        ),
    ),
    Span.SIGNAL: SpanEntry(
        description="carries a signal as its event, where no other span is open that could",
        attributes=(Attribute.SIGNAL,),
    ),
}

METRICS: Mapping[Metric, MetricEntry] = {
    Metric.CHECKS: MetricEntry(
        kind=Kind.COUNTER,
        description='checks; `reason="error"` could not be answered, every other refusal is a denial',
        labels=(Attribute.FEATURE, Attribute.RESULT, Attribute.RESOLVER, Attribute.REASON, Attribute.SURFACE),
    ),
    Metric.CHECK_SECONDS: MetricEntry(
        kind=Kind.HISTOGRAM,
        description="how long a check took, its read included",
        labels=(Attribute.RESULT, Attribute.RESOLVER, Attribute.SURFACE),
    ),
    Metric.DEAD_LETTERS: MetricEntry(
        kind=Kind.COUNTER,
        description="webhook events and outbox messages that were given up",
        labels=(Attribute.BOX, Attribute.SOURCE),
    ),
    Metric.DRIFTS: MetricEntry(
        kind=Kind.COUNTER,
        description="disagreements that reconciling has found",
        labels=(Attribute.KIND, Attribute.ACCESS, Attribute.PROCESSOR),
    ),
    Metric.KEYS_NOT_RENEWED: MetricEntry(
        kind=Kind.COUNTER, description="tries to fetch the keys of `SEATGATE_JWKS_URL` that failed"
    ),
    Metric.OUTBOX_DUE: MetricEntry(kind=Kind.GAUGE, description="outbox messages that are due now"),
    Metric.OUTBOX_GIVEN_UP: MetricEntry(kind=Kind.GAUGE, description="outbox messages that have been given up"),
    Metric.OUTBOX_LAG: MetricEntry(
        kind=Kind.GAUGE, description="for how long the oldest due outbox message has been due"
    ),
    Metric.SEATS_OVER_LIMIT: MetricEntry(
        kind=Kind.COUNTER, description="organizations seen to have more seats taken than their limit gives"
    ),
    Metric.TRUNCATED_SUMMARIES: MetricEntry(
        kind=Kind.COUNTER, description="summaries in which Stripe showed only some of a customer's entitlements"
    ),
    Metric.UNMAPPED_PRICES: MetricEntry(
        kind=Kind.COUNTER, description="prices that somebody pays for and no plan has, once an hour each"
    ),
    Metric.WEBHOOK_EVENTS: MetricEntry(
        kind=Kind.GAUGE,
        description="stored events: `received` waits for a link, `due` is tried now, `failed` later, `dead` never",
        labels=(Attribute.STATE,),
    ),
    Metric.WORKER_ROUND: MetricEntry(
        kind=Kind.GAUGE, description="when a worker of this server last came round all its jobs"
    ),
}

SIGNALS: Mapping[Signal, SignalEntry] = {
    Signal.DEAD_LETTER: SignalEntry(
        description="an event could not be applied, or an effect not carried out, and is tried no more",
        metric=Metric.DEAD_LETTERS,
        attributes=(Attribute.BOX, Attribute.SOURCE, Attribute.MESSAGE_ID),
    ),
    Signal.DRIFT: SignalEntry(
        description="the mirror and a processor disagree; once for each report that it stands in",
        metric=Metric.DRIFTS,
        attributes=(Attribute.KIND, Attribute.ACCESS, Attribute.PROCESSOR, Attribute.CUSTOMER_ID),
    ),
    Signal.KEYS_NOT_RENEWED: SignalEntry(
        description="the keys of the tokens' issuer could not be fetched; an hour after the last success none counts",
        metric=Metric.KEYS_NOT_RENEWED,
        attributes=(),
    ),
    Signal.SEATS_OVER_LIMIT: SignalEntry(
        description="an organization has more seats taken than its limit gives, as after a downgrade",
        metric=Metric.SEATS_OVER_LIMIT,
        attributes=(Attribute.ORGANIZATION_ID, Attribute.TAKEN, Attribute.LIMIT),
    ),
    Signal.TRUNCATED_SUMMARY: SignalEntry(
        description="Stripe holds more entitlements of a customer than its summary showed",
        metric=Metric.TRUNCATED_SUMMARIES,
        attributes=(Attribute.CUSTOMER_ID,),
    ),
    Signal.UNMAPPED_PRICE: SignalEntry(
        description="a customer pays for a price that no plan has",
        metric=Metric.UNMAPPED_PRICES,
        attributes=(Attribute.PRICE_ID,),
    ),
}
