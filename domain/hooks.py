"""Lifecycle hooks: what a host wants to know of a user's life. Given as a value, never registered by name elsewhere."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from domain.errors import CallbackRefused, ConfigError, Refused

if TYPE_CHECKING:
    from domain.db import Session
    from domain.scope import Scope

Check = Callable[..., Awaitable[None]]
"""`async check(*, session, user, scope)`: runs in the user's own transaction; `Refused(reason)` stops it."""

NAMES = ("on_register", "on_email_change")


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleHooks:
    """The checks of each hook, in the order they run.

    `on_register` runs when a user is made, `on_email_change` when a newer credential brings another verified address.
    """

    on_register: tuple[Check, ...] = ()
    on_email_change: tuple[Check, ...] = ()


def lifecycle_hooks(*given: Mapping[str, object]) -> LifecycleHooks:
    """Join several hosts' hooks, the first ones first.

    Raises:
        ConfigError: a name that is no hook, or a value that cannot be called. A misspelled hook must not stay silent.
    """
    faults = [f"hooks: there is no hook named {name!r}" for hooks in given for name in hooks if name not in NAMES]
    faults += [
        f"hooks: {name} is not callable" for hooks in given for name, check in hooks.items() if not callable(check)
    ]
    if faults:
        raise ConfigError(faults)
    return LifecycleHooks(
        **{name: tuple(cast("Check", hooks[name]) for hooks in given if name in hooks) for name in NAMES}
    )


async def run(checks: Iterable[Check], *, step: str, session: "Session", user: Any, scope: "Scope") -> None:
    """Run the checks of one hook in order.

    Raises:
        CallbackRefused: one of them said no.
    """
    for check in checks:
        try:
            await check(session=session, user=user, scope=scope)
        except Refused as refused:
            raise CallbackRefused(operation="register", step=step, reason=refused.reason) from refused
