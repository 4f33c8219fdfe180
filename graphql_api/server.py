"""What is running here, without secrets or addresses."""

from functools import lru_cache
from importlib.metadata import version
from typing import Any

from strawberry import Info
from strawberry.schema.base import BaseSchema

from domain.billing import Processor
from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.enums import CapabilityLabel, ProcessorName
from graphql_api.evolution import fingerprint


@described
class Capability:
    """What a processor can do; name as in subscription.swap_plan."""

    name: str
    label: CapabilityLabel


@described
class ProcessorInfo:
    """A configured processor, the rail of new subscriptions first."""

    name: ProcessorName
    livemode: bool
    capabilities: list[Capability]

    @classmethod
    def of(cls, processor: Processor) -> "ProcessorInfo":
        """Tell of a processor."""
        labels = sorted(processor.capabilities.items())
        return cls(
            name=processor.name,
            livemode=processor.livemode,
            capabilities=[Capability(name=name, label=label) for name, label in labels],
        )


@described
class ServerInfo:
    """What is running here, without secrets or addresses."""

    version: str
    schema_hash: str
    catalog_version: str
    processors: list[ProcessorInfo]


async def tell_server_info(info: Info[Context, Any]) -> ServerInfo | None:
    """What is running here. Public."""
    services = info.context.services
    processors = [ProcessorInfo.of(processor) for processor in services.processors.values()]
    return ServerInfo(
        version=version("seatgate"),
        schema_hash=_hash_of(info.schema),
        catalog_version=services.catalog.version,
        processors=processors,
    )


@lru_cache(maxsize=8)
def _hash_of(schema: BaseSchema) -> str:
    return fingerprint(schema.as_str())
