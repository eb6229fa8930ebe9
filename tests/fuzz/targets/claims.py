"""What a key holder may sign, right or wrong, up to where it takes effect: claims -> body -> event -> account -> bytes.

The signature itself is taken as good here (a stand-in for the key; `envelope` has real ones), which is fifty times as
fast. A command that is accepted must leave an account that can be stored and read back, and rows that can be sent:
otherwise one signed command would end the daemon, at each start again.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway import shipped
from gateway.commands import Order, Reason, Role, verify
from gateway.commands.keys import Key
from gateway.commands.link import ReadNow
from gateway.commands.order import check_fresh
from gateway.config.calendars import load_calendar
from gateway.errors import CommandRefused
from gateway.prepayment.account import Account
from gateway.prepayment.agreement import open_account
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import AccountOpened, Moment, Reading, Suspected, SuspicionCause, TimeTrust
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.requests import Request
from gateway.prepayment.step import apply, next_deadline_ms
from gateway.store import codec
from gateway.store.wire import row_decoder
from tests.fuzz.mutation import mutate_json
from tests.fuzz.names import COMMANDS, GATEWAY, NOW_S, token
from tests.fuzz.target import Target
from tests.prepayment.worlds import TERMS, at, opened


class Trusting:
    """A public key that finds every signature good."""

    def verify(self, signature: bytes, data: bytes) -> None:
        pass


_KEY = Key("k1", "utility", cast("Ed25519PublicKey", Trusting()), frozenset(Role), None)
_HEADER = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"k1"}').rstrip(b"=") + b"."
_SIGNATURE = b"." + b"A" * 86
_SUSPECTED = apply(opened(), Suspected(at(500), SuspicionCause.FORK, "0123456789abcdef", 3), TERMS).account
_ACCOUNTS = (opened(), _SUSPECTED)
_CALENDARS = {name: load_calendar(shipped.folder() / "calendars" / f"{name}.toml") for name in ("ch-ti", "it-bands")}
_TERMS = replace(TERMS, calendars={**TERMS.calendars, **_CALENDARS})
_MOMENTS = (
    at(1000),
    Moment(NOW_S * 1000, TimeTrust.SYNCHRONISED, 5000),
    Moment(0, TimeTrust.UNKNOWN, 5000),
)
_ROWS = row_decoder()
_CARD = re.compile("([0-9][ -]?){13}")


def check(data: bytes) -> None:
    raw = _HEADER + base64.urlsafe_b64encode(data).rstrip(b"=") + _SIGNATURE
    try:
        envelope = verify(raw, {"k1": _KEY}, GATEWAY)
    except CommandRefused as refusal:
        Reason(refusal.reason)
        msgspec.json.encode(refusal.detail)
        return
    _same_as_the_standard_library(data, envelope.body)
    order = Order(envelope, frozenset({"challenge"}))
    for moment in _MOMENTS:
        try:
            check_fresh(envelope, order.challenges, moment)
        except CommandRefused as refusal:
            msgspec.json.encode(refusal.detail)
        try:
            event = order.event(moment)
        except CommandRefused as refusal:
            Reason(refusal.reason)
            msgspec.json.encode(refusal.detail)
            continue
        if isinstance(event, ReadNow):
            continue
        for account in _ACCOUNTS:
            _carried_out(event, account, moment)


def _carried_out(event: Request | AccountOpened, account: Account, moment: Moment) -> None:
    outcome = open_account(event, _TERMS) if isinstance(event, AccountOpened) else apply(account, event, _TERMS)
    if isinstance(outcome, Verdict):
        return
    _can_be_stored(outcome.account)
    later = replace(moment, utc_ms=moment.utc_ms + 60_000, running_ms=moment.running_ms + 60_000)
    used = apply(outcome.account, Reading(later, 100), _TERMS)
    _can_be_stored(used.account)
    for seq, record in enumerate((*outcome.records, *used.records), 1):
        row = codec.canonical({**codec.wire_record(record), "seq": seq, "epoch": "e", "prev": "0" * 64})
        _ROWS.decode(row)
    control(outcome.account, _TERMS)
    next_deadline_ms(outcome.account, _TERMS, moment)


def _can_be_stored(account: Account) -> None:
    text = codec.snapshot(account)
    assert codec.restore(account.account_id, codec.SNAPSHOT_FORMAT, text) == account


def _same_as_the_standard_library(data: bytes, body: msgspec.Struct) -> None:
    """Another JSON reader finds the same values: no two parties may understand one signed text differently."""
    claims: dict[str, Any] = json.loads(data)
    said = msgspec.convert(claims["body"], type(body))
    assert _kept(msgspec.to_builtins(said), msgspec.to_builtins(body))


def _kept(said: object, kept: object) -> bool:
    """Whether what is kept is what was said; digits may be stars, in a text that could hold a card number (S0-09)."""
    if isinstance(said, dict) and isinstance(kept, dict):
        return said.keys() == kept.keys() and all(_kept(value, kept[name]) for name, value in said.items())
    if isinstance(said, list) and isinstance(kept, list):
        return len(said) == len(kept) and all(map(_kept, said, kept))
    if isinstance(said, str) and isinstance(kept, str) and _CARD.search(said):
        return re.sub("[0-9]", "*", said) == re.sub("[0-9]", "*", kept)
    return said == kept


def seeds() -> Iterator[bytes]:
    for command, body in COMMANDS:
        payload = token(command, body, challenge="challenge").split(b".")[1]
        yield base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))


def mutate(data: bytes, chance: random.Random) -> bytes:
    return mutate_json(data, chance)


TARGET = Target(check, seeds, mutate, max_bytes=6000)
