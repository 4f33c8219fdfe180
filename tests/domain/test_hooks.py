"""Hooks are given as a value: a name that is none is told at once, and hosts' checks run in the order given."""

import pytest

from domain.errors import ConfigError
from domain.hooks import lifecycle_hooks


async def check(**_: object) -> None:
    pass


async def another(**_: object) -> None:
    pass


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        lifecycle_hooks({"on_registr": check, "on_register": "check"}, {"on_delete": check})

    assert caught.value.faults == [
        "hooks: there is no hook named 'on_registr'",
        "hooks: there is no hook named 'on_delete'",
        "hooks: on_register is not callable",
    ]


def test_the_hooks_of_several_hosts_keep_their_order() -> None:
    joined = lifecycle_hooks({"on_register": check}, {}, {"on_register": another, "on_email_change": check})

    assert joined.on_register == (check, another)
    assert joined.on_email_change == (check,)
