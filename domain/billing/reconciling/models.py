"""What reconciling leaves in the database: reports and their drifts, how far events were read, and whose turn it is."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing.states import ProcessorName
from domain.db import Base, Counter, JsonDocument, Key, UtcDateTime, closed
from domain.ids import CustomerId


class DriftKind(StrEnum):
    """How facts, rows and processor can disagree."""

    MISSED_EVENT = "missed_event"
    EDITED_ELSEWHERE = "edited_elsewhere"
    UNKNOWN_PRICE = "unknown_price"
    CUSTOMER_WITHOUT_ROW = "customer_without_row"
    DUPLICATE_LIVE_SUBSCRIPTION = "duplicate_live_subscription"
    WRONG_QUANTITY = "wrong_quantity"


class DriftAccess(StrEnum):
    """What a drift did to access, the worst first."""

    WRONGLY_GRANTED = "wrongly_granted"
    WRONGLY_WITHHELD = "wrongly_withheld"
    UNCHANGED = "unchanged"


class ReportScope(StrEnum):
    """What a run looked at: all there is, some of the processors, whatever missed events are about, or one customer."""

    EVERYTHING = "everything"
    PROCESSORS = "processors"
    MISSED_EVENTS = "missed_events"
    CUSTOMER = "customer"


class DriftReport(Base):
    """One run of the comparison, finished when `finished_at` is set. `left_out`: `processor: capability` it lacked."""

    __tablename__ = "drift_reports"

    id: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    scope: Mapped[ReportScope] = mapped_column(closed(ReportScope, name="scope"))
    report_only: Mapped[bool]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    customers_checked: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[list[str]] = mapped_column(JsonDocument)

    __table_args__ = (Index(None, "finished_at"),)


class Drift(Base):
    """One disagreement. `place` sorts the drifts of a report: wrongly granted access first.

    `processor_id` is a subscription's. `since` is when access began to be wrong, as far as known.
    """

    __tablename__ = "drifts"

    report_id: Mapped[int] = mapped_column(Counter, ForeignKey("drift_reports.id"), primary_key=True)
    place: Mapped[str] = mapped_column(Key, primary_key=True)
    kind: Mapped[DriftKind] = mapped_column(closed(DriftKind, name="kind"))
    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"))
    processor_id: Mapped[str] = mapped_column(Key)
    customer_id: Mapped[CustomerId | None] = mapped_column(Key, ForeignKey("customers.id"))
    access: Mapped[DriftAccess] = mapped_column(closed(DriftAccess, name="access"))
    keys: Mapped[list[str]] = mapped_column(JsonDocument)
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    healed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class EventCursor(Base):
    """How far a processor's list of events has been read, by its clock: every older one is in the inbox."""

    __tablename__ = "event_cursors"

    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"), primary_key=True)
    livemode: Mapped[bool] = mapped_column(primary_key=True)
    read_until: Mapped[datetime] = mapped_column(UtcDateTime)


class ReconcileTurn(Base):
    """When a scheduled run is due, and which process has it now: nobody's when `leased_until` has passed."""

    __tablename__ = "reconcile_turns"

    name: Mapped[str] = mapped_column(Key, primary_key=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(Key)
