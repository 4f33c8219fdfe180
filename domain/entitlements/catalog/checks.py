"""Turns values of a parsed TOML file into typed ones and collects what is wrong with them, each with its place."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from domain.entitlements.catalog.values import GREATEST

E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands: `catalog.toml: plans.pro.limits`."""

    value: object
    place: str

    def child(self, key: str, value: object) -> "Node":
        """Make the node of a key of this one."""
        return Node(value, f"{self.place}.{key}")


@dataclass(frozen=True, slots=True)
class Checks:
    """Reads nodes. Whatever is wrong becomes a fault, and a harmless value stands in so that the rest is read too.

    An absent node (None) gives the default, where there is one.
    """

    faults: list[str] = field(default_factory=list)

    def fault(self, node: Node, message: str) -> None:
        """Note what is wrong at a place."""
        self.faults.append(f"{node.place}: {message}")

    def table(self, node: Node | None, known: Collection[str] | None = None) -> Mapping[str, Node]:
        """Read a table; with `known`, other keys are faults, else no key may be empty."""
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.fault(node, "must be a table")
            return {}
        children = {key: node.child(key, value) for key, value in node.value.items()}
        for key, child in children.items():
            if known is None:
                self.text(Node(key, child.place))
            elif key not in known:
                self.fault(child, "unknown key")
        return children

    def number(self, node: Node | None, default: int = 1, *, least: int = 1, most: int = GREATEST) -> int:
        """Read a whole number; a boolean is none."""
        if node is None:
            return default
        if type(node.value) is int and least <= node.value <= most:
            return node.value
        self.fault(node, f"must be a whole number from {least} to {most}")
        return default

    def text(self, node: Node | None, default: str = "") -> str:
        """Read a text that is not blank, without the one character that PostgreSQL cannot keep."""
        if node is None:
            return default
        if isinstance(node.value, str) and node.value.strip() and "\0" not in node.value:
            return node.value
        self.fault(node, "must be a text that is not blank")
        return default

    def matching(self, node: Node, pattern: re.Pattern[str], what: str) -> re.Match[str] | None:
        """Read a text of a certain shape; `what` says which."""
        match = pattern.fullmatch(node.value) if isinstance(node.value, str) else None
        if match is None:
            self.fault(node, f"must be {what}")
        return match

    def texts(self, node: Node | None) -> tuple[str, ...]:
        """Read a list of texts, sorted; one that is there twice counts once."""
        if node is None:
            return ()
        if not isinstance(node.value, list):
            self.fault(node, "must be a list of texts")
            return ()
        return tuple(sorted({self.text(node.child(str(at), value)) for at, value in enumerate(node.value)}))

    def flag(self, node: Node | None) -> bool:
        """Read true or false; false when absent."""
        if node is not None and not isinstance(node.value, bool):
            self.fault(node, "must be true or false")
        return node is not None and node.value is True

    def choice(self, node: Node | None, default: E) -> E:
        """Read one of the words of the default's set."""
        if node is None:
            return default
        found = next((member for member in type(default) if member.value == node.value), None)
        if found is None:
            self.fault(node, "must be " + " or ".join(f'"{member.value}"' for member in type(default)))
        return found or default
