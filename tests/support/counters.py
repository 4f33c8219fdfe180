"""A number in the database that is read and then written, so that a lost update shows."""

from sqlalchemy import text

from domain.db import Session


async def raise_by_one(session: Session, name: str = "a") -> None:
    lock = " FOR NO KEY UPDATE" if session.get_bind().dialect.name == "postgresql" else ""
    n = (await session.execute(text(f"SELECT n FROM counters WHERE name = :name{lock}"), {"name": name})).scalar_one()
    await session.execute(text("UPDATE counters SET n = :n WHERE name = :name"), {"n": n + 1, "name": name})
