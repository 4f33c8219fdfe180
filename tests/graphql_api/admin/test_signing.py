"""Signing in and out of the operators' pages."""

import pytest

from graphql_api.admin.signing import MOST_TRIES, local
from tests.support import tables
from tests.support.api import Api
from tests.support.operating import COOKIE, SITE, Browser, Page

WANTED = "/admin/customers/cst_1?tab=entitlements"


async def test_a_token_in_the_form_opens_the_page_that_was_wanted(api: Api) -> None:
    browser, acme = Browser(api=api, who=None), await api.organization()
    wanted = f"/admin/customers/{acme['customer']['id']}"
    await api.user("ada")

    async with tables.unchanged(api.services.database):
        form = await browser.get(f"/admin/sign-in?next={wanted}")
        signed_in = await browser.sign_in(next=wanted)
        page = await browser.get(wanted)

    assert f'<input type="hidden" name="next" value="{wanted}">' in form.source
    assert (signed_in.status, signed_in.location) == (303, wanted)
    assert page.status == 200
    assert ("Ada" in page.text, "Sign out" in page.text) == (True, True)
    assert api.token("ada") not in signed_in.response.headers["set-cookie"]


async def test_the_word_bearer_may_stand_before_the_token(api: Api) -> None:
    signed_in = await Browser(api=api, who=None).sign_in(f" Bearer {api.token('ada')} ")

    assert (signed_in.status, signed_in.location) == (303, "/admin")


async def test_a_session_ends_with_its_token(api: Api) -> None:
    browser = Browser(api=api, who=None)
    await browser.sign_in()

    api.clock.forward(minutes=59)
    assert (await browser.get("/admin")).status == 200
    api.clock.forward(minutes=1)
    assert (await browser.get("/admin")).status == 303


async def test_who_signs_out_is_out(api: Api) -> None:
    browser = Browser(api=api, who=None)
    await browser.sign_in()

    out = await browser.send("/admin/sign-out")

    assert (out.status, out.location) == (303, "/admin/sign-in")
    assert COOKIE not in api.client.cookies
    assert (await browser.get("/admin")).status == 303


@pytest.mark.parametrize(
    ("token", "status", "told"),
    [
        ("", 401, "This token opens nothing."),
        ("a.b.c", 401, "This token opens nothing."),
        ("two words", 401, "This token opens nothing."),
        ("x" * 9000, 401, "This token opens nothing."),
        ("x" * 20_000, 400, "This form cannot be read."),
    ],
)
async def test_a_token_that_proves_nothing_shows_the_form_again(api: Api, token: str, status: int, told: str) -> None:
    browser = Browser(api=api, who=None)

    async with tables.unchanged(api.services.database):
        page = await browser.send("/admin/sign-in", token=token)

    assert (page.status, told in page.text) == (status, True)
    assert "set-cookie" not in page.response.headers


async def test_the_token_of_who_is_no_administrator_is_not_kept(api: Api) -> None:
    page = await Browser(api=api, who=None).sign_in(api.token("ann"), next=WANTED)

    assert (page.status, "not an administrator's" in page.text) == (403, True)
    assert f'value="{WANTED}"' in page.source
    assert "set-cookie" not in page.response.headers


@pytest.mark.parametrize("path", ["/admin/sign-in", "/admin/sign-out"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": f"{SITE}.evil.example"},
        {"origin": SITE, "sec-fetch-site": "cross-site"},
        {"origin": SITE, "sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(api: Api, path: str, headers: dict[str, str]) -> None:
    browser = Browser(api=api, who=None)

    async with tables.unchanged(api.services.database):
        page = await browser.send(path, headers, token=api.token("ada"))

    assert page.status == 403
    assert "set-cookie" not in page.response.headers


async def test_tries_are_limited_and_those_that_succeed_are_not_counted(api: Api) -> None:
    browser = Browser(api=api, who=None)
    for _ in range(3):
        assert (await browser.sign_in()).status == 303
    tried = [(await browser.sign_in("a.b.c")).status for _ in range(MOST_TRIES)]

    refused = await browser.sign_in()

    assert set(tried) == {401}
    assert (refused.status, refused.response.headers["retry-after"]) == (429, "60")
    assert "Too many tries" in refused.text
    api.clock.forward(minutes=1)
    assert (await browser.sign_in()).status == 303


async def test_a_place_to_go_to_that_is_not_ours_is_not_gone_to(api: Api) -> None:
    browser = Browser(api=api, who=None)

    form = await browser.get("/admin/sign-in?next=https%3A%2F%2Fevil.example%2F%22%3E%3Cb%3E")
    signed_in = await browser.sign_in(next="//evil.example")

    assert "evil" not in form.source
    assert signed_in.location == "/admin"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://evil.example/admin",
        "//evil.example/admin",
        "/\\evil.example",
        "/admin\\..\\x",
        "/administration",
        "/graphql",
        "/admin/ x",
        "/admin/\nx",
        "/admin/\x00",
        "/admin/" + "x" * 3000,
    ],
)
def test_only_an_address_of_these_pages_is_one(address: str) -> None:
    assert local(address) == "/admin"
    assert local(None) == "/admin"
    assert local(WANTED) == WANTED


async def test_signing_in_and_out_are_the_only_forms_that_are_sent(api: Api) -> None:
    acme = await api.organization()
    browser, pages = Browser(api=api, who=None), list[Page]()
    await browser.sign_in()

    for path in ("/admin", f"/admin/customers/{acme['customer']['id']}"):
        pages.append(await browser.get(path))
        assert (await browser.send(path)).status == 405
    pages.append(await browser.entitlements(acme["customer"]["id"]))

    forms = {line for page in pages for line in page.source.splitlines() if 'method="post"' in line}
    assert forms == {'<form action="/admin/sign-out" method="post"><button class="quiet">Sign out</button></form>'}
