"""How the text of one variable becomes a value. Every parser raises `Fault`; no fault repeats what was given."""

import re
from collections.abc import Callable
from email.utils import parseaddr
from enum import StrEnum
from ipaddress import ip_network
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

E = TypeVar("E", bound=StrEnum)

SHORTEST_SECRET_BYTES = 32
FEWEST_DISTINCT_CHARACTERS = 8
LONGEST_TEXT = 255
DEVELOPMENT_MARK = "development-"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PLACEHOLDERS = (DEVELOPMENT_MARK, "changeme", "change-me", "change_me", "placeholder", "insert-", "your-secret")
_MAIL = re.compile(r"[^@\s<>()\[\],;:\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


class Fault(ValueError):
    """A value that cannot be; the text says why and never what it was."""


def text(value: str) -> str:
    """Take a plain text of at most 255 characters without spaces or control characters inside."""
    if len(value) > LONGEST_TEXT or not value.isprintable() or " " in value:
        raise Fault(f"is not a plain text of at most {LONGEST_TEXT} characters")
    return value


def items(value: str) -> tuple[str, ...]:
    """Split a comma list; blank and repeated items are refused."""
    found = tuple(item.strip() for item in value.split(","))
    if not all(found):
        raise Fault("has a blank item")
    if len(set(found)) < len(found):
        raise Fault("names an item twice")
    return found


def choice(kind: type[E]) -> Callable[[str], E]:
    """Make a parser that takes one of an enumeration's values."""
    return lambda value: chosen(kind, value)


def choices(kind: type[E]) -> Callable[[str], tuple[E, ...]]:
    """Make a parser that takes a comma list of an enumeration's values."""
    return lambda value: tuple(chosen(kind, item) for item in items(value))


def chosen(kind: type[E], value: str) -> E:
    """Take one of an enumeration's values."""
    if value not in set(kind):
        raise Fault(f"is none of {', '.join(kind)}")
    return kind(value)


def integer(lowest: int, highest: int) -> Callable[[str], int]:
    """Make a parser for a whole number within bounds, both included."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not lowest <= int(value) <= highest:
            raise Fault(f"is not a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def seconds(highest: float) -> Callable[[str], float]:
    """Make a parser for a positive number of seconds up to a highest one, which is included."""

    def parse(value: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value) or not 0 < float(value) <= highest:
            raise Fault(f"is not a number of seconds above 0 and up to {highest:g}")
        return float(value)

    return parse


def secrets(*, production: bool, shortest: int = SHORTEST_SECRET_BYTES) -> Callable[[str], tuple[str, ...]]:
    """Make a parser for a comma list of secrets; in production short ones and placeholders are refused always."""
    shortest = SHORTEST_SECRET_BYTES if production else shortest

    def parse(value: str) -> tuple[str, ...]:
        found = items(value)
        if any(len(item.encode()) < shortest for item in found):
            raise Fault(f"holds a secret of fewer than {shortest} bytes")
        if production and any(is_placeholder(item) for item in found):
            raise Fault("holds a placeholder or a development secret")
        return found

    return parse


def secret(*, production: bool, shortest: int) -> Callable[[str], str]:
    """Make a parser for one secret, under the rules of `secrets`."""
    parse = secrets(production=production, shortest=shortest)

    def single(value: str) -> str:
        if "," in value:
            raise Fault("is one secret and holds no comma")
        return parse(value)[0]

    return single


def is_placeholder(value: str) -> bool:
    """Say whether a secret is one that people leave in by mistake, or one that Seatgate made for development."""
    return len(set(value)) < FEWEST_DISTINCT_CHARACTERS or any(mark in value.lower() for mark in PLACEHOLDERS)


def database_url(value: str) -> str:
    """Take the address of a SQLite file or a PostgreSQL database, for the async drivers.

    SQLite in memory is refused: it has one connection, which all tasks would share, transactions and all.
    """
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise Fault("is not a database address") from None
    if url.drivername not in {"sqlite+aiosqlite", "postgresql+asyncpg"}:
        raise Fault("begins with neither sqlite+aiosqlite:// nor postgresql+asyncpg://")
    if not url.database:
        raise Fault("names no database, or one in memory")
    if url.drivername.startswith("sqlite") and in_memory(url):
        raise Fault("is a database in memory or a file: address; name a file")
    return value


def in_memory(url: URL) -> bool:
    """Say whether a SQLite address may mean memory; the `file:` form can, so it counts."""
    database = url.database or ""
    return ":memory:" in database or database.startswith("file:") or "mode" in url.query


def origins(value: str) -> tuple[str, ...]:
    """Take a comma list of web origins such as `https://app.example.com`; `*` is refused."""
    found = items(value)
    if not all(is_address(item) and urlsplit(item).path == "" for item in found):
        raise Fault("holds something other than an origin such as https://app.example.com")
    return found


def address(value: str) -> str:
    """Take an http or https address without query and fragment."""
    if not is_address(value):
        raise Fault("is not an http or https address")
    return value


def key_address(*, production: bool) -> Callable[[str], str]:
    """Make a parser for the address of an issuer's keys, which may have a query.

    In production it is https, because whoever can change the answer can be anybody here; http is for loopback alone.
    """

    def parse(value: str) -> str:
        bare, _, query = value.partition("?")
        if not is_address(bare) or "#" in query:
            raise Fault("is not an https address")
        parts = urlsplit(bare)
        if production and parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise Fault("is not an https address; in production http is for loopback alone")
        return value

    return parse


def networks(value: str) -> tuple[str, ...]:
    """Take a comma list of addresses and networks such as `10.0.0.0/8`; one that holds everybody is refused."""
    return tuple(_network(item) for item in items(value))


def _network(item: str) -> str:
    try:
        found = ip_network(item)
    except ValueError:
        raise Fault("holds something other than an address or a network such as 10.0.0.0/8") from None
    if found.prefixlen == 0:
        raise Fault("holds a network that is everybody")
    return str(found)


def mail_url(value: str) -> str:
    """Take the address of a mail server: `smtp://` or `smtps://`, a host, perhaps a user with a password and a port."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise Fault("is not the address of a mail server") from None
    extra = parts.query or parts.fragment or parts.path.strip("/")
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or extra or port == 0:
        raise Fault("is not an address such as smtp://user:password@mail.example.com:587")
    if bool(parts.username) != bool(parts.password):
        raise Fault("names a user without a password, or a password without a user")
    return value


def mail_address(value: str) -> str:
    """Take one e-mail address, with a name before it or without: `Seatgate <seatgate@example.com>`."""
    name, address = parseaddr(value)
    plain = value.isprintable() and len(value) <= LONGEST_TEXT and "," not in value
    if not plain or not _MAIL.fullmatch(address) or value not in {address, f"{name} <{address}>"}:
        raise Fault("is not an e-mail address such as seatgate@example.com")
    return value


def is_address(value: str) -> bool:
    """Say whether a text is an http or https address: a host, perhaps a port and a path, and nothing else."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    plain = value.isprintable() and " " not in value and not parts.query and not parts.fragment
    return plain and parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in value and port != 0


def hosts(value: str) -> tuple[str, ...]:
    """Take a comma list of host names, `*.example.com` or `*` among them, without ports."""
    found = items(value.lower())
    if not all(_HOST.fullmatch(item) for item in found):
        raise Fault("holds something other than a host name such as api.example.com or *.example.com")
    return found
