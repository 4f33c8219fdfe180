"""Where the mirror and the processors disagree: the newest report, and the command that compares one customer."""

from datetime import datetime
from typing import Annotated

import strawberry

from domain import billing
from domain.billing import drifts_of, newest_report
from graphql_api import loaders, unit_of_work
from graphql_api.connections import Connection
from graphql_api.customers import ContextInfo, Customer
from graphql_api.described import described, described_input
from graphql_api.enums import DriftAccess, DriftKind, ProcessorName
from graphql_api.user_errors import (
    IdempotencyInProgressError,
    IdempotencyMismatchError,
    NotFoundError,
    UnsupportedError,
    UpstreamUnavailableError,
)

ReconcileCustomerError = Annotated[
    NotFoundError | UnsupportedError | UpstreamUnavailableError | IdempotencyMismatchError | IdempotencyInProgressError,
    strawberry.union("ReconcileCustomerError", description="Refusals of reconcileCustomer."),
]


@described
class Drift:
    """Facts, rows and processor do not agree here."""

    row: strawberry.Private[billing.Drift]
    kind: DriftKind
    processor: ProcessorName
    processor_id: str = strawberry.field(description="Of the subscription or customer at the processor.")
    access: DriftAccess
    keys: list[str] = strawberry.field(description="Features and limits concerned, sorted.")
    since: datetime | None = strawberry.field(description="When access began to be wrong, as far as known.")
    healed_at: datetime | None

    @classmethod
    def dress(cls, row: billing.Drift) -> "Drift":
        """Dress a row."""
        return cls(
            row=row,
            kind=row.kind,
            processor=row.processor,
            processor_id=row.processor_id,
            access=row.access,
            keys=row.keys,
            since=row.since,
            healed_at=row.healed_at,
        )

    @strawberry.field
    async def customer(self) -> Customer | None:
        """Whose it is; null: CUSTOMER_WITHOUT_ROW."""
        id = self.row.customer_id
        return None if id is None else Customer.of(await loaders.current().customers.load(id))


@described
class DriftReport:
    """One run of the comparison."""

    row: strawberry.Private[billing.DriftReport]
    started_at: datetime
    finished_at: datetime
    customers_checked: int

    @strawberry.field
    async def drifts(
        self,
        info: ContextInfo,
        kinds: list[DriftKind] | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Connection[Drift] | None:
        """What does not agree, wrongly granted access first."""
        cursors = info.context.cursors(f"drifts of {self.row.id}")
        found = await loaders.current().lists.page(drifts_of(self.row.id, kinds=kinds), cursors.page(first, after))
        return cursors.connection(found, node=Drift.dress, place=lambda row: (row.place, row.processor_id))


@described_input
class ReconcileCustomerInput:
    """Compares with the processor and heals through the ordinary fold, unless reportOnly."""

    customer_id: strawberry.ID
    report_only: bool = False
    idempotency_key: str | None = None


@described
class ReconcileCustomerPayload:
    """What was found."""

    customer: Customer | None = None
    drifts: list[Drift] | None = None
    errors: list[ReconcileCustomerError] = strawberry.field(default_factory=list)


async def find_drift_report(info: ContextInfo) -> DriftReport | None:
    """The newest finished comparison of facts, rows and processor; asks no processor itself."""
    info.context.caller.require_administrator()
    async with info.context.database.snapshot() as session:
        found = await newest_report(session)
    if found is None or found.finished_at is None:
        return None
    return DriftReport(
        row=found,
        started_at=found.started_at,
        finished_at=found.finished_at,
        customers_checked=found.customers_checked,
    )


async def reconcile_customer(info: ContextInfo, input: ReconcileCustomerInput) -> ReconcileCustomerPayload | None:
    """Compare one customer with its processors and put right what differs."""
    done = await info.context.services.customer_reconciling.reconcile(
        scope=info.context.caller,
        customer_id=input.customer_id,
        report_only=input.report_only,
        call=unit_of_work.call_of(info, {"input": input}),
    )
    return ReconcileCustomerPayload(
        customer=Customer.of(done.customer), drifts=[Drift.dress(drift) for drift in done.drifts]
    )
