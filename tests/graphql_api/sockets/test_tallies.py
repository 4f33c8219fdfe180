"""Counting what is held and what comes in a second; no clock runs here."""

import pytest

from graphql_api.transport.sockets.tallies import Bucket, Full, Tally


def test_nobody_holds_more_than_the_most_and_what_is_given_back_is_forgotten() -> None:
    tally = Tally(2)
    with tally.held("ann"), tally.held("ann"):
        with pytest.raises(Full), tally.held("ann"):
            pass
        with tally.held("bob"):
            assert len(tally) == 3
    with tally.held("ann"):
        assert len(tally) == 1

    assert tally._held == {}


def test_what_is_held_is_given_back_when_something_fails() -> None:
    tally = Tally(1)
    with pytest.raises(RuntimeError), tally.held("ann"):
        raise RuntimeError

    assert len(tally) == 0


def test_a_bucket_lets_so_many_through_at_once_and_then_so_many_a_second() -> None:
    bucket = Bucket(capacity=3, per_second=2, now=100)

    assert [bucket.spend(100) for _ in range(4)] == [0, 0, 0, 0.5]
    assert [bucket.spend(100.5), bucket.spend(100.5)] == [0, 0.5]
    # A long rest fills it and no more.
    assert [bucket.spend(1000) for _ in range(4)] == [0, 0, 0, 0.5]
