"""Who sees the operators' pages, and what everybody else is told."""

from typing import Any

import pytest

from domain.ids import Prefix, new
from tests.graphql_api.conftest import Serve
from tests.support import tables
from tests.support.adapters import Host
from tests.support.api import Api
from tests.support.operating import COOKIE, SITE, Browser, Page

MISSING = "/admin/customers/cst_00000000000070008000000000000000"
PAGES = ("/admin", "/admin?q=x", MISSING, f"{MISSING}?tab=entitlements", "/admin/anything/else")


def looks(page: Page) -> tuple[Any, ...]:
    """Give all that a stranger can tell two answers apart by."""
    headers = {name: value for name, value in page.response.headers.items() if name != "x-request-id"}
    return page.status, headers, page.source


async def test_who_has_not_signed_in_is_sent_there_from_every_page_alike(api: Api) -> None:
    acme = await api.organization()
    stranger, there = Browser(api=api, who=None), f"/admin/customers/{acme['customer']['id']}?tab=entitlements"

    async with tables.unchanged(api.services.database):
        found = [await stranger.get(path) for path in (*PAGES, there)]

    assert {page.status for page in found} == {303}
    assert {page.source for page in found} == {""}
    assert found[0].location == "/admin/sign-in?next=%2Fadmin"
    assert found[-1].location == (
        f"/admin/sign-in?next=%2Fadmin%2Fcustomers%2F{acme['customer']['id']}%3Ftab%3Dentitlements"
    )


async def test_who_is_no_administrator_is_told_the_same_of_what_is_there_and_what_is_not(api: Api) -> None:
    acme = await api.organization("ann")
    ann, there = Browser(api=api, who="ann"), f"/admin/customers/{acme['customer']['id']}"

    found = [await ann.get(path) for path in (*PAGES, there, f"{there}?tab=entitlements", "/admin?q=acme")]

    assert found[0].status == 403
    assert "These pages are for administrators." in found[0].text
    assert all(looks(page) == looks(found[0]) for page in found)


async def test_a_bearer_header_opens_the_pages_and_there_is_nothing_to_sign_out_of(api: Api) -> None:
    page = await Browser(api=api).get("/admin")

    assert page.status == 200
    assert "Ada" in page.text
    assert "Sign out" not in page.text


async def test_every_page_may_do_next_to_nothing_and_is_kept_nowhere(api: Api) -> None:
    ada, stranger = Browser(api=api), Browser(api=api, who=None)
    pages = [await ada.get("/admin"), await ada.get(MISSING), await stranger.get("/admin")]
    pages.append(await stranger.get("/admin/sign-in"))

    for page in pages:
        headers = page.response.headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-request-id"]
    assert [page.status for page in pages] == [200, 404, 303, 200]


@pytest.mark.parametrize("headers", [{"authorization": "Bearer a.b.c"}, {"cookie": f"{COOKIE}=a.b.c.d.e"}])
async def test_a_credential_that_proves_nothing_is_none(api: Api, headers: dict[str, str]) -> None:
    page = Page(response=await api.client.get(f"{SITE}/admin", headers=headers))

    assert (page.status, page.location) == (303, "/admin/sign-in?next=%2Fadmin")


async def test_a_user_who_is_gone_is_out_at_once(api: Api) -> None:
    browser = Browser(api=api, who=None)
    await browser.sign_in()
    assert (await browser.get("/admin")).status == 200

    gone = await api.do("deleteUser", "ada", "deletion { status }", userId=await api.user("ada"))
    page = await browser.get("/admin")

    assert gone["errors"] == []
    assert page.status == 303
    assert page.response.headers["set-cookie"].startswith(f'{COOKIE}="";')


async def test_a_host_s_own_people_need_no_form(serve: Serve) -> None:
    async with serve(auth=Host(admins={"Ada"})) as api:
        browser = Browser(api=api, who=None)
        ada, ann = [await browser.get("/admin", **{"x-guest": name}) for name in ("ada", "ann")]
        nobody, stranger = await browser.get("/admin", **{"x-guest": "nobody"}), await browser.get("/admin")

    assert (ada.status, "Ada" in ada.text, "Sign out" in ada.text) == (200, True, False)
    assert [page.status for page in (ann, nobody, stranger)] == [403, 303, 303]


async def test_the_files_of_the_pages_are_public_kept_for_ever_and_no_others_are_there(api: Api) -> None:
    page = await Browser(api=api).get("/admin")
    stranger = Browser(api=api, who=None)

    css = next(word for word in page.source.split('"') if word.endswith(".css"))
    style = await stranger.get(css)
    others = ("admin.css", "..%2fpages.py", "%2fetc%2fpasswd", "x")
    missing = [await stranger.get(f"/admin/assets/{name}") for name in others]

    assert style.response.headers["content-type"] == "text/css; charset=utf-8"
    assert style.response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "prefers-color-scheme: dark" in style.source
    assert {each.status for each in missing} <= {303, 404}


async def test_without_its_database_nobody_is_let_in(api: Api) -> None:
    await tables.execute(api.services.database, "DROP TABLE users")

    page = await Browser(api=api).get("/admin")

    assert (page.status, page.response.headers["retry-after"]) == (503, "1")
    assert "The service cannot answer right now." in page.text


async def test_an_id_that_is_none_names_no_customer(api: Api) -> None:
    ada, other = Browser(api=api), new(Prefix.ORGANIZATION, at=api.clock.now())

    found = [await ada.get(f"/admin/customers/{id}") for id in ("x", "%00", "cst_", other, MISSING[-36:])]

    assert {page.status for page in found} == {404}
    assert {page.text for page in found} == {"Nothing here There is no such customer. All customers"}
