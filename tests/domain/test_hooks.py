"""Hooks are given as a value: a name that is none is told at once, and hosts' checks run in the order given."""

import pytest

from domain.errors import ConfigError
from domain.hooks import LifecycleHook, lifecycle_hooks


async def check(**_: object) -> None:
    pass


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        lifecycle_hooks({"on_registr": check, "on_register": "check"}, {"on_deleted": check})

    assert caught.value.faults == [
        "hooks: there is no hook named 'on_registr'",
        "hooks: there is no hook named 'on_deleted'",
        "hooks: on_register is neither a LifecycleHook nor callable",
    ]


def test_the_hooks_of_several_hosts_keep_their_order() -> None:
    first, second = LifecycleHook(), LifecycleHook()

    joined = lifecycle_hooks({"on_register": first}, {}, {"on_register": second, "on_delete": first})

    assert joined.on_register == (first, second)
    assert joined.on_delete == (first,)
    assert joined.on_email_change == ()


def test_a_class_in_the_place_of_a_hook_is_told() -> None:
    with pytest.raises(ConfigError):
        lifecycle_hooks({"on_delete": LifecycleHook})
