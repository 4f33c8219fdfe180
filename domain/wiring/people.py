"""People and programs, wired: who they are, how they prove it, and how they go."""

from typing import NamedTuple

from domain.clock import Clock
from domain.db import Database
from domain.hooks import LifecycleHooks
from domain.identity import ApiKeys, AuthAdapter, Deletions, StepUp, Users
from domain.organizations import KeyTenants
from domain.settings import Settings


class People(NamedTuple):
    """The services of identity."""

    users: Users
    deletions: Deletions
    step_up: StepUp
    keys: ApiKeys


def people_of(
    settings: Settings, database: Database, clock: Clock, hooks: LifecycleHooks, auth: AuthAdapter | None
) -> People:
    """Let hooks look on when users come and go, keys know whose organizations live, and the adapter ask for proofs."""
    return People(
        users=Users(database=database, clock=clock, hooks=hooks, issuer=settings.jwt_issuer or ""),
        deletions=Deletions(database=database, clock=clock, hooks=hooks.on_delete, policy=settings.on_cancel_failure),
        step_up=StepUp(database=database, clock=clock, adapter=auth),
        keys=ApiKeys(database=database, clock=clock, tenants=KeyTenants()),
    )
