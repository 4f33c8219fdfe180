"""Who answers what customers have: the mirror, or the host; and what the host counts against it."""

from collections.abc import Collection
from functools import partial

from domain.clock import Clock
from domain.db import Database
from domain.entitlements import Catalog, Counting, Entitlements, Resolver, Rollout, check_resolver
from domain.errors import ConfigError
from domain.settings import Settings


def answering_of(
    settings: Settings,
    database: Database,
    clock: Clock,
    resolver: Resolver | None,
    counted: Collection[str],
) -> tuple[Rollout, Counting]:
    """Join a host's resolver and the keys that it counts with the catalog in force.

    Answers give up after half of what callbacks have, so that one that hangs refuses a seat before they do.

    Raises:
        ConfigError: the catalog is wrong, the resolver is none, or no plan declares what is counted.
    """
    rollout = Rollout.of(settings.catalog, database=database, clock=clock)
    if resolver is not None:
        check_resolver(resolver)
    keys = frozenset([counted] if isinstance(counted, str) else counted)
    rollout.widen(partial(_check_counted, keys))
    seconds = settings.callback_seconds / 2
    entitlements = Entitlements(
        database=database, clock=clock, in_force=rollout.in_force, resolver=resolver, seconds=seconds
    )
    return rollout, Counting(entitlements=entitlements, keys=keys)


def _check_counted(keys: Collection[str], catalog: Catalog) -> None:
    if faults := catalog.check_counted(keys):
        raise ConfigError(faults)
