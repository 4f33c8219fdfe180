"""The walk over a schema and a host's routes that checks that every gate really guards, before anything is served."""

from collections.abc import Iterable, Iterator
from functools import partial

from starlette.applications import Starlette
from strawberry.types.base import StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.field import StrawberryField

from domain.entitlements import Call, Catalog
from domain.errors import ConfigError
from graphql_api import denials
from graphql_api.errors import MaskingSchema
from graphql_api.guards import Guard
from graphql_api.permissions import Gate, steps
from graphql_api.reception import Receiving
from graphql_api.requirements import GuardKind, Requirement

INSIDE = ("guard", "app", "_app", "_base_app", "router", "routes", "user_middleware", "endpoint", "cls", "__wrapped__")
"""Where Starlette's parts, middleware by custom, and decorated functions hold what is inside or behind them."""


def join(host: Starlette, seatgate: Starlette) -> None:
    """Let the guards on the routes of a host's own application ask this Seatgate, and check them.

    To be called when the routes are there and before the first request. Both applications live their own lives: the
    host starts and stops Seatgate with its own lifespan.

    Raises:
        ConfigError: no plan declares what a guard asks for, or what its `on_deny` names cannot be imported.
    """
    recognition = seatgate.state.recognition
    recognition.services.rollout.widen(partial(_check_routes, [host]))
    host.add_middleware(Receiving, recognition=recognition)


def _check_routes(routes: Iterable[object], catalog: Catalog) -> None:
    if faults := _faults_of_routes(routes, catalog):
        raise ConfigError(faults)


def check_gates(schema: MaskingSchema, catalog: Catalog, *, routes: Iterable[object] = ()) -> None:
    """Walk the schema and the routes and check every gate.

    Raises:
        ConfigError: a gate is not outermost, its field cannot be null, no plan declares its feature or plan, or what an
            `on_deny` names cannot be imported.
    """
    faults: list[str] = []
    found: list[Requirement] = []
    for name, field in _fields(schema):
        around = list(steps(field))
        gates = [step for step in around if isinstance(step, Gate)]
        if not gates:
            continue
        found += [gate.permission.requirement for gate in gates]
        if not isinstance(field.type, StrawberryOptional):
            faults.append(f"gate: {name} must be nullable, or one denial erases its siblings")
        if around[: len(gates)] != gates:
            faults.append(f"gate: {name} runs something before its gate; put the gate last in extensions")
    faults += _undeclared(found, catalog)
    faults += _unimportable(catalog.on_deny)
    faults += _faults_of_routes(routes, catalog)
    if faults:
        raise ConfigError(faults)


def _faults_of_routes(routes: Iterable[object], catalog: Catalog) -> list[str]:
    guards = list(_guards(routes))
    missing = [fault for guard in guards for fault in _unimportable(guard.on_deny)]
    return _undeclared([guard.requirement for guard in guards], catalog) + missing


def _undeclared(found: Iterable[Requirement], catalog: Catalog) -> list[str]:
    names: dict[GuardKind, set[str]] = {kind: set() for kind in GuardKind}
    for requirement in found:
        names[requirement.guard].add(requirement.required)
    return catalog.check_gates(features=names[GuardKind.FEATURE], plans=names[GuardKind.PLAN])


def _unimportable(form: object) -> list[str]:
    try:
        if isinstance(form, Call):
            denials.find_function(form)
    except ConfigError as error:
        return error.faults
    return []


def _guards(routes: Iterable[object]) -> Iterator[Guard]:
    """Find guards on routes, whatever stands around or between them: mounts, middleware, decorators, classes."""
    waiting: list[object] = [*routes]
    seen: dict[int, object] = {}
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, Guard):
            yield thing
            continue
        waiting += _inside(thing)


def _inside(thing: object) -> Iterator[object]:
    """List what a thing holds itself; what it would make up when asked for does not count."""
    if isinstance(thing, partial):
        yield thing.func
    if isinstance(thing, type):
        yield from (part for kind in thing.__mro__ for part in vars(kind).values())
    held = getattr(thing, "__dict__", {})
    for found in (held[name] for name in INSIDE if name in held):
        yield from found if isinstance(found, list) else [found]


def _fields(schema: MaskingSchema) -> Iterator[tuple[str, StrawberryField]]:
    for kind in schema.schema_converter.type_map.values():
        definition = kind.definition
        if isinstance(definition, StrawberryObjectDefinition):
            for field in definition.fields:
                yield f"{definition.name}.{field.name}", field
