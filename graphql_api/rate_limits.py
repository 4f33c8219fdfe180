"""How often one caller may run a mutation that others could use to guess or to list; counted for all processes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from strawberry import Info
from strawberry.extensions import FieldExtension

from domain import rates
from domain.scope import Scope


@dataclass(frozen=True, kw_only=True)
class Limited(FieldExtension):
    """Lets each caller try so often in a window. Stands outside the unit of work, so that refused tries count too.

    `when` tells by the caller and the input which tries are counted.
    """

    most: int
    window: timedelta = timedelta(minutes=1)
    when: Callable[[Scope, Any], bool] = lambda *_: True

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **arguments: Any
    ) -> Any:
        """Count the try, then run the mutation.

        Raises:
            RateLimited: the caller has had all tries of this window.
        """
        caller: Scope = info.context.caller
        if self.when(caller, arguments["input"]):
            services = info.context.services
            bucket = f"{info.field_name}:{caller.name}"
            await rates.spend(services.database, services.clock, bucket=bucket, most=self.most, window=self.window)
        return await next_(source, info, **arguments)
