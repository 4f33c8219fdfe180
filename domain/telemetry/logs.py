"""Log lines: readable in development, JSON in production, each with the id of the request that it belongs to.

Only what the code says about things by their ids is written; where an exception's own words hold an address all the
same, it is taken out of a JSON line. What a host logs of itself is the host's.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The request that is being served here, whatever task of it this is; None outside of any."""

_ADDRESS = re.compile(r"[^\s@'\"<>(),;:=]+@[^\s@'\"<>(),;:=]+")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON: time in UTC, level, logger, message, request_id, and its facts by name."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _without_addresses(record.getMessage()),
            "request_id": request_id.get(),
        }
        if record.exc_info:
            line["exception"] = _without_addresses(self.formatException(record.exc_info))
        return json.dumps(getattr(record, "facts", {}) | line, ensure_ascii=False, default=str)


class Readable(logging.Formatter):
    """Writes a record for whoever watches a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Write it."""
        request = request_id.get()
        where = record.name if request is None else f"{record.name} [{request}]"
        written = f"{record.levelname} {where}: {record.getMessage()}"
        return f"{written}\n{self.formatException(record.exc_info)}" if record.exc_info else written


def configuration(*, as_json: bool) -> dict[str, Any]:
    """Give what `logging.config.dictConfig` takes for a process that is Seatgate's own; a host has its own."""
    formatter = JsonLines if as_json else Readable
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__name__}"}},
        "handlers": {"line": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO" if as_json else "WARNING", "handlers": ["line"]},
        # It writes a line with the whole address for each request to a processor.
        "loggers": {"httpx": {"level": "WARNING"}},
    }


def _without_addresses(text: str) -> str:
    return _ADDRESS.sub("[address]", text)
