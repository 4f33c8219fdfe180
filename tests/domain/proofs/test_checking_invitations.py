"""Invitations hold seats too, and turn into members: what the checker makes of them."""

import pytest

from domain.organizations import InvitationStatus
from domain.proofs.seats.history import Operation
from domain.proofs.seats.violations import ViolationKind
from tests.support.histories import HALF_DONE, LOST, OVERSOLD, WHILE_FREE, Tale, kinds


def test_an_invitation_holds_the_last_seat() -> None:
    tale = Tale(limit=2)
    tale.invite(0, 10, 20)
    tale.full(1, 30, 40)

    assert tale.violations() == []

    tale.add(1, 50, 60)

    assert set(kinds(tale)) == {OVERSOLD}


def test_an_invitation_into_a_full_house_is_found_and_a_refusal_of_a_free_one_too() -> None:
    oversold, shy = Tale(limit=1), Tale(limit=2)
    oversold.invite(0, 10, 20)
    shy.full(0, 10, 20, operation=Operation.INVITE)

    assert set(kinds(oversold)) == {OVERSOLD}
    assert kinds(shy) == [WHILE_FREE]


def test_whoever_accepts_keeps_the_seat_even_over_the_limit() -> None:
    tale = Tale(limit=2)
    invitation = tale.invite(0, 10, 20)
    tale.set_limit(1, 30, 40)
    tale.accept(invitation, 50, 60)

    assert tale.violations() == []


def test_an_accepted_invitation_and_its_member_are_one_seat() -> None:
    tale = Tale(limit=2)
    member = tale.accept(tale.invite(0, 10, 20), 30, 40)
    tale.remove(member, 50, 60)
    tale.full(1, 70, 80)

    assert kinds(tale) == [WHILE_FREE]


def test_an_accepted_invitation_makes_no_room_while_it_becomes_a_member() -> None:
    tale = Tale(limit=2)
    tale.accept(tale.invite(0, 10, 20), 30, 60)
    tale.add(1, 40, 50)

    assert set(kinds(tale)) == {OVERSOLD}


def test_inviting_anew_and_adding_the_invited_need_no_other_seat() -> None:
    tale = Tale(limit=2)
    tale.invite(0, 10, 20)
    tale.invite(0, 30, 40)
    tale.add(0, 50, 60)

    assert tale.violations() == []


def test_a_seat_that_was_revoked_is_free_again() -> None:
    tale = Tale(limit=2)
    tale.revoke(tale.invite(0, 10, 20), 30, 40)
    tale.full(1, 50, 60)

    assert kinds(tale) == [WHILE_FREE]


def test_what_was_told_of_an_invitation_must_stand_in_its_table() -> None:
    revoked, accepted, missing, ended = Tale(limit=2), Tale(limit=2), Tale(limit=2), Tale(limit=2)
    revoked.revoke(revoked.invite(0, 10, 20), 30, 40, gone=False)
    revoked.ended.add("inv_0_10")
    invitation = accepted.invite(0, 10, 20)
    accepted.accept(invitation, 30, 40)
    accepted.end(invitation, InvitationStatus.REVOKED)
    missing.invite(0, 10, 20, there=False)
    missing.added.add("inv_0_10")
    ended.end(ended.invite(0, 10, 20), InvitationStatus.SUPERSEDED)

    assert kinds(revoked) == [LOST]
    assert LOST in kinds(accepted)
    assert kinds(missing) == [LOST]
    assert kinds(ended) == [LOST]


def test_an_invitation_nobody_was_told_of_needs_a_call_that_was_cut_off() -> None:
    explained, unexplained = Tale(limit=3), Tale(limit=3)
    explained.invite(0, 10, None)
    unexplained.invite(0, 10, 20)
    unexplained.calls.clear()

    assert explained.violations() == []
    assert kinds(unexplained) == [HALF_DONE]


@pytest.mark.parametrize("happened", [True, False])
def test_accepting_that_was_cut_off_may_have_happened_or_not(happened: bool) -> None:
    tale = Tale(limit=2)
    tale.accept(tale.invite(0, 10, 20), 30, None, there=happened)
    tale.full(1, 40, 50)

    assert tale.violations() == []


def test_whoever_may_have_accepted_is_not_accused_of_being_over_the_limit() -> None:
    tale = Tale(limit=2)
    invitation = tale.invite(0, 10, 20)
    tale.set_limit(1, 30, 40)
    member = tale.accept(invitation, 50, None)
    tale.in_vain(member, 60, 70)

    assert tale.violations() == []


def test_an_invitation_that_surely_held_its_seat_opens_the_door() -> None:
    refused, meanwhile = Tale(limit=2), Tale(limit=2)
    refused.in_vain(refused.invite(0, 10, 20), 30, 40, operation=Operation.ACCEPT)
    invitation = meanwhile.invite(0, 10, 20)
    meanwhile.in_vain(invitation, 30, 50, operation=Operation.ACCEPT)
    meanwhile.revoke(invitation, 40, 60)

    assert kinds(refused) == [WHILE_FREE]
    assert meanwhile.violations() == []


def test_seats_reserved_for_others_than_the_invited_are_found() -> None:
    tale = Tale(limit=3)
    tale.invite(0, 10, 20)
    tale.used = 1

    assert kinds(tale) == [ViolationKind.COUNTER_DIFFERS]
