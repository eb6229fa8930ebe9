"""What this gateway does not know of its customers, it cannot lose (S0-09, S2-27, S4-26, S4-28)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.claims import Command
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.commands.kinds import KINDS
from gateway.commands.labels import masked
from gateway.config.settings import RecipientTable, Settings
from gateway.prepayment.account import Account
from gateway.store.codec import RECORD_TYPES

PERSONAL = frozenset(
    {
        "address",
        "birth",
        "card",
        "city",
        "email",
        "firstname",
        "fiscal",
        "holder",
        "iban",
        "lastname",
        "mobile",
        "pan",
        "passport",
        "person",
        "phone",
        "photo",
        "street",
        "surname",
    }
)
OURS = {"address"}
"""The Modbus address of a meter or relay board."""


def _names(kind: Any, seen: set[Any]) -> Iterator[str]:
    """The names of all fields a type can hold, however deep."""
    for part in get_args(kind):
        yield from _names(part, seen)
    try:
        known = kind in seen
    except TypeError:
        return
    if known or not (is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))):
        return
    seen.add(kind)
    own = [field.name for field in fields(kind)] if is_dataclass(kind) else list(kind.__struct_fields__)
    yield from own
    for hint in get_type_hints(kind, include_extras=True).values():
        yield from _names(hint, seen)


def _personal(kind: Any) -> set[str]:
    return {name for name in _names(kind, set()) if PERSONAL & set(name.split("_"))}


@pytest.mark.parametrize("command", sorted(Command))
def test_no_command_brings_personal_data(command: Command) -> None:
    """S2-27, S4-26: documents, names, addresses and phone numbers have no field to arrive in."""
    assert _personal(KINDS[command].body) == set()


def test_neither_the_account_nor_the_configuration_holds_personal_data() -> None:
    """S2-27, S4-28: a delivery point and a meter are all an account is known by; nothing of a person to erase.

    Only who is told by channels of this gateway is in its file, and in no row (docs/alerts.md): there it is taken out.
    """
    assert _personal(Account) == set()
    assert {name for kind in RECORD_TYPES for name in _personal(kind)} == set()
    others = {name: hint for name, hint in get_type_hints(Settings, include_extras=True).items() if name != "alerts"}
    assert {name for hint in others.values() for name in _personal(hint)} == OURS
    assert _personal(RecipientTable) == {"email", "phone"}


def _top_up(channel: str) -> TopUpBody:
    return TopUpBody("A1", 1, "5.00", "5.00", "CHF", channel)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("web 4111111111111111", "web 411111******1111"),
        ("card 5500 0000 0000 0004 ok", "card 5500 00** **** 0004 ok"),
        ("3400-0000-0000-009", "3400-00**-***0-009"),
        ("4111111111111112", "4111111111111112"),
        ("counter 27, receipt 20261122000123", "counter 27, receipt 20261122000123"),
        ("web", "web"),
    ],
)
def test_a_card_number_in_free_text_is_masked(written: str, kept: str) -> None:
    """S0-09: no card number is ever stored or logged, whoever puts it into a label."""
    assert masked(_top_up(written)).channel == kept
    assert masked(TopUpReverseBody("A1", 1, "5.00", "5.00", "CHF", written)).reason == kept


def test_ids_are_never_masked() -> None:
    """S0-09: what commands are matched by stays as it was signed."""
    body = TopUpBody("4111111111111111", 1, "5.00", "5.00", "CHF")
    assert masked(body) is body


@given(st.text(alphabet=st.sampled_from("0123456789 -x"), max_size=200))
def test_masking_keeps_the_length_and_everything_but_digits(text: str) -> None:
    """S0-09: masking is all that happens, once."""
    once = masked(_top_up(text)).channel
    assert len(once) == len(text)
    assert [(a, b) for a, b in zip(text, once, strict=True) if a != b and (b != "*" or not a.isdigit())] == []
    assert masked(_top_up(once)).channel == once
