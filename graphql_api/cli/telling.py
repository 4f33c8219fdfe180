"""What every command begins and ends with: the settings of this process, faults in one message, and tables."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from domain import settings
from domain.errors import ConfigError
from domain.settings import Settings


@contextmanager
def told() -> Iterator[None]:
    """Say every fault of the configuration in one message and leave with code 2."""
    try:
        yield
    except ConfigError as error:
        typer.echo("Seatgate cannot do this:\n" + "\n".join(f"  - {fault}" for fault in error.faults), err=True)
        raise typer.Exit(2) from None


def read_settings() -> Settings:
    """Read the settings of this process: the environment, and the folder it stands in."""
    return settings.read(os.environ, folder=Path.cwd())


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows, the first of them the titles, as lines with every column as wide as it needs to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
