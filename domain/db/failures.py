"""What a database's errors mean: a lost race, a database that is away, or a fault of whoever asked."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# serialization failure, deadlock, lock not available
RETRIED_STATES = {"40001", "40P01", "55P03"}
READ_ONLY = "25006"
# no connection, read-only, no entry, no such database, no room, stopped by an operator or a time limit, disk trouble
AWAY_STATES = ("08", READ_ONLY, "28", "3D", "53", "57", "58")


def worth_retrying(error: Exception) -> bool:
    """Say whether a race was lost, or a lock not had in time."""
    locked = isinstance(error, OperationalError) and "database is locked" in str(error)
    return locked or _state(error) in RETRIED_STATES


def unreachable(error: Exception) -> bool:
    """Say whether the database could not be reached or was too busy."""
    if isinstance(error, (PoolTimeout, OSError, OperationalError, InterfaceError)):
        return True
    return _state(error).startswith(AWAY_STATES) or worth_retrying(error)


def written_to_a_snapshot(error: Exception) -> bool:
    """Say whether somebody wrote where only reading is allowed."""
    return _state(error) == READ_ONLY


def passing(error: Exception) -> bool:
    """Say whether the work is not at fault: it lost a race or its connection, and the whole transaction may run again.

    Whoever catches errors inside a transaction lets these through to `Database.run`.
    """
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, OSError) or worth_retrying(error)


def _state(error: Exception) -> str:
    """Give PostgreSQL's five characters for an error; empty where there are none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""
