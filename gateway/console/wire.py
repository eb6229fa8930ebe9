"""What the terminal and the daemon say to each other: one JSON object a line, one answer for each ask, in order.

This is the only module of the console that the terminal may import.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct, field

DEFAULT_SOCKET = "/run/prepaid-gateway/console.sock"
LINE_MAX_BYTES = 65_536
"""A longer line, either way, ends the connection: nothing that is asked or answered needs it."""


class Role(StrEnum):
    """Who may do what at the console; each may do all that those before it may."""

    NOBODY = "nobody"
    """Nobody has logged in: help, log in, enter a top-up, which proves itself."""
    VIEWER = "viewer"
    TECHNICIAN = "technician"
    SUPERVISOR = "supervisor"

    def allows(self, needed: Role) -> bool:
        """Whether this role is enough for something that needs `needed`."""
        order = tuple(Role)
        return order.index(self) >= order.index(needed)


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    """One request: `do` names an action (`gateway/console/actions.py`), `args` are its body."""

    id: Annotated[int, Meta(ge=0, le=2**53)]
    do: Annotated[str, Meta(max_length=64)]
    args: dict[str, Any] = field(default_factory=dict)


class Answer(Struct, frozen=True, omit_defaults=True):
    """The answer to the ask of this id: `data` when it is `ok`, else a stable `code`, its `reason` and the `detail`.

    Texts for people are not in here: the terminal has them, by code, in the technician's language.
    """

    id: int
    ok: bool
    data: Any = None
    code: str = ""
    reason: str = ""
    detail: dict[str, str | int] = field(default_factory=dict)
