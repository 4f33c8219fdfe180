"""What is running here, without secrets or addresses."""

from importlib.metadata import version
from typing import Any

from strawberry import Info

from graphql_api.context import Context
from graphql_api.described import described
from graphql_api.enums import ProcessorName


@described
class ProcessorInfo:
    """A configured processor, the rail of new subscriptions first."""

    name: ProcessorName
    livemode: bool


@described
class ServerInfo:
    """What is running here, without secrets or addresses."""

    version: str
    catalog_version: str
    processors: list[ProcessorInfo]


async def server_info(info: Info[Context, Any]) -> ServerInfo | None:
    """What is running here. Public."""
    services = info.context.services
    processors = [ProcessorInfo(name=name, livemode=one.livemode) for name, one in services.processors.items()]
    return ServerInfo(version=version("seatgate"), catalog_version=services.catalog.version, processors=processors)
