"""Answers to single questions about what a customer has, and why: pure functions over what was resolved."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.entitlements.catalog import Catalog
from domain.entitlements.resolver import Resolved


class Reason(StrEnum):
    """Why an answer is what it is; a closed list."""

    ENTITLED = "entitled"
    PAST_DUE_GRACE = "past_due_grace"
    NOT_ENTITLED = "not_entitled"
    NO_ACTIVE_SUBSCRIPTION = "no_active_subscription"
    UNMAPPED_PLAN = "unmapped_plan"
    PAST_DUE_EXPIRED = "past_due_expired"
    ERROR = "error"


GRANTING = frozenset({Reason.ENTITLED, Reason.PAST_DUE_GRACE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer. `feature` is what was asked for; `valid_until` is inclusive, None: nothing is due."""

    feature: str
    reason: Reason
    valid_until: datetime | None

    @property
    def granted(self) -> bool:
        """Say yes or no."""
        return self.reason in GRANTING


def decide_feature(resolved: Resolved, feature: str) -> Decision:
    """Say whether the customer has a feature, and why; an unknown feature is one that it does not have."""
    if feature in resolved.features:
        reason = Reason.PAST_DUE_GRACE if feature in resolved.grace_features else Reason.ENTITLED
    elif resolved.expired_grace_plans:
        reason = Reason.PAST_DUE_EXPIRED
    else:
        reason = _refusal(resolved)
    if reason is Reason.ENTITLED and feature in resolved.override_ends:
        return Decision(feature=feature, reason=reason, valid_until=resolved.override_ends[feature])
    return _decision(resolved, feature, reason)


def decide_plan(resolved: Resolved, catalog: Catalog, plan_or_price: str) -> Decision:
    """Say whether the customer holds a plan, named by itself or by one of its prices, and why.

    A name that the catalog does not know is unmapped_plan. A plan held both by an entitling row and by one in grace is
    told as past_due_grace: granted, with the earlier end.
    """
    plan = catalog.find_plan(plan_or_price)
    if plan is None:
        reason = Reason.ERROR if resolved.failed else Reason.UNMAPPED_PLAN
    elif plan.name in resolved.plans:
        reason = Reason.PAST_DUE_GRACE if plan.name in resolved.grace_plans else Reason.ENTITLED
    elif plan.name in resolved.expired_grace_plans:
        reason = Reason.PAST_DUE_EXPIRED
    else:
        reason = _refusal(resolved)
    return _decision(resolved, plan_or_price, reason)


def failed(feature: str) -> Decision:
    """Give the answer of a resolution that did not succeed: no, because of an error."""
    return Decision(feature=feature, reason=Reason.ERROR, valid_until=None)


def quantity(resolved: Resolved, key: str) -> int:
    """Count how many of something the customer may have: 0 when nothing gives any, UNLIMITED when there is no end."""
    return resolved.quantities.get(key, 0)


def reason_of_features(resolved: Resolved) -> Reason:
    """Say why a customer has the features that it has, or none; never a reason of grace."""
    if resolved.failed:
        return Reason.ERROR
    return Reason.ENTITLED if resolved.plans or resolved.features else Reason.NO_ACTIVE_SUBSCRIPTION


def reason_of_quantity(resolved: Resolved, key: str) -> Reason:
    """Say why a customer may have so many of something; what it is given is entitled, even if that is 0."""
    return _refusal(resolved) if resolved.failed or key not in resolved.quantities else Reason.ENTITLED


def revision(resolved: Resolved, catalog: Catalog) -> str:
    """Digest every answer that can be read from `resolved`, with the catalog's version: equal digests, equal answers.

    `valid_until` is among the answers, so that whoever keeps them learns of an earlier end.
    """
    answers = (
        catalog.version,
        resolved.failed,
        sorted(resolved.plans),
        sorted(resolved.grace_plans),
        sorted(resolved.expired_grace_plans),
        sorted(resolved.features),
        sorted(resolved.grace_features),
        sorted((feature, _written(end)) for feature, end in resolved.override_ends.items()),
        sorted(resolved.quantities.items()),
        _written(resolved.fresh_until),
        _written(resolved.turns_at),
        _written(resolved.valid_until),
    )
    return hashlib.sha256(repr(answers).encode()).hexdigest()


def _written(instant: datetime | None) -> str:
    return "" if instant is None else instant.isoformat()


def _refusal(resolved: Resolved) -> Reason:
    """Say why something is not granted when no expired grace explains it."""
    if resolved.failed:
        return Reason.ERROR
    return Reason.NOT_ENTITLED if resolved.plans else Reason.NO_ACTIVE_SUBSCRIPTION


def _decision(resolved: Resolved, asked: str, reason: Reason) -> Decision:
    """Date the answer: only staleness takes away what an entitling row or the default gives.

    Any other answer may turn at the first instant at which rows do, even a refusal: when the last plan goes, the
    default comes.
    """
    until = resolved.fresh_until if reason is Reason.ENTITLED else resolved.turns_at
    return Decision(feature=asked, reason=reason, valid_until=until)
