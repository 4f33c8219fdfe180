"""Reads what a denied guard answers, in the catalog's own words. What is named here is imported by nobody here."""

import re

from domain.entitlements.catalog.checks import Checks, Node
from domain.entitlements.catalog.values import Call, Forbid, OnDeny, Redirect, Respond
from domain.errors import ConfigError

_ADDRESS = re.compile(r"(/(?![/\\])|https?://)[!-~]*")
_FUNCTION = re.compile(r"((?:[^\W\d]\w*\.)*[^\W\d]\w*):([^\W\d]\w*)")


def read_on_deny(value: object) -> OnDeny:
    """Read one form by itself, as a guard brings it: a text, or a table of `redirect`, or of `status` and `body`.

    Raises:
        ConfigError: with every fault of it.
    """
    checks = Checks()
    found = on_deny(checks, Node(value, "on_deny"))
    if checks.faults:
        raise ConfigError(checks.faults)
    return found


def on_deny(checks: Checks, node: Node | None) -> OnDeny:
    """Read the form that stands at a node; absent, it is the opaque answer."""
    if node is None or node.value == "forbidden":
        return Forbid()
    if isinstance(node.value, dict):
        return _table(checks, node)
    match = checks.matching(node, _FUNCTION, '"forbidden", { redirect }, { status, body } or "module:function"')
    return Call(match[1], match[2]) if match else Forbid()


def _table(checks: Checks, node: Node) -> OnDeny:
    """Read `redirect`, or `status` and `body`."""
    if isinstance(node.value, dict) and "redirect" in node.value:
        path = checks.table(node, {"redirect"})["redirect"]
        match = checks.matching(path, _ADDRESS, "a path that begins with one slash, or an http address")
        return Redirect(match[0]) if match else Forbid()
    keys = checks.table(node, {"status", "body"})
    for key in sorted({"status", "body"} - keys.keys()):
        checks.fault(node, f"must have {key}, or redirect alone")
    return Respond(
        status=checks.number(keys.get("status"), 403, least=400, most=599),
        body=_body(checks, keys.get("body")),
    )


def _body(checks: Checks, node: Node | None) -> str:
    """Read a body, which may be empty."""
    if node is not None and isinstance(node.value, str) and "\0" not in node.value:
        return node.value
    if node is not None:
        checks.fault(node, "must be a text")
    return ""
