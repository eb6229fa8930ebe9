"""The sample values that every message must fit with, and the alphabet it must fit into."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.alerts.occasions import Occasion
from gateway.config.messages import Messages, load_messages
from gateway.config.settings import ContactTable
from gateway.prepayment.account import Account
from gateway.prepayment.civil import instant
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.supply import Commodity
from gateway.shipped import folder
from tests.prepayment.worlds import HOUR_MS, NANO, at, opened

LANGUAGES = ("it", "de", "fr", "en")
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""GSM 03.38, the basic table; written here anew."""
TWICE = "^{}\\[~]|€"
"""Characters that take two places."""

CONTACT = ContactTable("SES", "0848 338 338", "www.ses.ch", "lun-ven 8-18")
CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "low": (8, {"days_left": 4}),
    "grace": (-3, {"missing": "3.20", "next_state": "SUSPENDED", "not_before": instant(at(72 * HOUR_MS).utc_ms)}),
    "grace_limit": (
        -3,
        {
            "missing": "3.20",
            "next_state": "LIMITED",
            "limit_w": 495,
            "limit_percent": 15,
            "not_before": instant(at(72 * HOUR_MS).utc_ms),
        },
    ),
    "expiring": (-3, {"missing": "3.20", "not_before": instant(at(72 * HOUR_MS).utc_ms)}),
    "expiring_limit": (
        -3,
        {"missing": "3.20", "limit_w": 495, "limit_percent": 15, "not_before": instant(at(72 * HOUR_MS).utc_ms)},
    ),
    "limited": (
        -7,
        {"missing": "7.20", "limit_w": 495, "limit_percent": 15, "not_before": instant(at(240 * HOUR_MS).utc_ms)},
    ),
    "limited_arrears": (
        0,
        {"unpaid": "120.00", "limit_w": 495, "limit_percent": 15, "not_before": instant(at(240 * HOUR_MS).utc_ms)},
    ),
    "suspended": (-12, {"missing": "12.40", "reconnect": "auto"}),
    "suspended_armed": (-12, {"missing": "12.40", "reconnect": "armed"}),
    "suspended_gas": (-12, {"missing": "12.40", "reconnect": "armed"}),
    "suspended_arrears": (0, {"unpaid": "120.00", "reconnect": "auto"}),
    "restored": (20, {}),
    "restored_arrears": (0, {"unpaid": "0.00"}),
    "ready": (20, {}),
    "gas_paid": (20, {}),
    "topup": (26, {"sequence": 17, "total": "340.00", "channel": "web", "credited": "20.00", "balance": "26.80"}),
    "overload": (5, {"mean_w": 900, "limit_w": 495, "seconds": 120}),
}
"""Message -> balance and the facts of its row."""


def account(currency: str = "CHF", point: str = "CH0012345678") -> Account:
    """An account with a delivery point and a meter that has a serial number."""
    made = opened()
    return replace(made, currency=currency, delivery_point=point, meter_serial="21040123")


def occasion(message: str, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Occasion:
    """A row that leads to this message."""
    balance, detail = CASES[message]
    row = "suspended_armed" if message == "suspended_gas" else message
    return Occasion(7, "0123456789ab", at(0, trust), "CH-1", row, balance * NANO, detail)


def account_for(message: str, currency: str = "CHF") -> Account:
    """The account such a row is about."""
    gas = message in ("suspended_gas", "gas_paid")
    made = account(currency)
    return replace(made, commodity=Commodity.GAS) if gas else made


def shipped(language: str) -> Messages:
    """The messages as they are shipped."""
    return load_messages(folder() / "messages" / f"{language}.toml")


def septets(text: str) -> int:
    """The places a text takes in an SMS; ValueError for a character that GSM does not have."""
    size = 0
    for character in text:
        if character in TWICE:
            size += 2
        elif character in GSM:
            size += 1
        else:
            raise ValueError(f"{character!r} in {text!r}")
    return size
