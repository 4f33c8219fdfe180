"""What a denied guard answers, form by form: pure, without a gate."""

from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from domain.entitlements import Call, Forbid, OnDeny, Reason, Redirect, Respond
from domain.errors import ConfigError, InvalidInput
from graphql_api.denials import Form, find_function, read_form, respond
from graphql_api.requirements import Denial, GuardKind, Surface

DENIAL = Denial(
    guard=GuardKind.FEATURE,
    required="reports",
    reason=Reason.NOT_ENTITLED,
    billable=None,
    surface=Surface.ROUTE,
)
REQUEST = HTTPConnection({"type": "http", "headers": [(b"accept", b"text/html"), (b"accept", b"APPLICATION/JSON")]})
OPAQUE = (403, b'{"error":"forbidden"}')
number = 7


def upsell(request: HTTPConnection, denial: Denial) -> Response:
    return PlainTextResponse(f"buy {denial.required}", status_code=402)


async def slowly(request: HTTPConnection, denial: Denial) -> Response:
    return upsell(request, denial)


def failing(request: HTTPConnection, denial: Denial) -> Response:
    raise InvalidInput("reports need the plan team")


def silent(request: HTTPConnection, denial: Denial) -> None:
    """Forget to answer."""


@pytest.mark.parametrize(
    ("form", "read"),
    [
        (None, None),
        ("forbidden", Forbid()),
        (Redirect("/pricing"), Redirect("/pricing")),
        (Redirect("https://example.com/pricing"), Redirect("https://example.com/pricing")),
        ((402, ""), Respond(402, "")),
        ("app.denials:upsell", Call("app.denials", "upsell")),
        (upsell, upsell),
    ],
)
def test_every_form_is_read(form: Form | None, read: object) -> None:
    assert read_form(form) == read


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ("deny", 'on_deny: must be "forbidden", { redirect }, { status, body } or "module:function"'),
        (Redirect("//elsewhere.example"), "on_deny.redirect: must be a path that begins with one slash"),
        (Redirect("javascript:alert(1)"), "on_deny.redirect: must be a path that begins with one slash"),
        ((200, "fine"), "on_deny.status: must be a whole number from 400 to 599"),
        ((402, None), "on_deny.body: must be a text"),
        ((402,), "on_deny: a function of two arguments"),
        (lambda request: None, "on_deny: a function of two arguments"),
        (7, "on_deny: a function of two arguments"),
    ],
)
def test_what_is_no_form_is_refused(form: Any, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_form(form)

    assert refused.value.faults[0].startswith(fault)


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (Forbid(), OPAQUE),
        (Redirect("/pricing"), (302, b"")),
        (Respond(451, "gone"), (451, b"gone")),
        (Call(__name__, "upsell"), (402, b"buy reports")),
        (upsell, (402, b"buy reports")),
        (slowly, (402, b"buy reports")),
        (failing, OPAQUE),
        (silent, OPAQUE),
        (Call(__name__, "failing"), OPAQUE),
        (Call(__name__, "nothing"), OPAQUE),
    ],
)
async def test_each_form_answers_and_what_fails_is_opaque(form: OnDeny, answer: tuple[int, bytes]) -> None:
    found = await respond(form, REQUEST, DENIAL)

    assert (found.status_code, found.body) == answer


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (Call("no_such_module", "upsell"), "cannot be imported (ModuleNotFoundError)"),
        (Call(__name__, "nothing"), "cannot be imported (AttributeError)"),
        (Call(__name__, "number"), "is no function of two arguments"),
        (Call("json", "dumps"), "is no function of two arguments"),
    ],
)
def test_what_a_name_leads_to_is_checked(call: Call, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        find_function(call)

    assert refused.value.faults == [f"on_deny: {call.module}:{call.function} {fault}"]


def test_a_module_that_breaks_while_it_is_imported_is_a_fault_too(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "host_that_breaks.py").write_text("import os\nos.environ['NO_SUCH_NAME']\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigError, match=r"host_that_breaks:upsell cannot be imported \(KeyError\)"):
        find_function(Call("host_that_breaks", "upsell"))
