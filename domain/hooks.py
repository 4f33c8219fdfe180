"""Lifecycle hooks: what a host wants to know of a user's life. Given as a value, never registered by name elsewhere.

| name | when |
|---|---|
| `on_register` | a user is made |
| `on_email_change` | a newer credential or the host brings another verified address |
| `on_delete` | a user is deleted, the only hook with deeds outside |
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.errors import CallbackRefused, ConfigError, Refused

if TYPE_CHECKING:
    from domain.db import Session
    from domain.scope import Scope

Check = Callable[..., Awaitable[None]]
"""`async check(*, session, user, scope)`: a plain function in the place of a hook is its check."""

NAMES = ("on_register", "on_email_change", "on_delete")


class Irrevocable(Exception):
    """Raised by `perform` when a part of its deed is done for good: from here on the deletion only goes forward."""


class Undecided(Exception):
    """Raised by `perform` when nobody can tell yet whether anything is done: it is asked again until that is known."""


class LifecycleHook:
    """What a host overrides. Every method does nothing by default."""

    async def check(self, *, session: "Session", user: Any, scope: "Scope") -> None:
        """Run inside the user's own transaction; raise `Refused(reason)` and nothing of it stays."""

    async def perform(self, *, user: Any, operation_id: str) -> None:
        """Act outside, in no transaction; `on_delete` alone calls it.

        It may run again with the same `operation_id`, so it bears repetition. Raising means that it has failed and
        nothing is done; raise `Irrevocable` when something is, and `Undecided` when that is unknown, as it is taken to
        be of whatever does not end in time. `user` is a plain copy: `id issuer subject email name`.
        """

    async def apply(self, *, session: "Session", user: Any, scope: "Scope") -> None:
        """Run inside the transaction that ends what `check` began; it may not refuse. `on_delete` alone calls it."""


class _Checking(LifecycleHook):
    """A plain function as a hook."""

    def __init__(self, check: Check) -> None:
        self._check = check

    async def check(self, *, session: "Session", user: Any, scope: "Scope") -> None:
        await self._check(session=session, user=user, scope=scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleHooks:
    """The hooks of each name, in the order they run."""

    on_register: tuple[LifecycleHook, ...] = ()
    on_email_change: tuple[LifecycleHook, ...] = ()
    on_delete: tuple[LifecycleHook, ...] = ()


def lifecycle_hooks(*given: Mapping[str, object]) -> LifecycleHooks:
    """Join several hosts' hooks, the first ones first.

    Raises:
        ConfigError: a name that is no hook, or a value that is neither a hook nor callable. A misspelled hook must not
            stay silent.
    """
    faults = [f"hooks: there is no hook named {name!r}" for hooks in given for name in hooks if name not in NAMES]
    faults += [
        f"hooks: {name} is neither a LifecycleHook nor callable"
        for hooks in given
        for name, hook in hooks.items()
        if not isinstance(hook, LifecycleHook) and (isinstance(hook, type) or not callable(hook))
    ]
    if faults:
        raise ConfigError(faults)
    return LifecycleHooks(**{name: tuple(_hook(hooks[name]) for hooks in given if name in hooks) for name in NAMES})


def _hook(given: Any) -> LifecycleHook:
    return given if isinstance(given, LifecycleHook) else _Checking(given)


def acting(hooks: Iterable[LifecycleHook]) -> list[LifecycleHook]:
    """List the hooks that have a deed outside, in order."""
    return [hook for hook in hooks if type(hook).perform is not LifecycleHook.perform]


async def run_checks(
    hooks: Iterable[LifecycleHook], *, operation: str, step: str, session: "Session", user: Any, scope: "Scope"
) -> None:
    """Run the checks of one name in order.

    Raises:
        CallbackRefused: one of them said no.
    """
    for hook in hooks:
        try:
            await hook.check(session=session, user=user, scope=scope)
        except CallbackRefused:
            raise
        except Refused as refused:
            raise CallbackRefused(operation=operation, step=step, reason=refused.reason) from refused
