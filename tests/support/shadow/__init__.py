"""A shadow log of the gate: random histories, what was answered in them, and the same asked again at the end."""

from tests.support.shadow.catalogs import CATALOGS, put_in_force
from tests.support.shadow.world import AT_MOST, Kept, World, world_of

__all__ = ["AT_MOST", "CATALOGS", "Kept", "World", "put_in_force", "world_of"]
