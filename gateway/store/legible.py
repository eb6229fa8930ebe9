"""What becomes of a row that has rotted on the card and is met while the gateway runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from gateway.errors import CommandRefused, StoreDamaged


@contextmanager
def legible(**where: str | int) -> Iterator[None]:
    """A rotten row that is met here costs the answer, not the daemon: CommandRefused(row_unreadable, **where)."""
    try:
        yield
    except StoreDamaged as damage:
        raise CommandRefused("row_unreadable", **where, error=str(damage).partition(". ")[0]) from damage
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandRefused("row_unreadable", **where, error=str(error)[:120]) from error
