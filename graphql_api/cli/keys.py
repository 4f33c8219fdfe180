"""`seatgate keys`: credentials for programs, made, listed and ended by whoever has the database."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from domain.errors import ConfigError, InvalidInput, NotFound
from graphql_api.cli.opening import on_database
from graphql_api.cli.telling import table, told

if TYPE_CHECKING:
    from domain.db import Database, Session
    from domain.identity import ApiKey, ApiKeys, MadeKey
    from domain.organizations import Organization
    from domain.scope import ApiScope

T = TypeVar("T")

MOST_DAYS = 36_500
_DAYS = re.compile(r"[1-9][0-9]{0,4}")
AT_ONCE = 100
COLUMNS = ("id", "label", "of", "scopes", "last used (UTC)", "ends (UTC)", "state")
# What the fields of the API are called here.
OPTIONS = {
    "label": "LABEL",
    "scopes": "--scope",
    "organizationId": "--organization",
    "expiresAt": "--expires",
    "apiKeyId": "KEY_ID",
}

OrganizationOption = Annotated[str | None, typer.Option("--organization", help="An organization's id or slug.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]

app = typer.Typer(
    help="Make, list and revoke API keys: of an organization, or of the host for all of them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def create(
    label: Annotated[str, typer.Argument(help="What it is called, 1 to 64 characters.")],
    *,
    scopes: Annotated[list[str], typer.Option("--scope", help="What it may: entitlements:read, …; once for each.")],
    organization: OrganizationOption = None,
    expires: Annotated[
        str | None, typer.Option(help="In so many days, or on a date (ISO 8601; UTC when it names no zone).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key and print its secret, which is kept nowhere and shown this once; the host's without --organization."""
    with told():
        wanted, ends = _scopes(scopes), _end(expires)
        made, tenant = _run(lambda keys, session: _create(keys, session, label, wanted, organization, ends))
    if as_json:
        typer.echo(json.dumps({**_document(made.key), "secret": made.secret}, indent=2))
        return
    whose = "the host" if tenant is None else f"{tenant.slug} ({tenant.id})"
    until = "" if made.key.expires_at is None else f", until {_written(made.key.expires_at)}"
    typer.echo(f"{made.key.id} is a key of {whose}{until}. Its secret, shown this once:\n{made.secret}")


@app.command("list")
def show(
    *,
    organization: OrganizationOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Revoked and expired ones too.")] = False,
    as_json: Json = False,
) -> None:
    """Show the keys of the host and of every organization, or of one, newest first; none of their secrets is known."""
    with told():
        rows, now = _run(lambda keys, session: _list(keys, session, organization, everything=everything), writing=False)
    if as_json:
        typer.echo(json.dumps({"keys": [_document(row) for row in rows]}, indent=2))
    elif rows:
        typer.echo("\n".join(table([COLUMNS, *(_cells(row, now=now) for row in rows)])))
    else:
        typer.echo("There are no such keys.")


@app.command()
def revoke(key: Annotated[str, typer.Argument(metavar="KEY_ID", help="Which key: key_…")]) -> None:
    """End a key for good, at once and in every process. Ending one that has been revoked is no fault."""
    with told():
        row = _run(lambda keys, session: _revoke(keys, session, key))
    typer.echo(f"{row.id} ({row.label}) is revoked since {_written(row.revoked_at)}.")


def _run(work: "Callable[[ApiKeys, Session], Awaitable[T]]", *, writing: bool = True) -> T:
    """Do some work with keys in one transaction, or in one consistent read.

    Raises:
        ConfigError: the database is not there or not migrated, or what was asked for cannot be.
    """

    async def with_keys(database: "Database", _: object) -> T:
        from domain.clock import SystemClock
        from domain.identity import ApiKeys
        from domain.organizations import KeyTenants

        keys = ApiKeys(database=database, clock=SystemClock(), tenants=KeyTenants())
        try:
            if writing:
                return await database.run(partial(work, keys))
            async with database.snapshot() as session:
                return await work(keys, session)
        except (InvalidInput, NotFound) as refusal:
            raise ConfigError([f"{OPTIONS[(refusal.path or [])[-1]]}: {refusal.message}"]) from refusal

    return on_database(with_keys)


async def _create(
    keys: "ApiKeys",
    session: "Session",
    label: str,
    scopes: "Sequence[ApiScope]",
    organization: str | None,
    ends: datetime | None,
) -> "tuple[MadeKey, Organization | None]":
    from domain.scope import system

    tenant = None if organization is None else await _organization(session, organization)
    made = await keys.create(
        session,
        scope=system("command line"),
        label=label,
        scopes=scopes,
        organization_id=None if tenant is None else tenant.id,
        expires_at=ends,
    )
    return made, tenant


async def _list(
    keys: "ApiKeys", session: "Session", organization: str | None, *, everything: bool
) -> "tuple[Sequence[ApiKey], datetime]":
    from domain.db import Page, page_of
    from domain.identity import KeyState
    from domain.scope import system

    reading, now = keys.reading(system("command line")), datetime.now(UTC)
    tenant = None if organization is None else await _organization(session, organization)
    listing = reading.everything() if tenant is None else reading.of(tenant.id, role=None)
    found = await page_of(session, listing, Page(size=AT_ONCE))
    rows = [*found.rows]
    while found.has_next:
        last = rows[-1]
        found = await page_of(session, listing, Page(size=AT_ONCE, after=(last.created_at, last.id)))
        rows += found.rows
    return [row for row in rows if everything or row.state_at(now) is KeyState.LIVING], now


async def _revoke(keys: "ApiKeys", session: "Session", key: str) -> "ApiKey":
    from domain.scope import system

    return await keys.revoke(session, scope=system("command line"), api_key_id=key)


async def _organization(session: "Session", written: str) -> "Organization":
    """Find a living organization by its id or slug.

    Raises:
        NotFound: there is none.
    """
    from domain.ids import Prefix, prefix_of
    from domain.organizations import Reading
    from domain.scope import system

    reading = Reading(scope=system("command line"))
    named = {"id": written} if prefix_of(written) is Prefix.ORGANIZATION else {"slug": written}
    found = await reading.organization(session, **named)
    if found is None:
        raise NotFound("organization", path=["input", "organizationId"])
    return found


def _scopes(written: Sequence[str]) -> "list[ApiScope]":
    """Read scopes.

    Raises:
        ConfigError: one is none.
    """
    from domain.scope import ApiScope

    known = set(ApiScope)
    if wrong := [scope for scope in written if scope not in known]:
        raise ConfigError([f"--scope: {scope!r} is none of {', '.join(ApiScope)}" for scope in wrong])
    return [ApiScope(scope) for scope in written]


def _end(written: str | None) -> datetime | None:
    """Read when a key shall end.

    Raises:
        ConfigError: it is neither a number of days nor a date.
    """
    if written is None:
        return None
    try:
        if _DAYS.fullmatch(written) and int(written) <= MOST_DAYS:
            return datetime.now(UTC) + timedelta(days=int(written))
        found = datetime.fromisoformat(written)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        fault = f"--expires: {written!r} is neither 1 to {MOST_DAYS} days nor a date of ISO 8601"
        raise ConfigError([fault]) from None


def _document(row: "ApiKey") -> Mapping[str, Any]:
    """Give a key as JSON holds it: the API's names, instants in UTC."""
    return {
        "id": row.id,
        "label": row.label,
        "scopes": row.scopes_in_order,
        "organizationId": row.organization_id,
        "createdBy": row.created_by_id,
        "createdAt": _written(row.created_at),
        "lastUsedAt": _written(row.last_used_at),
        "expiresAt": _written(row.expires_at),
        "revokedAt": _written(row.revoked_at),
    }


def _cells(row: "ApiKey", *, now: datetime) -> tuple[str, ...]:
    scopes, whose = " ".join(row.scopes_in_order), row.organization_id or "the host"
    used, ends = (_written(at) or "never" for at in (row.last_used_at, row.expires_at))
    return row.id, row.label, whose, scopes, used, ends, row.state_at(now)


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
