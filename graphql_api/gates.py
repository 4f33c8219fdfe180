"""The walk over the schema that checks that every gate really guards."""

from collections.abc import Iterator

from strawberry.types.base import StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.field import StrawberryField

from domain.entitlements import Catalog
from domain.errors import ConfigError
from graphql_api.errors import MaskingSchema
from graphql_api.permissions import RequireFeature


def check_gates(schema: MaskingSchema, prices: Catalog) -> None:
    """Walk the schema and check every gate.

    Raises:
        ConfigError: a gate is not outermost, its field cannot be null, or no plan declares its feature.
    """
    faults: list[str] = []
    features: set[str] = set()
    for name, field in _fields(schema):
        steps = list(_steps(field))
        gates = [step for step in steps if isinstance(step, RequireFeature)]
        if not gates:
            continue
        features |= {gate.feature for gate in gates}
        if not isinstance(field.type, StrawberryOptional):
            faults.append(f"gate: {name} must be nullable, or one denial erases its siblings")
        if steps[: len(gates)] != gates:
            faults.append(f"gate: {name} runs something before its gate; put the gate last in extensions")
    faults += prices.check_gates(features=features, plans=())
    if faults:
        raise ConfigError(faults)


def _steps(field: StrawberryField) -> Iterator[object]:
    """List what runs around a field's resolver, outermost first: permissions one by one, other extensions whole."""
    for extension in reversed(field.extensions):
        yield from getattr(extension, "permissions", [extension])


def _fields(schema: MaskingSchema) -> Iterator[tuple[str, StrawberryField]]:
    for kind in schema.schema_converter.type_map.values():
        definition = kind.definition
        if isinstance(definition, StrawberryObjectDefinition):
            for field in definition.fields:
                yield f"{definition.name}.{field.name}", field
