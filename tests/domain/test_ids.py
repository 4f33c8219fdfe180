"""Ids: a prefix that tells the type, and a UUID of version 7 whose leading digits follow the clock."""

import re
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ids
from domain.ids import Prefix

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
instants = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware


@given(st.sampled_from(list(Prefix)), instants)
def test_an_id_is_its_prefix_and_a_uuid_of_version_7(prefix: Prefix, at: datetime) -> None:
    made = ids.new(prefix, at=at)

    assert re.fullmatch(r"[a-z]{3}_[0-9a-f]{32}", made)
    uuid = UUID(made[4:])
    assert (uuid.version, uuid.variant) == (7, RFC_4122)
    assert ids.prefix_of(made) is prefix
    assert uuid.int >> 80 == int(at.timestamp() * 1000)


@given(instants, st.timedeltas(timedelta(milliseconds=2), timedelta(days=900)))
def test_the_leading_digits_follow_the_clock(at: datetime, later: timedelta) -> None:
    assert ids.new(Prefix.USER, at=at) < ids.new(Prefix.USER, at=at + later)


def test_ids_of_one_instant_differ() -> None:
    assert len({ids.new(Prefix.USER, at=NOW) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "usr",
        "usr_",
        "xyz_" + "0" * 32,
        "usr_" + "0" * 31,
        "usr_" + "0" * 33,
        "usr_" + "A" * 32,
        "USR_" + "0" * 32,
        "usr_" + "0" * 32 + "\n",
        " usr_" + "0" * 32,
        "usr-" + "0" * 32,
    ],
)
def test_what_is_no_id_of_ours_has_no_prefix(text: str) -> None:
    assert ids.prefix_of(text) is None
