"""How far a command is, on standard error: a bar on a terminal, and a line every few seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

Show = Callable[[int, int, str], None]
"""Is told how much is done, of how much, and a word on it."""

LINE_SECONDS = 5


@contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Show]:
    """Show how far the block is; nothing with `quiet`."""
    if quiet:
        yield lambda _done, _of, _word: None
    elif sys.stderr.isatty():
        with _bar(title) as show:
            yield show
    else:
        yield _Lines()


@contextmanager
def _bar(title: str) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, of, word: bar.update(task, completed=done, total=of, description=word)


class _Lines:
    """Says how far it is, now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + LINE_SECONDS

    def __call__(self, done: int, of: int, word: str) -> None:
        if time.monotonic() >= self._next:
            self._next += LINE_SECONDS
            typer.echo(f"{done} of {of}, {word}", err=True)
