"""The list of customers, and finding one by whatever a support case begins with."""

import re

from domain.billing import Owner, OwnerKind, create_customer
from graphql_api.admin.listing import PAGE_SIZE
from tests.support.api import Api
from tests.support.operating import Browser, Page
from tests.support.statements import statements


def listed(page: Page) -> list[str]:
    return re.findall(r'<a class="name" href="/admin/customers/(cst_[0-9a-f]{32})">', page.source)


def linked(page: Page, rel: str) -> str | None:
    found = re.search(rf'href="([^"]+)" rel="{rel}"', page.source)
    return found and found[1]


async def crowd(api: Api, number: int) -> list[str]:
    """Make customers of nobody any more, a second after each other, and name them newest first."""
    made: list[str] = []
    async with api.services.database.transaction() as session:
        for each in range(number):
            at = api.clock.forward(seconds=1)
            owner = Owner(kind=OwnerKind.ORGANIZATION, id=f"org_{each:032x}")
            made.append((await create_customer(session, owner=owner, at=at)).id)
    return made[::-1]


async def test_customers_are_listed_newest_first_a_page_at_a_time(either: Api) -> None:
    browser = Browser(api=either)
    [ada] = listed(await browser.get("/admin"))
    made = await crowd(either, PAGE_SIZE + 1)

    first = await browser.get("/admin")
    second = await browser.get(linked(first, "next") or "")
    back = await browser.get(linked(second, "prev") or "")

    assert listed(first) == made[:PAGE_SIZE]
    assert listed(second) == [made[PAGE_SIZE], ada]
    assert listed(back) == listed(first)
    assert (linked(first, "prev"), linked(second, "next"), linked(back, "prev")) == (None, None, None)
    assert "Nobody any more organization gone" in first.text


async def test_a_longer_list_asks_the_database_no_more_often(api: Api) -> None:
    browser = Browser(api=api)
    await browser.get("/admin")
    with statements(api.services.database) as few:
        await browser.get("/admin")
    await crowd(api, 20)

    with statements(api.services.database) as many:
        page = await browser.get("/admin")

    assert len(listed(page)) == 21
    assert len(many) == len(few)


async def test_each_line_tells_what_the_customer_has(api: Api) -> None:
    team, late, old = [await api.organization(name, name.title()) for name in ("team", "late", "olden")]
    await api.holds(team["customer"])
    await api.holds(late["customer"], "price_pro_monthly", status="past_due")
    await api.holds(old["customer"], "price_of_2019")

    page = (await Browser(api=api).get("/admin")).text

    assert "Team organization team team cst_" in page
    assert "Late organization late pro · grace cst_" in page
    assert "Olden organization olden none 1 unmapped cst_" in page


async def test_a_customer_is_found_by_every_name_that_it_has(api: Api) -> None:
    acme = await api.organization("ann", "Acme")
    await api.holds(acme["customer"])
    [row] = await api.rows("billing_subscriptions")
    bob, browser = await api.user("bob"), Browser(api=api)

    places = [
        (await browser.get(f"/admin?q={words}")).location
        for words in (acme["customer"]["id"], acme["id"], acme["slug"], f"%20{acme['slug']}%20", row.id)
    ]
    by_account = await browser.get(f"/admin?q=cus_{acme['customer']['id']}")
    of_bob = [await browser.get(f"/admin?q={words}") for words in (bob, "bob@example.com", "BOB%40example.com")]

    assert set(places) == {f"/admin/customers/{acme['customer']['id']}"}
    assert by_account.location == places[0]
    assert len({page.location for page in of_bob}) == 1
    assert "Bob user" in (await browser.get(of_bob[0].location or "")).text


async def test_an_address_finds_the_person_and_the_organizations_they_belong_to(api: Api) -> None:
    acme = await api.organization("ann", "Acme")

    page = await Browser(api=api).get("/admin?q=ann@example.com")

    assert page.status == 200
    assert "2 customers for ann@example.com" in page.text
    assert len(listed(page)) == 2
    assert listed(page)[1] == acme["customer"]["id"]


async def test_words_that_name_nobody_find_nobody(either: Api) -> None:
    browser = Browser(api=either)
    words = (
        "nobody",
        "no@body.example",
        "%00",
        "a%00@b",
        "cst_" + "0" * 32,
        "org_" + "0" * 32,
        "x" * 300,
        "%ff",
        "%25",
    )

    found = [await browser.get(f"/admin?q={each}") for each in (*words, "aud_" + "0" * 32)]

    assert {page.status for page in found} == {200}
    assert all("No customers for" in page.text and listed(page) == [] for page in found)


async def test_a_place_in_the_list_that_we_did_not_give_is_refused(api: Api) -> None:
    browser = Browser(api=api)

    found = [await browser.get(f"/admin?{name}={value}") for name in ("after", "before") for value in ("x", "%00", "")]

    assert {page.status for page in found} == {400}
