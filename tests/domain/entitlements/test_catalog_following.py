"""What the catalog says of quantities that follow the seats and of the end of dunning, and what it refuses."""

from datetime import timedelta

import pytest

from domain.billing.lifecycle import Dunning, TerminalAction
from domain.billing.quantities import SeatPolicy, SeatQuantity
from domain.entitlements.catalog import Catalog, parse
from domain.errors import ConfigError


def plan(seat_quantity: str, more: str = "") -> str:
    return f"""
        [plans.team]
        limits = {{ seats = "unlimited" }}
        price_ids = ["price_team"]
        seat_quantity = {seat_quantity}
        {more}
    """


def read(text: str) -> Catalog:
    return parse({"catalog.toml": text})


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        read(text)
    return raised.value.faults


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{}", SeatQuantity(up=SeatPolicy.AT_ONCE, down=SeatPolicy.NEXT_PERIOD, debounce_seconds=10)),
        (
            '{ up = "never", down = "at_once", debounce_seconds = 0 }',
            SeatQuantity(up=SeatPolicy.NEVER, down=SeatPolicy.AT_ONCE, debounce_seconds=0),
        ),
        (
            '{ up = "next_period", down = "never", debounce_seconds = 86400 }',
            SeatQuantity(up=SeatPolicy.NEXT_PERIOD, down=SeatPolicy.NEVER, debounce_seconds=86400),
        ),
    ],
)
def test_a_seat_quantity_is_read_as_it_says(written: str, meant: SeatQuantity) -> None:
    catalog = read(plan(written))

    assert catalog.plans["team"].seat_quantity == meant
    assert catalog.seat_quantity_of("price_team") == meant
    assert catalog.shortest_debounce == timedelta(seconds=meant.debounce_seconds)


def test_a_price_without_one_and_an_unknown_price_follow_nothing() -> None:
    catalog = read("[plans.pro]\nlimits = { seats = 5 }\nprice_ids = ['price_pro']")

    assert catalog.seat_quantity_of("price_pro") is None
    assert catalog.seat_quantity_of("price_nowhere") is None
    assert catalog.shortest_debounce is None


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ('"at_once"', "seat_quantity: must be a table"),
        ("true", "seat_quantity: must be a table"),
        ('{ sideways = "never" }', "seat_quantity.sideways: unknown key"),
        ('{ up = "soon" }', "seat_quantity.up: must be"),
        ("{ down = true }", "seat_quantity.down: must be"),
        ("{ debounce_seconds = -1 }", "seat_quantity.debounce_seconds: must be a whole number"),
        ("{ debounce_seconds = 86401 }", "seat_quantity.debounce_seconds: must be a whole number"),
        ("{ debounce_seconds = true }", "seat_quantity.debounce_seconds: must be a whole number"),
        ('{ up = "never", down = "never" }', "seat_quantity: follows in neither direction"),
    ],
)
def test_a_malformed_seat_quantity_is_a_fault_at_its_place(written: str, place: str) -> None:
    [fault] = faults(plan(written))

    assert fault.startswith(f"catalog.toml: plans.team.{place}")


def test_an_add_on_follows_nothing() -> None:
    [fault] = faults(plan("{}", "add_on = true"))

    assert fault == "catalog.toml: plans.team.seat_quantity: goes with a base plan only, not with an add-on"


def test_a_plan_that_nobody_can_buy_follows_nothing() -> None:
    [fault] = faults('[plans.free]\nlimits = { seats = 1 }\nseat_quantity = { up = "at_once" }')

    assert fault == "catalog.toml: plans.free.seat_quantity: goes with a plan that has prices"


def test_all_faults_of_a_seat_quantity_are_told_at_once() -> None:
    assert len(faults(plan('{ up = 1, down = 2, debounce_seconds = "x", more = 3 }', "add_on = true"))) == 5


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", Dunning(days=14, action=TerminalAction.NONE)),
        ('dunning_terminal_action = "none"', Dunning(days=14, action=TerminalAction.NONE)),
        (
            'dunning_terminal_action = "cancel"\ndunning_grace_days = 3',
            Dunning(days=3, action=TerminalAction.CANCEL),
        ),
        ('dunning_terminal_action = "pause"', Dunning(days=14, action=TerminalAction.PAUSE)),
    ],
)
def test_the_end_of_dunning_is_read_as_it_says(written: str, meant: Dunning) -> None:
    assert read(written).dunning == meant


@pytest.mark.parametrize("written", ['"unpaid"', '"CANCEL"', "true", "14"])
def test_an_action_that_nobody_can_ask_for_is_a_fault(written: str) -> None:
    [fault] = faults(f"dunning_terminal_action = {written}")

    assert fault == 'catalog.toml: dunning_terminal_action: must be "none" or "cancel" or "pause"'


def test_grace_and_dunning_tell_of_a_wrong_number_of_days_once() -> None:
    assert len(faults('past_due_grace = "dunning"\ndunning_grace_days = 0')) == 1


def test_both_are_part_of_the_version() -> None:
    said = [
        plan("{}"),
        plan('{ up = "never" }'),
        plan("{ debounce_seconds = 9 }"),
        'dunning_terminal_action = "cancel"' + plan("{}"),
        'dunning_terminal_action = "pause"' + plan("{}"),
    ]

    assert len({read(text).version for text in said}) == len(said)
    assert read(plan("{}")).version == read(plan('{ up = "at_once", down = "next_period" }')).version
