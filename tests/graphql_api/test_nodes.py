"""nodes(ids): many objects at once, each at its place."""

from tests.support.api import Api
from tests.support.statements import statements

NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def test_each_stands_at_the_place_of_its_id_and_null_where_it_is_missing_or_anothers(api: Api) -> None:
    own, others = await api.organization("ann"), await api.organization("bob")
    ids = [others["id"], own["id"], "nonsense", own["customer"]["id"], own["id"], own["memberships"]["nodes"][0]["id"]]

    found = (await api.ask(NODES, "ann", ids=ids)).data["nodes"]

    assert found == [
        None,
        {"__typename": "Organization", "id": ids[1]},
        None,
        {"__typename": "Customer", "id": ids[3]},
        {"__typename": "Organization", "id": ids[1]},
        {"__typename": "Membership", "id": ids[5]},
    ]


async def test_a_hundred_are_read_in_one_statement_and_one_more_is_refused(api: Api) -> None:
    id = (await api.organization())["id"]
    ids = [id, *(f"org_{number:032x}" for number in range(99))]

    with statements(api.services.database) as sent:
        found = (await api.ask(NODES, "ann", ids=ids)).data["nodes"]
    refused = await api.ask(NODES, "ann", ids=[*ids, id])

    assert found == [{"__typename": "Organization", "id": id}, *[None] * 99]
    assert len([statement for statement in sent if "FROM organizations" in statement]) == 1
    assert refused.codes == ["BAD_USER_INPUT"]
    assert refused.body["data"] == {"nodes": None}


async def test_none_are_none(api: Api) -> None:
    assert (await api.ask(NODES, "ann", ids=[])).data == {"nodes": []}
