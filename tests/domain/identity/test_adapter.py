"""The seam to a host's own identity: what an adapter must be, and that nobody is let in by what it does wrong."""

from dataclasses import dataclass
from typing import Any

import pytest

from domain.db import Database, Session
from domain.errors import ConfigError, Forbidden, Unauthenticated
from domain.identity import Asking, AuthAuditForwarder, User, Visitor, check_adapter, recognize
from domain.wiring import Services, build
from tests.support.adapters import CarefulHost, Guest, Host
from tests.support.clock import FixedClock
from tests.support.wired import settings_of, user

MISSING = ["user_schema", "current_user", "require_admin", "actor_id", "log_audit"]


def asking(**headers: str) -> Asking:
    return Asking(headers=headers, path="/graphql", remote_address=None)


def guest(name: str) -> Asking:
    return asking(**{"x-guest": name})


def faults(adapter: object) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        check_adapter(adapter)
    return refused.value.faults


class Unsteady(Host):
    """Does one thing wrong."""

    def __init__(self, **wrong: Any) -> None:
        super().__init__()
        self.wrong = wrong

    async def actor_id(self, *, visitor: Guest) -> str:
        found: str = self.wrong.get("actor_id", "ann")
        return found

    async def require_admin(self, *, visitor: Guest) -> bool:
        answer: bool = self.wrong.get("require_admin", False)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def current_user(self, *, asking: Asking) -> Guest | None:
        found: Guest | None = self.wrong.get("current_user") or await super().current_user(asking=asking)
        return found


@pytest.mark.parametrize("adapter", [Host(), CarefulHost()])
def test_an_adapter_with_the_five_callbacks_and_both_or_neither_of_step_up_is_in_order(adapter: Host) -> None:
    check_adapter(adapter)


def test_every_missing_callback_is_named_at_once() -> None:
    assert faults(object()) == [f"auth: {name} is missing" for name in MISSING]


def test_a_class_in_the_place_of_an_adapter_is_refused() -> None:
    assert faults(Host) == ["auth: give an instance of Host, not the class"]


def test_half_of_step_up_is_refused() -> None:
    class NeverVerifies(Host):
        async def step_up_challenge(self, *, user: User, action: str) -> Any: ...

    class NeverAsks(Host):
        async def verify_step_up(self, *, session: Session, user: User, action: str, proof: Any) -> bool:
            return True

    assert faults(NeverVerifies()) == ["auth: verify_step_up is missing, although step_up_challenge is there"]
    assert faults(NeverAsks()) == ["auth: step_up_challenge is missing, although verify_step_up is there"]


def test_callbacks_that_cannot_be_called_as_they_will_be_are_refused_together() -> None:
    class Wrong(Host):
        def require_admin(self, *, visitor: Any) -> bool:  # type: ignore[override]  # the fault of the test
            return True

        async def actor_id(self, *, person: Any) -> str:  # type: ignore[override]  # the fault of the test
            return ""

        log_audit = "not callable"  # type: ignore[assignment]  # the fault of the test

        async def user_schema(self) -> type[Guest]:  # type: ignore[override]  # the fault of the test
            return Guest

    assert faults(Wrong()) == [
        "auth: user_schema is no plain function",
        "auth: require_admin is not async",
        "auth: actor_id takes other arguments than visitor, by keyword",
        "auth: log_audit is not async",
    ]


def test_the_type_of_people_must_be_a_kind_of_visitor() -> None:
    class Other(Host):
        def user_schema(self) -> type[Guest]:
            return dict  # type: ignore[return-value]  # the fault of the test

    class Asks(Host):
        def user_schema(self, what: str) -> type[Guest]:  # type: ignore[override]  # the fault of the test
            return Guest

    assert faults(Other()) == ["auth: user_schema names no kind of Visitor"]
    assert faults(Asks()) == ["auth: user_schema takes no arguments"]


def test_a_wrong_adapter_stops_the_start(database_url: str, clock: FixedClock) -> None:
    with pytest.raises(ConfigError, match="auth: current_user is missing"):
        build(settings_of(database_url), auth=object(), clock=clock)  # type: ignore[arg-type]  # the fault of the test


async def test_who_shows_no_credential_is_nobody() -> None:
    assert await recognize(Host(), asking()) is None


async def test_a_credential_that_proves_nothing_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        await recognize(Host(), guest("nobody"))


async def test_a_person_is_known_by_the_hosts_id_and_keeps_the_hosts_own_facts() -> None:
    found = await recognize(Host(admins={"Ann"}), guest("ann"))

    assert found == Guest(
        issuer="host",
        subject="Ann-3",
        email="ann@example.com",
        name="Ann",
        issued_at=None,
        administrator=True,
        number=3,
    )


@pytest.mark.parametrize("answer", [False, None, 1, "yes", Forbidden()])
async def test_only_a_plain_yes_makes_an_administrator(answer: object) -> None:
    found = await recognize(Unsteady(require_admin=answer), guest("ann"))

    assert found is not None
    assert found.administrator is False


async def test_an_adapter_that_says_administrator_and_is_not_asked_twice_is_overruled_by_its_own_no() -> None:
    claims = Guest(issuer="host", subject="ann", email=None, name=None, issued_at=None, administrator=True, number=1)

    found = await recognize(Unsteady(current_user=claims, require_admin=False), asking())

    assert found is not None
    assert found.administrator is False


@pytest.mark.parametrize("id", [None, 7, "", "x" * 256])
async def test_an_id_that_is_no_text_of_its_size_lets_nobody_in(id: object) -> None:
    with pytest.raises(TypeError, match="actor_id"):
        await recognize(Unsteady(actor_id=id), guest("ann"))


async def test_a_value_of_another_type_lets_nobody_in() -> None:
    stranger = Visitor(issuer="host", subject="ann", email=None, name=None, issued_at=None)

    with pytest.raises(TypeError, match="current_user"):
        await recognize(Unsteady(current_user=stranger), asking())


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    action: str
    actor_id: str


async def test_the_bridge_tells_of_an_event_with_the_person_who_acted(services: Services, database: Database) -> None:
    host = Host()
    ann = await user(services, "ann")
    forwarder = AuthAuditForwarder(host, database=database)
    event = Event(action="membership.added", actor_id=ann.actor.id)

    await forwarder.forward(event)

    [(found, told)] = host.told
    assert (forwarder.name, told) == ("auth_adapter", event)
    assert found is not None
    assert (found.id, found.subject, found.email) == (ann.actor.id, "ann", "ann@example.com")


async def test_the_bridge_tells_of_what_the_system_did_and_of_who_is_gone_without_a_person(
    services: Services, database: Database
) -> None:
    host = Host()

    for actor in ("worker", f"usr_{'0' * 32}"):
        await AuthAuditForwarder(host, database=database).forward(Event(action="a.b", actor_id=actor))

    assert [found for found, _ in host.told] == [None, None]


async def test_what_an_adapter_raises_at_an_event_reaches_whoever_contains_it(
    services: Services, database: Database
) -> None:
    class Deaf(Host):
        async def log_audit(self, *, user: User | None, event: Any) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await AuthAuditForwarder(Deaf(), database=database).forward(Event(action="a.b", actor_id="worker"))
