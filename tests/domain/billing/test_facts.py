from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing.facts import ANSWERED, Fact, FactSource, Folded, decode, encode, fold, rank_of
from domain.billing.lifecycle import lesser, past_due, terminal
from domain.billing.states import Item, PauseBehavior, PauseCollection, Status, SubscriptionState

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def state(status: Status = Status.ACTIVE, quantity: int | None = 1, price: str = "price_pro") -> SubscriptionState:
    return SubscriptionState(
        status=status, items=(Item(processor_id=f"si_{price}", price_id=price, quantity=quantity),)
    )


def event(id: str, seconds: float, said: SubscriptionState, *, kind: str = "updated", sequence: int = 0) -> Fact:
    name = f"customer.subscription.{kind}"
    return Fact(
        source=FactSource.EVENT,
        type=name,
        event_id=id,
        rank=rank_of(name),
        occurred_at=at(seconds),
        sequence=sequence,
        state=said,
    )


def answer(
    id: str, seconds: float, said: SubscriptionState, *, sequence: int, source: FactSource = FactSource.FETCH
) -> Fact:
    return Fact(
        source=source,
        type=None,
        event_id=id,
        rank=ANSWERED,
        occurred_at=at(seconds),
        sequence=sequence,
        state=said,
    )


def arriving(facts: Sequence[Fact]) -> list[Fact]:
    return [replace(fact, sequence=number) for number, fact in enumerate(facts)]


ACTIVE, PAST_DUE, UNPAID, CANCELED = (
    state(status) for status in (Status.ACTIVE, Status.PAST_DUE, Status.UNPAID, Status.CANCELED)
)


class TestOrder:
    def test_the_rank_is_created_then_others_then_deleted_then_answers(self) -> None:
        kinds = ["customer.subscription.created", "customer.subscription.paused", "customer.subscription.deleted", None]

        assert [rank_of(kind) for kind in kinds] == [0, 1, 2, 3]

    def test_nothing_known_is_no_state(self) -> None:
        with pytest.raises(ValueError, match="nothing is known"):
            fold([])

    def test_every_permutation_of_a_story_with_duplicates_and_a_tie_folds_the_same(self) -> None:
        story = [
            event("evt_1", 0, state(quantity=1), kind="created"),
            event("evt_2", 60, state(quantity=7)),
            event("evt_3", 60, PAST_DUE),
            event("evt_4", 30, PAST_DUE),
        ]
        duplicate = story[1]

        folded = {repr(fold(arriving(order))) for order in permutations([*story, duplicate])}

        assert folded == {
            repr(
                Folded(
                    state=lesser(state(quantity=7), PAST_DUE),
                    past_due_since=at(30),
                    last_fact_at=at(60),
                    fetch_owed=True,
                )
            )
        }

    def test_every_permutation_of_a_story_that_ends_folds_to_its_end(self) -> None:
        story = [
            event("evt_1", 0, ACTIVE, kind="created"),
            event("evt_2", 60, PAST_DUE),
            event("evt_3", 60, UNPAID),
            event("evt_4", 60, CANCELED, kind="deleted"),
            event("evt_2", 60, PAST_DUE),
        ]

        folded = {repr(fold(arriving(order))) for order in permutations(story)}

        assert folded == {repr(Folded(state=CANCELED, past_due_since=None, last_fact_at=at(60), fetch_owed=False))}

    def test_within_one_second_a_change_follows_the_creation_and_the_deletion_follows_both(self) -> None:
        created = event("evt_z", 0, state(quantity=1), kind="created")
        changed = event("evt_y", 0, state(quantity=2))
        deleted = event("evt_a", 0, CANCELED, kind="deleted")

        assert fold([changed, created]).state == state(quantity=2)
        assert fold([deleted, changed, created]).state == CANCELED

    def test_ids_are_ordered_by_their_bytes(self) -> None:
        upper, lower = event("evt_Z", 0, ACTIVE, kind="created"), event("evt_a", 0, UNPAID, kind="created")

        assert fold([lower, upper]).state == UNPAID

    def test_items_are_replaced_and_never_merged(self) -> None:
        swapped = fold([event("evt_1", 0, state(price="price_pro")), event("evt_2", 1, state(price="price_team"))])

        assert [item.price_id for item in swapped.state.items] == ["price_team"]


class TestAmbiguity:
    def test_two_different_changes_in_one_second_owe_a_fetch_and_the_smaller_counts(self) -> None:
        folded = fold([event("evt_1", 0, state(quantity=5)), event("evt_2", 0, state(quantity=3))])

        assert folded.fetch_owed
        assert folded.state.items[0].quantity == 3

    def test_two_equal_changes_in_one_second_are_not_ambiguous(self) -> None:
        assert not fold([event("evt_1", 0, ACTIVE), event("evt_2", 0, ACTIVE)]).fetch_owed

    def test_a_creation_and_a_change_in_one_second_are_not_ambiguous(self) -> None:
        assert not fold([event("evt_1", 0, ACTIVE, kind="created"), event("evt_2", 0, PAST_DUE)]).fetch_owed

    @pytest.mark.parametrize(
        "settling",
        [
            event("evt_3", 1, ACTIVE),
            event("evt_3", 0, CANCELED, kind="deleted"),
            answer("whe_3", 0.5, ACTIVE, sequence=9),
        ],
    )
    def test_what_is_known_later_settles_an_ambiguous_second(self, settling: Fact) -> None:
        folded = fold([event("evt_1", 0, state(quantity=5)), event("evt_2", 0, UNPAID), settling])

        assert folded.state == settling.state
        assert not folded.fetch_owed

    def test_a_change_in_the_second_of_the_end_cannot_undo_it_but_owes_a_fetch(self) -> None:
        folded = fold([event("evt_1", 0, CANCELED), event("evt_2", 0, ACTIVE)])

        assert terminal(folded.state)
        assert folded.fetch_owed

    def test_an_ended_second_stays_ambiguous_when_only_ignored_events_follow(self) -> None:
        folded = fold([event("evt_1", 0, CANCELED), event("evt_2", 0, ACTIVE), event("evt_3", 9, ACTIVE)])

        assert terminal(folded.state)
        assert folded.fetch_owed


class TestAnswers:
    @pytest.mark.parametrize("source", [FactSource.FETCH, FactSource.COMMAND])
    def test_an_answer_counts_at_the_time_of_its_request(self, source: FactSource) -> None:
        told = event("evt_1", 10, ACTIVE, sequence=1)
        answered = answer("whe_1", 20.5, PAST_DUE, sequence=2, source=source)

        folded = fold([told, answered])

        assert folded == Folded(state=PAST_DUE, past_due_since=at(20.5), last_fact_at=at(20.5), fetch_owed=False)

    @pytest.mark.parametrize(("seconds", "owed"), [(94, False), (95, False), (96, True), (101, True), (9999, True)])
    def test_an_event_that_arrives_after_an_answer_owes_a_fetch_unless_it_is_5_seconds_older(
        self, seconds: float, owed: bool
    ) -> None:
        answered, late = answer("whe_1", 100, ACTIVE, sequence=1), event("evt_1", seconds, ACTIVE, sequence=2)

        assert fold([answered, late]).fetch_owed is owed

    def test_an_event_that_had_arrived_before_the_answer_owes_nothing(self) -> None:
        assert not fold([answer("whe_1", 100, ACTIVE, sequence=2), event("evt_1", 99, ACTIVE, sequence=1)]).fetch_owed

    def test_a_duplicate_that_arrives_after_the_answer_owes_nothing(self) -> None:
        first = event("evt_1", 99, ACTIVE, sequence=1)
        again = replace(first, sequence=3)

        assert not fold([again, answer("whe_1", 100, ACTIVE, sequence=2), first]).fetch_owed

    def test_the_owed_fetch_is_settled_by_a_later_answer(self) -> None:
        known = [answer("whe_1", 100, ACTIVE, sequence=1), event("evt_1", 101, PAST_DUE, sequence=2)]

        settled = fold([*known, answer("whe_2", 102, PAST_DUE, sequence=3)])

        assert fold(known).fetch_owed
        assert not settled.fetch_owed
        assert settled.past_due_since == at(101)

    def test_an_answer_hidden_by_a_slow_clock_of_ours_owes_another(self) -> None:
        folded = fold([event("evt_1", 100, ACTIVE, sequence=1), answer("whe_1", 97, PAST_DUE, sequence=2)])

        assert folded.state == ACTIVE
        assert folded.fetch_owed


class TestTheEnd:
    @pytest.mark.parametrize("end", [CANCELED, state(Status.INCOMPLETE_EXPIRED), replace(ACTIVE, ended_at=at(0))])
    def test_no_event_leads_out_of_a_terminal_state(self, end: SubscriptionState) -> None:
        folded = fold([event("evt_1", 0, end), event("evt_2", 99, ACTIVE)])

        assert folded.state == end
        assert folded.last_fact_at == at(99)

    def test_an_answer_to_a_request_sent_after_the_end_leads_out(self) -> None:
        assert fold([event("evt_1", 0, CANCELED), answer("whe_1", 1, ACTIVE, sequence=1)]).state == ACTIVE

    def test_an_answer_from_the_very_second_of_the_end_does_not_lead_out_and_owes_another(self) -> None:
        folded = fold([event("evt_1", 0, CANCELED), answer("whe_1", 0.9, ACTIVE, sequence=1)])

        assert folded.state == CANCELED
        assert folded.fetch_owed

    def test_an_earlier_answer_does_not_lead_out(self) -> None:
        assert fold([answer("whe_1", -60, ACTIVE, sequence=1), event("evt_1", 0, CANCELED)]).state == CANCELED

    def test_an_event_about_the_end_itself_still_counts(self) -> None:
        final = replace(CANCELED, ended_at=at(0))

        assert fold([event("evt_1", 0, CANCELED), event("evt_2", 5, final)]).state == final


class TestPastDueSince:
    def test_it_is_the_first_of_the_unbroken_run(self) -> None:
        told = [event("evt_1", 0, PAST_DUE), event("evt_2", 5, ACTIVE), event("evt_3", 9, PAST_DUE)]

        folded = fold([*told, event("evt_4", 20, replace(PAST_DUE, cancel_at_period_end=True))])

        assert folded.past_due_since == at(9)

    @pytest.mark.parametrize("breaking", [Status.UNPAID, Status.PAUSED, Status.ACTIVE])
    def test_another_status_breaks_the_run(self, breaking: Status) -> None:
        told = [event("evt_1", 0, PAST_DUE), event("evt_2", 5, state(breaking)), event("evt_3", 9, PAST_DUE)]

        assert fold(told).past_due_since == at(9)

    @pytest.mark.parametrize(
        "changed",
        [
            state(Status.PAST_DUE, quantity=9),
            state(Status.PAST_DUE, price="price_team"),
            replace(PAST_DUE, pause_collection=PauseCollection()),
        ],
    )
    def test_items_quantity_and_paused_collection_do_not_break_the_run(self, changed: SubscriptionState) -> None:
        told = [event("evt_1", 0, PAST_DUE), event("evt_2", 5, changed), event("evt_3", 9, PAST_DUE)]

        assert fold(told).past_due_since == at(0)

    def test_it_is_null_while_the_status_is_another(self) -> None:
        assert fold([event("evt_1", 0, PAST_DUE), event("evt_2", 5, UNPAID)]).past_due_since is None

    def test_a_late_fact_moves_it(self) -> None:
        told = [event("evt_1", 0, PAST_DUE), event("evt_3", 9, PAST_DUE)]

        assert fold([*told, event("evt_2", 5, ACTIVE)]).past_due_since == at(9)

    def test_an_ambiguous_second_counts_as_the_lesser_of_its_states(self) -> None:
        told = [event("evt_1", 0, PAST_DUE), event("evt_2", 5, PAST_DUE), event("evt_3", 5, ACTIVE)]

        assert fold(told).past_due_since == at(0)


states = st.builds(
    SubscriptionState,
    status=st.sampled_from(Status),
    items=st.lists(
        st.builds(
            Item,
            processor_id=st.sampled_from(["si_1", "si_2"]),
            price_id=st.sampled_from(["price_a", "price_b"]),
            quantity=st.none() | st.integers(0, 3),
            current_period_end=st.none() | st.datetimes(timezones=st.just(UTC)),
        ),
        max_size=2,
    ).map(tuple),
    ended_at=st.none() | st.none() | st.datetimes(timezones=st.just(UTC)),
    pause_collection=st.none()
    | st.builds(PauseCollection, behavior=st.none() | st.sampled_from(PauseBehavior), resumes_at=st.none()),
)
kinds = st.sampled_from(["created", "updated", "updated", "paused", "deleted"])
told_facts = st.lists(
    st.builds(lambda seconds, said, kind: (seconds, said, kind), st.integers(0, 4), states, kinds),
    min_size=1,
    max_size=6,
).map(
    lambda rows: [event(f"evt_{number}", seconds, said, kind=kind) for number, (seconds, said, kind) in enumerate(rows)]
)
answers = st.lists(st.tuples(st.integers(0, 40), states), max_size=3).map(
    lambda rows: [answer(f"whe_{number}", tenths / 4, said, sequence=0) for number, (tenths, said) in enumerate(rows)]
)


class TestEveryStory:
    @given(told_facts, st.data())
    def test_arrival_order_and_duplication_of_events_never_matter(self, told: list[Fact], data: st.DataObject) -> None:
        shuffled = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=3))]))

        assert fold(arriving(shuffled)) == fold(arriving(told))

    @given(told_facts, answers, st.data())
    def test_the_state_never_depends_on_arrival_even_with_answers(
        self, told: list[Fact], answered: list[Fact], data: st.DataObject
    ) -> None:
        one, other = fold(arriving([*told, *answered])), fold(arriving(data.draw(st.permutations([*told, *answered]))))

        assert (one.state, one.past_due_since, one.last_fact_at) == (
            other.state,
            other.past_due_since,
            other.last_fact_at,
        )

    @given(told_facts, answers, st.data())
    def test_once_no_fetch_is_owed_the_state_is_the_latest_answer(
        self, told: list[Fact], answered: list[Fact], data: st.DataObject
    ) -> None:
        facts = arriving(data.draw(st.permutations([*told, *answered])))

        folded = fold(facts)

        latest = [fact for fact in facts if fact.rank == ANSWERED][-1:]
        assert folded.fetch_owed or not latest or folded.state == latest[0].state

    @given(told_facts, answers, states)
    def test_a_fetch_after_everything_settles_everything(
        self, told: list[Fact], answered: list[Fact], said: SubscriptionState
    ) -> None:
        fetched = answer("whe_last", 60, said, sequence=99)

        folded = fold([*arriving([*told, *answered]), fetched])

        assert (folded.state, folded.fetch_owed) == (said, False)

    @given(told_facts, answers)
    def test_past_due_since_is_set_exactly_while_the_status_is_past_due(
        self, told: list[Fact], answered: list[Fact]
    ) -> None:
        folded = fold(arriving([*told, *answered]))

        assert (folded.past_due_since is not None) == past_due(folded.state)

    @given(told_facts)
    def test_without_answers_an_end_is_for_ever(self, told: list[Fact]) -> None:
        folded = fold(arriving(told))

        assert terminal(folded.state) == any(terminal(fact.state) for fact in told)


class TestWriting:
    @given(states)
    def test_a_state_survives_being_written_and_read(self, said: SubscriptionState) -> None:
        assert decode(encode(said)) == said

    def test_a_written_state_is_plain_json_with_instants_in_utc_and_microseconds(self) -> None:
        said = replace(
            ACTIVE, cancel_at=at(0).astimezone(), pause_collection=PauseCollection(behavior=PauseBehavior.VOID)
        )

        assert encode(said) == {
            "status": "active",
            "items": [
                {
                    "processor_id": "si_price_pro",
                    "price_id": "price_pro",
                    "quantity": 1,
                    "current_period_start": None,
                    "current_period_end": None,
                }
            ],
            "trial_end": None,
            "cancel_at": "2026-11-21T12:00:00.000000Z",
            "cancel_at_period_end": False,
            "ended_at": None,
            "pause_collection": {"behavior": "void", "resumes_at": None},
        }
