"""Takes variables out of the environment one by one and remembers every fault. Knows names, not meanings."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from domain.settings.parsing import Fault

T = TypeVar("T")

PREFIX = "SEATGATE_"


class Reader:
    """Reads prefixed variables; after the last one `faults` holds everything that is wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.faults: list[str] = []
        self._asked: set[str] = set()
        self._given = {name.removeprefix(PREFIX): environ[name] for name in environ if name.startswith(PREFIX)}

    def given(self, name: str) -> bool:
        """Say whether the variable is set at all; a blank one is."""
        self._asked.add(name)
        return name in self._given

    def value(self, name: str, default: T, parse: Callable[[str], T]) -> T:
        """Parse a variable; the default stands in for one that is not set, and for a faulty one, which is noted."""
        if not self.given(name):
            return default
        try:
            return parse(_plain(self._given[name]))
        except Fault as fault:
            self.fault(name, str(fault))
            return default

    def fault(self, name: str, text: str) -> None:
        """Note what is wrong with a variable."""
        self.faults.append(f"{PREFIX}{name} {text}")

    def refuse_others(self) -> None:
        """Note every variable that nobody has asked for: a setting without effect would be believed."""
        for name in sorted(self._given.keys() - self._asked):
            self.fault(name, "is unknown")


def _plain(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Fault("is not UTF-8") from None
    if not value.strip():
        raise Fault("is blank")
    return value.strip()
