"""What the head-end has heard, kept as one picture: accounts, the journal's end, who is there. Nothing else is known.

`Recorder` takes rows and live values as the reference head-end hands them over; `snapshot` gives what `picture` draws.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from gateway.demo.files import CURRENCY, Place
from gateway.headend.payloads import Live
from gateway.reference.chain import Checked

HISTORY_S = 60
_MESSAGES = 12
_ROWS = 60
_FRESH_S = 2.6
"""A live value that is older than this no longer says what the load is."""

_NOTICES = {
    "low": "Your credit is low. Please top up.",
    "grace": "Your credit is used up. Supply goes on for a little while: please top up.",
    "grace_expiring": "Your power will be limited very soon.",
    "limited": "Limited to {limit_w} W until you top up.",
    "suspended": "Supply is cut. A top-up brings it back at once.",
    "restored": "Thank you! Full supply is back.",
}
_EVENTS = {
    "limit.warning": "Too much load: off in {seconds} s.",
    "limit.trip": "Too much load: off for {seconds} s.",
    "limit.reclosed": "On again. Stay below {limit_w} W.",
}


@dataclass(frozen=True, slots=True)
class AccountScene:
    """One account as last heard. `load_w` has one value for each of the last 60 s, None where nothing was heard."""

    account_id: str
    title: str
    wire: str
    contract_power_w: int
    state: str = "?"
    balance: str = "?"
    currency: str = CURRENCY
    relay: str | None = None
    power_w: int | None = None
    limit_w: int | None = None
    lockout: bool = False
    load_w: tuple[int | None, ...] = ()
    messages: tuple[str, ...] = ()
    stale: bool = True


@dataclass(frozen=True, slots=True)
class RowScene:
    """One checked journal row in a line."""

    seq: int
    hash: str
    account_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the live view shows at one instant."""

    accounts: tuple[AccountScene, ...]
    rows: tuple[RowScene, ...] = ()
    elapsed_s: float = 0.0
    selected: int = 0
    broker: bool = True
    gateway: bool = False
    trust: str = ""
    lines: tuple[bool, ...] = (True, True)
    loads: tuple[bool, ...] = (False, False)
    verified: int = 0
    trouble: str = ""
    note: str = ""


@dataclass(slots=True)
class _Heard:
    scene: AccountScene
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=HISTORY_S * 4))
    messages: deque[str] = field(default_factory=lambda: deque(maxlen=_MESSAGES))
    limit_w: int | None = None


class Recorder:
    """Collects; `at_s` is the time since the start of the demonstration."""

    def __init__(self, places: tuple[Place, ...]) -> None:
        self._heard = {
            place.account_id: _Heard(AccountScene(place.account_id, place.name, place.wire, place.contract_power_w))
            for place in places
        }
        self._rows: deque[RowScene] = deque(maxlen=_ROWS)
        self._verified = 0
        self._trust = ""

    def row(self, row: Checked) -> None:
        """A row whose number and hash follow from the one before."""
        body = row.body
        self._verified = row.seq
        self._trust = body["at"]["trust"]
        self._rows.append(RowScene(row.seq, row.hash, body.get("account_id", ""), describe(body)))
        heard = self._heard.get(body.get("account_id", ""))
        if heard is None:
            return
        heard.scene = _after_row(heard.scene, body)
        if body["type"] == "transition":
            heard.limit_w = body.get("limit_w")
        message = _message(body)
        if message:
            heard.messages.append(message)

    def live(self, live: Live, at_s: float) -> None:
        """A live value."""
        heard = self._heard.get(live.account_id)
        if heard is None:
            return
        heard.scene = replace(
            heard.scene,
            state=live.state,
            balance=live.balance,
            currency=live.currency,
            relay=live.switch,
            power_w=live.power_w,
            lockout=live.lockout is not None,
        )
        if live.power_w is not None:
            heard.samples.append((at_s, live.power_w))

    def account(self, account_id: str) -> AccountScene:
        """One account as last heard, without its history."""
        heard = self._heard[account_id]
        limit_w = heard.limit_w if heard.scene.state == "LIMITED" else None
        return replace(heard.scene, limit_w=limit_w)

    def accounts(self, at_s: float) -> tuple[AccountScene, ...]:
        """All accounts with their last 60 s."""
        return tuple(
            replace(
                self.account(account_id),
                load_w=_history(heard.samples, at_s),
                messages=tuple(heard.messages),
                stale=not heard.samples or at_s - heard.samples[-1][0] > _FRESH_S,
            )
            for account_id, heard in self._heard.items()
        )

    @property
    def rows(self) -> tuple[RowScene, ...]:
        """The end of the journal."""
        return tuple(self._rows)

    @property
    def verified(self) -> int:
        """How many rows stand in an unbroken chain."""
        return self._verified

    @property
    def trust(self) -> str:
        """What the gateway's time was worth in the last row."""
        return self._trust


def rounded(money: str) -> str:
    """Money as people read it: whole cents, rounded down, so that nobody seems to have more than they have."""
    try:
        return str(Decimal(money).quantize(Decimal("0.01"), ROUND_FLOOR))
    except InvalidOperation:
        return money


def describe(body: dict[str, Any]) -> str:
    """One journal row in a few words."""
    match body["type"]:
        case "entry":
            sign = "" if str(body["amount"]).startswith("-") else "+"
            used = ""
            if body.get("from_register_wh") is not None and body.get("to_register_wh") is not None:
                used = f" for {body['to_register_wh'] - body['from_register_wh']} Wh"
            return f"{body['kind']} {sign}{body['amount']}{used}: balance {body['balance']}"
        case "transition":
            limit = f", limit {body['limit_w']} W" if body.get("limit_w") is not None else ""
            return f"{body['source']} -> {body['target']} ({body['rule']}{limit})"
        case "notice":
            return f"customer told: {body['template']}"
        case "receipt":
            reason = f", {body['reason']}" if body["reason"] else ""
            return f"command {body['command']}: {body['status']}{reason}"
        case "epoch":
            return "the daemon started"
        case _:
            reason = body.get("detail", {}).get("reason")
            return f"{body.get('what', body['type'])}{f' ({reason})' if reason else ''}"


def _after_row(scene: AccountScene, body: dict[str, Any]) -> AccountScene:
    """Rows come the moment something happens; live values only with the next reading."""
    match body["type"], body.get("what"):
        case "transition", _:
            return replace(scene, state=body["target"], balance=body["balance"])
        case "entry", _:
            return replace(scene, balance=body["balance"])
        case "event", "switch.opened":
            return replace(scene, relay="DISCONNECTED")
        case "event", "switch.closed":
            return replace(scene, relay="CONNECTED")
        case _:
            return scene


def _message(body: dict[str, Any]) -> str:
    match body["type"]:
        case "notice":
            template = _NOTICES.get(body["template"], body["template"])
        case "event":
            template = _EVENTS.get(body["what"], "")
        case _:
            return ""
    return str(template).format_map(body.get("detail", {}))


def _history(samples: deque[tuple[float, int]], at_s: float) -> tuple[int | None, ...]:
    """One value for each of the last 60 s; a value holds until the next one, if that comes soon."""
    values: list[int | None] = []
    known = list(samples)
    index = 0
    last: tuple[float, int] | None = None
    for second in range(HISTORY_S):
        until_s = at_s - HISTORY_S + 1 + second
        while index < len(known) and known[index][0] <= until_s:
            last = known[index]
            index += 1
        values.append(last[1] if last is not None and until_s - last[0] <= _FRESH_S else None)
    return tuple(values)
