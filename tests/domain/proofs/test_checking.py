"""The checker accuses whoever broke a promise, and nobody whom some order of the calls could clear."""

from random import Random

import pytest

from domain.proofs.seats.violations import ViolationKind
from tests.support.histories import ORGANIZATION, Machine, Tale

OVERSOLD, WHILE_FREE = ViolationKind.OVERSOLD, ViolationKind.REFUSED_WHILE_FREE
LOST, HALF_DONE = ViolationKind.WRITE_LOST, ViolationKind.WRITE_HALF_DONE


def kinds(tale: Tale) -> list[ViolationKind]:
    return [violation.kind for violation in tale.violations()]


def test_members_who_come_and_go_within_the_limit_break_nothing() -> None:
    tale = Tale(limit=2)
    first = tale.add(0, 10, 20)
    tale.full(1, 30, 40)
    tale.remove(first, 50, 60)
    tale.add(1, 70, 80)

    assert tale.violations() == []


def test_somebody_let_in_after_the_last_seat_was_taken_is_found_with_the_call() -> None:
    tale = Tale(limit=2)
    tale.add(0, 10, 20)
    tale.add(1, 30, 40)

    found = tale.violations()

    assert [violation.kind for violation in found] == [OVERSOLD, OVERSOLD]
    assert {violation.organization_id for violation in found} == {ORGANIZATION}
    assert {violation.calls for violation in found} == {("add.1",)}


def test_two_at_once_for_one_seat_are_found_together() -> None:
    tale = Tale(limit=2)
    tale.add(0, 10, 30)
    tale.add(1, 20, 40)

    (found,) = tale.violations()

    assert found.kind is OVERSOLD
    assert sorted(found.calls) == ["add.0", "add.1"]
    assert "3 seats were surely held at once" in found.story


def test_somebody_who_leaves_meanwhile_may_have_made_room() -> None:
    tale = Tale(limit=2)
    first = tale.add(0, 10, 20)
    tale.remove(first, 30, 60)
    tale.add(1, 40, 50)

    assert tale.violations() == []


@pytest.mark.parametrize("end", [60, None])
def test_a_limit_that_rises_meanwhile_may_have_made_room(end: int | None) -> None:
    tale = Tale(limit=2)
    tale.add(0, 10, 20)
    tale.set_limit(3, 30, end)
    tale.add(1, 40, 50)

    assert tale.violations() == []


def test_a_limit_that_rises_afterwards_makes_no_room() -> None:
    tale = Tale(limit=2)
    tale.add(0, 10, 20)
    tale.add(1, 30, 40)
    tale.set_limit(3, 50, 60)

    assert set(kinds(tale)) == {OVERSOLD}


def test_a_downgrade_below_the_members_breaks_nothing_and_lets_nobody_in() -> None:
    tale = Tale(limit=4)
    tale.add(0, 10, 20)
    tale.add(1, 30, 40)
    tale.set_limit(2, 50, 60)

    assert tale.violations() == []

    tale.add(2, 70, 80)

    assert set(kinds(tale)) == {OVERSOLD}


def test_a_downgrade_that_overlaps_clears_whoever_came_in_meanwhile() -> None:
    tale = Tale(limit=2)
    tale.set_limit(1, 10, 40)
    tale.add(0, 20, 30)

    assert tale.violations() == []


def test_a_removal_that_was_cut_off_makes_room_only_if_it_happened() -> None:
    happened, not_happened = Tale(limit=2), Tale(limit=2)
    for tale, gone in ((happened, True), (not_happened, False)):
        tale.remove(tale.add(0, 10, 20), 30, None, gone=gone)
        tale.add(1, 40, 50)

    assert happened.violations() == []
    assert set(kinds(not_happened)) == {OVERSOLD}


def test_an_addition_that_was_cut_off_counts_from_the_moment_that_somebody_saw_it() -> None:
    tale = Tale(limit=2)
    unheard = tale.add(0, 10, None)
    tale.in_vain(unheard, 30, 35)
    tale.add(1, 40, 50)

    assert OVERSOLD in kinds(tale)


def test_a_refusal_while_a_seat_was_free_all_along_is_found_with_the_call() -> None:
    tale = Tale(limit=2)
    tale.full(0, 10, 20)

    (found,) = tale.violations()

    assert found.kind is WHILE_FREE
    assert found.calls == ("add.0",)
    assert "1 seats at most were held and the limit was 2 at least" in found.story


def test_a_refusal_is_cleared_by_whoever_may_have_sat_there() -> None:
    coming, leaving, unheard = Tale(limit=2), Tale(limit=2), Tale(limit=2)
    coming.full(0, 10, 30)
    coming.remove(coming.add(1, 20, 40), 50, 60)
    leaving.remove(leaving.add(0, 10, 20), 30, 50)
    leaving.full(1, 40, 60)
    unheard.add(0, 10, None)
    unheard.full(1, 40, 60)

    assert [tale.violations() for tale in (coming, leaving, unheard)] == [[], [], []]


def test_a_refusal_is_not_cleared_by_an_addition_that_was_cut_off_and_never_happened() -> None:
    tale = Tale(limit=2)
    tale.add(0, 10, None, there=False)
    tale.full(1, 40, 60)

    assert kinds(tale) == [WHILE_FREE]


@pytest.mark.parametrize("end", [30, None])
def test_a_refusal_is_cleared_by_a_limit_that_may_have_been_lower(end: int | None) -> None:
    tale = Tale(limit=2)
    tale.set_limit(1, 10, end)
    tale.full(0, 20, 40)
    tale.set_limit(2, 50, 60)

    assert tale.violations() == []


def test_whoever_came_in_again_had_left_though_nobody_heard_of_it() -> None:
    tale = Tale(limit=3)
    tale.remove(tale.add(0, 10, 20), 30, None)
    again = tale.add(0, 40, 50)
    tale.remove(again, 60, 70)
    tale.full(1, 80, 90)

    assert kinds(tale) == [WHILE_FREE]


def test_a_member_who_is_gone_without_a_removal_is_a_lost_write() -> None:
    tale = Tale(limit=2)
    tale.add(0, 10, 20, there=False)
    tale.added.add("mem_0_10")

    assert kinds(tale) == [LOST]


def test_a_member_who_is_there_after_the_removal_is_a_lost_write() -> None:
    tale = Tale(limit=2)
    tale.remove(tale.add(0, 10, 20), 30, 40, gone=False)
    tale.removed.add("mem_0_10")

    assert kinds(tale) == [LOST]


def test_a_member_nobody_was_told_of_needs_a_call_that_was_cut_off() -> None:
    explained, unexplained, twice = Tale(limit=3), Tale(limit=3), Tale(limit=3)
    explained.add(0, 10, None)
    for tale in (unexplained, twice):
        tale.members["mem_x"] = "usr_0"
        tale.added.add("mem_x")
    twice.remove(twice.add(0, 10, None), 20, 30)

    assert explained.violations() == []
    assert kinds(unexplained) == [HALF_DONE]
    assert kinds(twice) == [HALF_DONE]


def test_a_member_is_removed_once() -> None:
    tale = Tale(limit=2)
    holder = tale.add(0, 10, 20)
    tale.remove(holder, 30, 40)
    tale.remove(holder, 50, 60)

    assert kinds(tale) == [HALF_DONE]


def test_a_command_and_its_row_in_the_ledger_are_one_write() -> None:
    added, removed, invented, removal = Tale(limit=2), Tale(limit=2), Tale(limit=2), Tale(limit=2)
    added.added.discard(added.add(0, 10, 20))
    holder = removed.add(0, 10, 20)
    removed.remove(holder, 30, 40)
    removed.removed.discard(holder)
    invented.added.add("mem_x")
    removal.removed.add(removal.add(0, 10, 20))

    assert [kinds(tale) for tale in (added, removed, invented, removal)] == [[HALF_DONE]] * 4


def test_a_counter_that_differs_from_its_rows_is_found_at_the_end_and_in_a_sample() -> None:
    tale = Tale(limit=2, used=2)
    tale.sample(10, 11, used=1, limit=2, holders=2)

    assert kinds(tale) == [ViolationKind.COUNTER_DIFFERS] * 2


def test_holders_who_are_not_the_members_are_found() -> None:
    tale = Tale(limit=2)
    tale.members["mem_0_10"] = "usr_founder"

    assert ViolationKind.COUNTER_DIFFERS in kinds(tale)


def test_a_sample_that_rose_above_every_possible_limit_is_found() -> None:
    tale = Tale(limit=2)
    tale.sample(10, 11, used=1, limit=2)
    tale.sample(20, 21, used=3, limit=2)
    for person, (start, end) in enumerate([(2, 4), (5, 12), (13, 15), (18, 30), (40, 50)]):
        tale.remove(tale.add(person, start, end), end + 1, end + 2)

    oversold = [violation for violation in tale.violations() if "the counter rose" in violation.story]

    assert [violation.kind for violation in oversold] == [OVERSOLD]
    assert oversold[0].calls == ("add.2", "add.4", "add.6")


def test_a_sample_above_the_limit_that_did_not_rise_is_what_a_downgrade_leaves() -> None:
    tale = Tale(limit=3)
    tale.sample(10, 11, used=3, limit=3)
    tale.set_limit(2, 12, 13)
    tale.sample(20, 21, used=3, limit=2)

    assert tale.violations() == []


def test_a_limit_that_was_acknowledged_and_is_not_in_force_is_lost() -> None:
    tale = Tale(limit=2)
    tale.set_limit(3, 10, 20)
    tale.sample(30, 31, used=1, limit=2)

    assert [violation.kind for violation in tale.violations(limit=2)] == [ViolationKind.LIMIT_LOST] * 2
    assert [violation.kind for violation in tale.violations(limit=3)] == [ViolationKind.LIMIT_LOST]


@pytest.mark.parametrize("limit", [2, 3])
def test_a_limit_that_was_cut_off_may_be_in_force_or_not(limit: int) -> None:
    tale = Tale(limit=2)
    tale.set_limit(3, 10, None)

    assert tale.violations(limit=limit) == []


@pytest.mark.parametrize("seed", range(150))
def test_a_machine_that_keeps_its_promises_is_never_accused(seed: int) -> None:
    tale = Machine(Random(seed)).play(tasks=6, calls=200)

    assert tale.violations() == []


@pytest.mark.parametrize("seed", range(10))
def test_a_machine_that_oversells_is_found(seed: int) -> None:
    tale = Machine(Random(seed), oversells=True).play(tasks=10, calls=600)

    assert OVERSOLD in kinds(tale)


@pytest.mark.parametrize("seed", range(10))
def test_a_machine_that_refuses_the_last_seat_is_found(seed: int) -> None:
    tale = Machine(Random(seed), shy=True).play(tasks=6, calls=200)

    assert set(kinds(tale)) == {WHILE_FREE}


def test_an_empty_history_breaks_nothing() -> None:
    assert Tale(limit=2).violations() == []
