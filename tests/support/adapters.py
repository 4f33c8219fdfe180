"""An adapter as a host would write it: people by a cookie of the host's own, proofs by a word that is right once."""

from dataclasses import dataclass, field
from typing import Any

from domain.db import Session
from domain.errors import Forbidden, Unauthenticated
from domain.identity import Asking, User, Visitor

RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest(Visitor):
    """What the host knows of a person beyond what Seatgate asks for."""

    number: int


@dataclass(kw_only=True)
class Host:
    """Takes `x-guest: name` for a proof of who is asking, numbers its people, and has no step-up."""

    admins: set[str] = field(default_factory=set)
    asked: list[Asking] = field(default_factory=list)
    told: list[tuple[User | None, Any]] = field(default_factory=list)

    async def current_user(self, *, asking: Asking) -> Guest | None:
        self.asked.append(asking)
        name = asking.headers.get("x-guest")
        if name is None:
            return None
        if name == "nobody":
            raise Unauthenticated
        address = f"{name}@example.com"
        return Guest(issuer="host", subject="", email=address, name=name.title(), issued_at=None, number=len(name))

    async def require_admin(self, *, visitor: Guest) -> bool:
        if visitor.name not in self.admins:
            raise Forbidden
        return True

    def user_schema(self) -> type[Guest]:
        return Guest

    async def actor_id(self, *, visitor: Guest) -> str:
        return f"{visitor.name}-{visitor.number}"

    async def log_audit(self, *, user: User | None, event: Any) -> None:
        self.told.append((user, event))


@dataclass(kw_only=True)
class CarefulHost(Host):
    """The same with step-up: the proof is `{"word": "right…"}`, and each challenge is numbered."""

    challenges: list[tuple[str, str]] = field(default_factory=list)
    looked_at: list[tuple[str, Any]] = field(default_factory=list)

    async def step_up_challenge(self, *, user: User, action: str) -> Any:
        self.challenges.append((user.id, action))
        return {"number": len(self.challenges)}

    async def verify_step_up(self, *, session: Session, user: User, action: str, proof: Any) -> bool:
        assert await session.get(User, user.id) is user
        self.looked_at.append((action, proof))
        return isinstance(proof, dict) and str(proof.get("word")).startswith(RIGHT)
