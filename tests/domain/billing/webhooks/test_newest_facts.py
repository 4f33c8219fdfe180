"""The fact that was heard last of each subscription, in the order of the fold."""

from domain.billing import facts_of, newest_facts
from tests.domain.billing.processors import stripe_json
from tests.support.billing import Mirror, subscriptions


async def test_the_newest_fact_is_the_last_of_the_fold_whatever_arrived_last(mirror: Mirror) -> None:
    now = int(mirror.clock.now().timestamp())
    told = [("sub_1", "evt_b", "updated", 0), ("sub_1", "evt_a", "updated", 0), ("sub_1", "evt_c", "created", 0)]
    told += [("sub_2", "evt_f", "updated", 2), ("sub_2", "evt_d", "updated", 1), ("sub_2", "evt_e", "deleted", 2)]
    for subscription, event, kind, late in told:
        state = stripe_json.subscription(id=subscription)
        type_ = f"customer.subscription.{kind}"
        await mirror.post(id=event, type=type_, created=now + late, data={"object": state})
    rows = await subscriptions(mirror.database)

    async with mirror.database.snapshot() as session:
        found = await newest_facts(session, [row.id for row in rows])
        last = [facts[-1].event_id for facts in (await facts_of(session, [row.id for row in rows])).values()]

    assert [found[row.id].event_id for row in rows] == last == ["evt_b", "evt_e"]
