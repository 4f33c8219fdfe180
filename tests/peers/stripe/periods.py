"""Billing periods by the calendar, in seconds since the epoch, UTC."""

import calendar
from datetime import UTC, datetime, timedelta

HOUR = 3_600
DAY = 24 * HOUR


def after(anchor: int, *, interval: str, count: int, beyond: int) -> int:
    """Give the first instant past `beyond` that is a whole number of intervals from the anchor.

    A month that is too short ends on its last day, and the next one is counted from the anchor again.
    """
    steps = max(0, (beyond - anchor) // _longest(interval, count) - 1)
    while (found := _step(anchor, interval, count * steps)) <= beyond:
        steps += 1
    return found


def _longest(interval: str, count: int) -> int:
    return count * DAY * {"day": 1, "week": 7, "month": 31, "year": 366}[interval]


def _step(anchor: int, interval: str, count: int) -> int:
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in {"day", "week"}:
        return int((start + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())
