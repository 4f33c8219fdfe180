"""What each plan gives, as the operator wrote it: TOML in, one frozen value out, every fault at once.

No customer, no clock and no database enter here, and what `on_deny` names is not imported here.
"""

from domain.entitlements.catalog.denying import read_on_deny
from domain.entitlements.catalog.documents import decode, encode
from domain.entitlements.catalog.parsing import parse, read
from domain.entitlements.catalog.values import (
    GREATEST,
    UNLIMITED,
    Call,
    Catalog,
    Default,
    Forbid,
    Limit,
    Merge,
    OnDeny,
    Plan,
    Redirect,
    Respond,
    UnmappedAction,
)

__all__ = [
    "GREATEST",
    "UNLIMITED",
    "Call",
    "Catalog",
    "Default",
    "Forbid",
    "Limit",
    "Merge",
    "OnDeny",
    "Plan",
    "Redirect",
    "Respond",
    "UnmappedAction",
    "decode",
    "encode",
    "parse",
    "read",
    "read_on_deny",
]
