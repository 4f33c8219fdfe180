"""driftReport and reconcileCustomer, as administrators and everybody else see them."""

from typing import Any

from sqlalchemy import select

from domain.billing import BillingSubscription, Status
from tests.graphql_api.conftest import Serve
from tests.support.api import Api, user_error

SELECT = "customer { id } drifts { kind access keys processor processorId since healedAt customer { id } }"
REPORT = """query($kinds: [DriftKind!], $first: Int, $after: String) { driftReport { finishedAt customersChecked
  drifts(kinds: $kinds, first: $first, after: $after) { nodes { kind access processorId } edges { cursor }
  pageInfo { hasNextPage } } } }"""


async def bought(api: Api) -> str:
    """Let an organization buy; gives its customer."""
    organization = await api.organization()
    customer: str = organization["customer"]["id"]
    items = [{"priceId": "price_pro_monthly", "quantity": 1}]
    await api.do("subscribe", "ann", "subscription { id }", customerId=customer, items=items)
    await api.settled()
    return customer


async def spoil(api: Api) -> None:
    """Let somebody write into the mirror past its facts."""
    async with api.services.database.transaction() as session:
        row = (await session.execute(select(BillingSubscription))).scalar_one()
        row.status, row.state = Status.CANCELED, row.state | {"status": "canceled"}


async def test_an_administrator_has_a_customer_compared_and_reads_the_report(api: Api) -> None:
    customer = await bought(api)
    await api.compared()
    await spoil(api)
    await api.services.reconciling.everything(report_only=True)

    done: Any = await api.do("reconcileCustomer", "ada", SELECT, customerId=customer)
    report = (await api.ask(REPORT, "ada")).data["driftReport"]

    [drift] = done["drifts"]
    assert (drift["kind"], drift["access"]) == ("EDITED_ELSEWHERE", "WRONGLY_WITHHELD")
    assert drift["customer"] == done["customer"] == {"id": customer}
    assert drift["healedAt"] is not None
    assert "seats" in drift["keys"]
    assert report["customersChecked"] == 1
    assert [node["kind"] for node in report["drifts"]["nodes"]] == ["EDITED_ELSEWHERE"]
    none = (await api.ask(REPORT, "ada", kinds=["WRONG_QUANTITY"])).data["driftReport"]
    assert none["drifts"]["nodes"] == []


async def test_nobody_else_may_do_either(api: Api) -> None:
    customer = await bought(api)
    before = await api.everything()

    compared = await api.try_to("reconcileCustomer", "ann", SELECT, customerId=customer)
    read = await api.ask(REPORT, "ann")

    assert compared.codes == read.codes == ["FORBIDDEN"]
    assert await api.everything() == before


async def test_a_customer_who_is_not_there_is_an_error_of_the_payload(api: Api) -> None:
    await api.user("ada")
    before = await api.everything()

    done: Any = await api.do("reconcileCustomer", "ada", SELECT, customerId="cst_0")

    missing = user_error("NotFound", "NOT_FOUND", "There is no such customer.", "input", "customerId")
    assert done == {"customer": None, "drifts": None, "errors": [missing]}
    assert await api.everything() == before


async def test_without_any_finished_run_there_is_no_report(serve: Serve) -> None:
    # Without a worker nobody compares anything when the server starts.
    async with serve(worker=False) as api:
        before = (await api.ask(REPORT, "ada")).data
        await api.services.reconciling.everything()
        after = (await api.ask(REPORT, "ada")).data

    assert before == {"driftReport": None}
    assert after["driftReport"]["customersChecked"] == 0
