"""The published shape of what the store writes: one Struct per record, derived from the dataclasses by codec's rules.

`gateway/contract.py` makes the JSON Schema from these and a test decodes every kind of row with them, so the document,
the writer and a strict reader cannot drift apart.
"""

from __future__ import annotations

from dataclasses import fields
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_type_hints

import msgspec

from gateway.prepayment.events import Moment
from gateway.prepayment.intervals import Interval
from gateway.prepayment.ledger import NANO, UTC_MS
from gateway.prepayment.rating import Line
from gateway.store.codec import RECORD_TYPES

Money = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^-?(0|[1-9][0-9]*)\.[0-9]{2,9}$",
        description="Exact decimal amount in the currency beside it, at least two decimals.",
        examples=["20.00", "-3.2147"],
    ),
]
Instant = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        description="UTC with milliseconds.",
        examples=["2026-01-31T12:00:00.000Z"],
    ),
]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in hex.")]
Named = Annotated[
    dict[str, str | int], msgspec.Meta(description="Named facts; a reader ignores names it does not know.")
]

_PLACE: list[tuple[str, Any]] = [
    (
        "seq",
        Annotated[int, msgspec.Meta(ge=1, description="Number in the journal, without gaps, over the whole life.")],
    ),
    ("epoch", Annotated[str, msgspec.Meta(description="The run of the daemon that wrote it.")]),
    ("prev", Hash),
]


def journal_types() -> dict[str, type[msgspec.Struct]]:
    """One tagged Struct for each `type` of journal row; their Union decodes any row."""
    return {tag: _struct(record, tag=tag) for record, tag in RECORD_TYPES.items()}


def interval_type() -> type[msgspec.Struct]:
    """The Struct of a quarter-hour as it is sent."""
    return _struct(Interval, extra=[("account_id", str), ("number", int)])


def row_decoder() -> msgspec.json.Decoder[Any]:
    """A strict decoder of any journal row; raises msgspec.ValidationError."""
    return msgspec.json.Decoder(Union[tuple(journal_types().values())])  # noqa: UP007  built at run time


def _struct(source: type, *, tag: str = "", extra: list[tuple[str, Any]] | None = None) -> type[msgspec.Struct]:
    place = extra if extra is not None else (_PLACE if tag else [])
    taken = {name for name, _ in place}
    hints = get_type_hints(source)
    members = [_member(field.name, hints[field.name]) for field in fields(source)]
    required = [member for member in members if len(member) == 2 and member[0] not in taken]
    optional = [member for member in members if len(member) == 3]
    return msgspec.defstruct(
        source.__name__,
        [*place, *required, *optional],
        namespace={"__doc__": source.__doc__},
        tag_field="type" if tag else None,
        tag=tag or None,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def _member(name: str, hint: Any) -> tuple[str, Any] | tuple[str, Any, Any]:  # noqa: ANN401  a type, whatever it is
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    given = [option for option in options if option is not type(None)]
    name, kind = _kind(name, given[0])
    if len(given) != len(options):
        return name, Union[kind, msgspec.UnsetType], msgspec.UNSET  # noqa: UP007  not every kind knows |
    return name, kind


def _kind(name: str, hint: Any) -> tuple[str, Any]:  # noqa: ANN401  a type, whatever it is
    if name == "detail":
        return name, Named
    if hint is int and name.endswith(NANO):
        return name.removesuffix(NANO), Money
    if hint is int and name.endswith(UTC_MS):
        return name.removesuffix(UTC_MS), Instant
    if hint is Moment:
        return name, _moment
    if hint == tuple[Line, ...]:
        return name, list[_line]  # type: ignore[valid-type]
    assert hint in (int, str, bool) or issubclass(hint, Enum), f"{name}: no wire form for {hint}"
    return name, hint


_moment: type[msgspec.Struct] = msgspec.defstruct(
    "Moment",
    [
        ("utc", Instant),
        ("trust", get_type_hints(Moment)["trust"]),
        ("running_ms", Annotated[int, msgspec.Meta(ge=0, description="Observed while running, over the whole life.")]),
    ],
    namespace={"__doc__": Moment.__doc__},
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
)
_line: type[msgspec.Struct] = _struct(Line)
