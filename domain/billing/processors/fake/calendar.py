"""Periods by the calendar: the 31st is followed by the last of a shorter month, and by the 31st again after it."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}


def end_of_period(start: int, *, anchor: int, interval: str, count: int) -> int:
    """Find the second at which the period ends that runs at `start`, in step with `anchor`; seconds since 1970, UTC."""
    first = datetime.fromtimestamp(anchor, UTC)
    if interval in DAYS:
        length = int(timedelta(days=DAYS[interval] * count).total_seconds())
        return anchor + (max(start - anchor, 0) // length + 1) * length
    months = MONTHS[interval] * count
    at = datetime.fromtimestamp(start, UTC)
    passed = max((at.year - first.year) * 12 + at.month - first.month, 0) // months
    ends = (_months_later(first, (passed + ahead) * months) for ahead in range(3))
    return next(end for end in map(_seconds, ends) if end > max(start, anchor))


def _months_later(first: datetime, months: int) -> datetime:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return first.replace(year=year, month=month + 1, day=min(first.day, monthrange(year, month + 1)[1]))


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
