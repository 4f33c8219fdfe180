"""Reports: opened, filled as things are found and put right, finished, read, and forgotten by age."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete, select

from domain.billing.reconciling.models import Drift, DriftAccess, DriftKind, DriftReport, ReportScope
from domain.billing.reconciling.values import Finding
from domain.billing.states import ProcessorName
from domain.clock import Clock
from domain.db import Database, Listing, Session
from domain.telemetry import Attribute, Signal, Told

KEPT = timedelta(days=90)
PRUNED_AT_ONCE = 100
SEVERITIES = tuple(DriftAccess)


async def open_report(session: Session, scope: ReportScope, *, report_only: bool, now: datetime) -> DriftReport:
    """Begin a report; nobody sees it before it is finished."""
    report = DriftReport(scope=scope, report_only=report_only, started_at=now, customers_checked=0, left_out=[])
    session.add(report)
    await session.flush()
    return report


async def unfinished(session: Session, scope: ReportScope, *, since: datetime) -> DriftReport | None:
    """Find the report that a run left unfinished when its process died."""
    query = select(DriftReport).where(
        DriftReport.scope == scope,
        DriftReport.report_only.is_(False),
        DriftReport.finished_at.is_(None),
        DriftReport.started_at >= since,
    )
    return (await session.execute(query.order_by(DriftReport.id.desc()).limit(1))).scalar_one_or_none()


async def note(
    session: Session,
    report_id: int,
    processor: ProcessorName,
    found: Iterable[tuple[Finding, datetime | None]],
) -> list[Drift]:
    """Put drifts into a report, each once: of one that is there already only its healing is news."""
    noted = []
    for finding, healed_at in found:
        place = _place(finding, processor)
        drift = await session.get(Drift, (report_id, place))
        if drift is None:
            drift = Drift(
                report_id=report_id,
                place=place,
                kind=finding.kind,
                processor=processor,
                processor_id=finding.processor_id,
                customer_id=finding.customer_id,
                access=finding.access,
                keys=list(finding.keys),
                since=finding.since,
                healed_at=healed_at,
            )
            session.add(drift)
            session.signal(Signal.DRIFT, _told(drift))
        drift.healed_at = drift.healed_at or healed_at
        noted.append(drift)
    await session.flush()
    return sorted(noted, key=lambda drift: drift.place)


async def finish(
    session: Session, report_id: int, *, customers: int, left_out: Collection[str], now: datetime
) -> DriftReport:
    """Let a report be seen."""
    report = await session.get_one(DriftReport, report_id)
    report.customers_checked, report.left_out, report.finished_at = customers, sorted(left_out), now
    await session.flush()
    return report


async def newest_report(session: Session) -> DriftReport | None:
    """Find the report of the comparison of everything that was finished last.

    A run of one customer, of some processors, or of what missed events are about says nothing of all others and does
    not stand in for it.
    """
    query = select(DriftReport).where(DriftReport.scope == ReportScope.EVERYTHING, DriftReport.finished_at.is_not(None))
    order = DriftReport.finished_at.desc(), DriftReport.id.desc()
    return (await session.execute(query.order_by(*order).limit(1))).scalar_one_or_none()


def drifts_of(report_id: int, *, kinds: Collection[DriftKind] | None = None) -> Listing[Drift]:
    """List a report's drifts, wrongly granted access first."""
    query = select(Drift).where(Drift.report_id == report_id)
    if kinds is not None:
        query = query.where(Drift.kind.in_(kinds))
    return Listing(entity=Drift, queries=[query], by=Drift.place, id=Drift.processor_id)


async def all_drifts(session: Session, report_id: int) -> list[Drift]:
    """Read all drifts of a report in the same order."""
    query = select(Drift).where(Drift.report_id == report_id).order_by(Drift.place)
    return list((await session.execute(query)).scalars())


async def prune_reports(database: Database, clock: Clock) -> int:
    """Forget reports that were begun more than 90 days ago, 100 at once, but never the newest; say how many."""
    return await database.run(partial(_prune, before=clock.now() - KEPT))


async def _prune(session: Session, *, before: datetime) -> int:
    newest = await newest_report(session)
    old = select(DriftReport.id).where(DriftReport.started_at <= before).order_by(DriftReport.id)
    found = (await session.execute(old.limit(PRUNED_AT_ONCE))).scalars()
    ids = [id for id in found if newest is None or id != newest.id]
    await session.execute(delete(Drift).where(Drift.report_id.in_(ids)))
    await session.execute(delete(DriftReport).where(DriftReport.id.in_(ids)))
    return len(ids)


def _told(drift: Drift) -> Told:
    return {
        Attribute.KIND: drift.kind.value,
        Attribute.ACCESS: drift.access.value,
        Attribute.PROCESSOR: drift.processor.value,
        Attribute.CUSTOMER_ID: drift.customer_id,
    }


def _place(finding: Finding, processor: ProcessorName) -> str:
    """Say where a drift stands in its report: by what it did to access, then by customer."""
    name = hashlib.sha256(f"{processor}\0{finding.processor_id}".encode()).hexdigest()[:32]
    return f"{SEVERITIES.index(finding.access)} {finding.customer_id or '~'} {finding.kind} {name}"
