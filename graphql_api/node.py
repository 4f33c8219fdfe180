"""The interface of everything that has an id of ours."""

import strawberry

from graphql_api.described import described_interface


@described_interface
class Node:
    """Whatever has an id of ours: a prefix that names its type, an underscore, 32 lower-case hex digits."""

    id: strawberry.ID
